"""All odd cases at once, a few records each."""

from pathlib import Path

from tests.dbt_project import odd_hub_results
from tests.dbt_project.zone import (
    V1_SCORES,
    V2_SCORES,
    code,
    compute,
    config,
    land,
    link,
    listing,
    v1,
    v2,
)

BAD_IDS = (
    "o'brien/model",
    'say "hi"/model',
    "../etc/passwd",
    "a/b/c",
    "a..b/c",
    "😀/model",
    "owner/",
    "/model",
    "semi;colon/model",
    "back\\slash",
    "new\nline",
    "",
)
#: A structure of 7 billion parameters, as the evaluations state.
WHOLE = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}


def fill(landing: Path) -> None:
    """Land everything."""
    _configs(landing)
    _listings(landing)
    _first_leaderboard(landing)
    _second_leaderboard(landing)
    _rest(landing)
    odd_hub_results.fill(landing)


def _configs(landing: Path) -> None:
    litgpt, gpu_poor = "litgpt-0.5.13", "gpu_poor-83ca8d0"
    rows = [
        config("odd/no-json", "{'hidden_size': 64}"),
        config("odd/no-text", None),
        config("odd/json-list", "[64, 2]"),
        config("odd/json-null", "null"),
        config("odd/text", {"hidden_size": "4096", "num_hidden_layers": 2}),
        config("odd/truth", {"hidden_size": True, "num_hidden_layers": 2}),
        config("odd/per-layer", {**WHOLE, "num_attention_heads": [4, 8]}),
        config("odd/whole-float", {"hidden_size": 4096.0}),
        config("odd/quoted-half", {"hidden_size": "4096.5", "num_hidden_layers": " 2 "}),
        config("odd/equal-list", {"num_attention_heads": [8, 8, 8], "hidden_size": [64, None]}),
        config("odd/bytes", None, raw=b'{"hidden_size": 64, "name": "\xff"}'),
        config("odd/no-heads", {"hidden_size": 4096, "num_hidden_layers": 32}),
        config("odd/half", {"hidden_size": 4096.5, "num_hidden_layers": 2}),
        config("odd/inner-null", {"n_embd": 768, "n_inner": None}),
        config("odd/inner-absent", {"n_embd": 768}),
        config("odd/inner-stated", {"n_embd": 768, "n_inner": 1000}),
        config(
            "odd/nested",
            {
                "model_type": "llava",
                "hidden_size": 1,
                "vision_config": {"hidden_size": 1024, "num_hidden_layers": 24},
                "text_config": {"hidden_size": 4096, "num_hidden_layers": 32},
            },
        ),
        config("odd/heads-only", {**WHOLE, "num_attention_heads": 32}),
        config("odd/qwen-type", {"model_type": "qwen", "intermediate_size": 22016}),
        config(
            "odd/qwen-class", {"architectures": ["QWenLMHeadModel"], "intermediate_size": 22016}
        ),
        config("odd/qwen-2", {"model_type": "qwen2", "intermediate_size": 22016}),
        config(
            "odd/mixtral",
            {"model_type": "mixtral", "moe_intermediate_size": 14336, "num_local_experts": 8},
        ),
        config("odd/qwen-moe", {"model_type": "qwen2_moe", "moe_intermediate_size": 1408}),
        config("odd/trust", {"num_key_value_heads": 128, "vocab_size": 65024, "hidden_size": 64}),
        config("odd/trust", {"num_key_value_heads": 8, "vocab_size": 65000}, litgpt),
        config("odd/trust", {"vocab_size": 65024, "n_embd": 64}, gpu_poor),
        config("odd/trust-last", {"vocab_size": 50254}, litgpt),
        config("odd/trust-last", {"vocab_size": 50304}, "somebody's mirror"),
        config("odd/5000-heads", {**WHOLE, "num_attention_heads": 5000}),
        config("odd/5000-or-40-heads", {**WHOLE, "num_attention_heads": 5000}),
        config("odd/5000-or-40-heads", {"n_head": 40}, gpu_poor),
        config("odd/no-source", WHOLE, None),
        config("odd/twice", WHOLE),
        config("odd/twice", WHOLE),
        config("odd/renewed", {"hidden_size": 128}, fetched_at="2024-01-01 00:00:00+00"),
        config(None, WHOLE),
        *(config(bad, WHOLE) for bad in BAD_IDS),
        *(
            config(model, WHOLE)
            for model in ("odd/best", "odd/flagged", "odd/too-high", "odd/one-missing")
        ),
    ]
    land(landing, "hub_configs", "2026.10", rows, raw="BLOB")
    # A batch with a column nobody knows and an optional one that the first batch lacks.
    later = [
        config("odd/renewed", {"hidden_size": 256}, surprise="!", sha="abc"),
        config("odd/twice", WHOLE),
    ]
    land(landing, "hub_configs", "2026.11", later, surprise="VARCHAR", sha="VARCHAR")


def _listings(landing: Path) -> None:
    rows = [
        listing("odd/listed", {"likes": 1, "downloads": 10}, "2025-01-01"),
        listing(
            "odd/listed",
            {"likes": 2, "downloads": 20, "createdAt": "2024-01-01T23:30:00.000Z"},
            "2026-01-01",
        ),
        listing("odd/listed", {"likes": 3}, "2024-01-01"),
        listing("odd/strange-types", {"likes": "many", "tags": "gptq", "config": 7, "author": 1}),
        listing("odd/broken-listing", '{"likes": 1'),
        listing("odd/listing-list", "[]"),
        listing(None, {"likes": 1}),
        *(listing(bad, {"likes": 1}) for bad in BAD_IDS),
    ]
    land(landing, "hub_models", "first", rows)
    land(landing, "hub_models", "second", rows[:1])


def _first_leaderboard(landing: Path) -> None:
    rows = [
        # The best is the later of the two that are unflagged, in 16 bits and of own weights.
        v1("odd/best", 90, Flagged=False, date="2024-05-01T00:00:00Z"),
        v1("odd/best", 80, Precision="4bit", date="2024-05-02T00:00:00Z"),
        v1("odd/best", 70, **{"Weight type": "Adapter"}, date="2024-05-03T00:00:00Z"),
        v1("odd/best", 20, date="2023-09-15T11:25:37.639075"),
        v1("odd/best", 10, date="2024-01-01T00:00:00Z"),
        v1("odd/best", 60, Precision="GPTQ", date="2024-05-04T00:00:00Z"),
        v1("odd/flagged", Flagged=False),
        v1("odd/merge", Merged=False, T="🤝"),
        v1("odd/moe", MoE=False, Architecture="?"),
        v1("odd/unflagged", T="?", Architecture="?"),
        v1("odd/iso", date="2023-09-15T23:25:37.639075"),
        v1("odd/zulu", date="2023-09-15T23:25:37Z"),
        v1("odd/blank-date", date="  "),
        v1("odd/no-date", date=None),
        v1("odd/too-high", 96.5),
        v1("odd/below-zero", -0.5),
        v1("odd/no-number", 50.0, MMLU=float("nan"), **{"Average ⬆️": None}),
        v1("odd/one-missing", GSM8K=None, **{"Average ⬆️": 50.0}),
        v1("odd/wrong-average", **{"Average ⬆️": 57.5}),
        v1("odd/fractions", **dict.fromkeys(V1_SCORES, 0.5), **{"Average ⬆️": 50.0}),
        v1("odd/future", date="2999-01-01T00:00:00Z"),
        v1("odd/failed", MMLU=60.0, GSM8K=0.0),
        v1("odd/weak", MMLU=25.0, GSM8K=0.0),
        v1("odd/contradicted", 50),
        v1("odd/contradicted", 40, date="2024-03-01T00:00:00.000"),
        v1("odd/renewed-score", 50, date="2024-03-01"),
        v1("odd/renewed-score", 60, date="2024-03-02"),
        v1("odd/text-only", T="?", Type="🟩 continuously pretrained"),
        v1("odd/symbol-against-text", T="🟢", Type="🔶 fine-tuned on domain-specific datasets"),
        v1("odd/rounded-average", **{"Average ⬆️": 52.45}),
        v1("odd/5000-heads"),
        v1("odd/no-json"),
        v1("odd/no-heads"),
        v1("odd/repeated"),
        v1("odd/repeated"),
        v1(" odd/padded "),
        *(v1(bad) for bad in BAD_IDS),
    ]
    land(landing, "open_llm_leaderboard_v1", "first", rows)
    land(landing, "open_llm_leaderboard_v1", "second", [v1("odd/repeated")])


def _second_leaderboard(landing: Path) -> None:
    rows = [
        v2("odd/remarked   has been flagged! See discussion #1022"),
        v2("odd/plain"),
        v2(None, Model=link("odd/link-only")),
        v2("odd/other-name", Model=link("odd/linked")),
        v2("odd/v2-fractions", **dict.fromkeys(V2_SCORES, 0.25), **{"Average ⬆️": 25.0}),
        v2("odd/v2-future", 30.0, **{"Upload To Hub Date": "2999-01-01"}),
        v2("odd/flag", Flagged=True),
        v2("odd/no-params", **{"#Params (B)": -1.0}),
        v2("odd/zero-params", **{"#Params (B)": 0.0}),
        v2("odd/odd-likes", **{"Hub ❤️": float("nan")}),
        v2("odd/huge-likes", **{"Hub ❤️": 1e30}),
        v2("odd/high", BBH=100.5),
        v2("odd/raw-high", **{"BBH Raw": 1.5}),
        v2("odd/v2-average", **{"Average ⬆️": 99.0}),
        v2("odd/v2-repeated"),
        v2("odd/v2-repeated"),
        *(v2(bad) for bad in BAD_IDS),
    ]
    land(landing, "open_llm_leaderboard_v2", "first", rows)
    land(landing, "open_llm_leaderboard_v2", "second", [v2("odd/v2-repeated")])


def _rest(landing: Path) -> None:
    hub = "https://huggingface.co/"
    rows = [
        code("Closed-4", None),
        code("Elsewhere", "https://example.com/odd/elsewhere"),
        code("Open", f"{hub}odd/open"),
        code("Open", f"{hub}odd/open", "hard", complete=20.0, instruct=None),
        code("Open", f"{hub}odd/open"),
        code("Unscored", f"{hub}odd/unscored", complete=None, instruct=None),
        code("Wrong", f"{hub}odd/wr..ong"),
        code("Fraction", f"{hub}odd/fraction", complete=0.412, instruct=0.3),
        code("Announced", f"{hub}odd/announced", date="2999-01-01"),
        code(None, None, complete=41.0),
    ]
    land(landing, "bigcodebench", "first", rows)
    studied = [
        compute("odd/studied"),
        compute("odd/studied"),
        compute("odd/studied", "sloth", 3.0),
        compute("odd/no-study", None),
        *(compute(bad) for bad in BAD_IDS),
    ]
    land(landing, "pretraining_compute", "first", studied)
