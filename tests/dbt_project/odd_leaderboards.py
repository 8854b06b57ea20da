"""Thousands of leaderboard records with random oddities, the same ones each time."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.dbt_project.odd_zone import BAD_IDS
from tests.dbt_project.zone import V1_SCORES, V2_SCORES, Row, link

#: The day of the build, before which some of the records are dated.
TODAY = "2026-11-22"
N = {"open_llm_leaderboard_v1": 3000, "open_llm_leaderboard_v2": 3000, "bigcodebench": 1500}
BATCHES = ("one", "two", "2026-11-22")

PRECISIONS = ("bfloat16", "float16", "4bit", "GPTQ", "int3", None)
WEIGHTS = ("Original", "Adapter", "Delta", "?", None)
SHAS = ("a1", "b2", "", None)
V1_DATES = (
    "2024-01-01T08:00:00Z", "2024-01-01T20:00:00.639075", "2024-01-02", "  ", "", "yesterday", None,
    "2026-11-22T23:00:00Z", "2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z", "2999-12-31",
)  # fmt: skip
V2_DATES = ("2024-08-05", "2024-08-06", "", None, "2026-11-23", "2026-11-24", "9999-12-31")
SYMBOLS = ("🟢", "🟩", "🔶", "💬", "🤝", "⭕", "⭕\ufe0f", " 🤝 ", "🌸", "❓", "?", "x", "", None)
TEXTS = (
    "🟢 pretrained", "🟩 continuously pretrained", "continously pretrained", "🔶 fine-tuned",
    "🔶 fine-tuned on domain-specific datasets", "💬 chat models (RLHF, DPO, IFT, ...)",
    "⭕ : instruction-tuned", "🟦 RL-tuned", "🤝 base merges and moerges", "merge", "🌸 multimodal",
    "❓ other", "not fine-tuned", "?", "", None,
)  # fmt: skip
#: What stands in place of a score: text that no number column holds is refused at landing.
ODD_SCORES = (None, float("nan"), float("inf"), float("-inf"), -0.5, 100.5, 5000.0, 0.0, 100.0, 0.5)


def _maybe(generator: random.Random, chance: float, odd: Any, usual: Any) -> Any:
    return odd if generator.random() < chance else usual


def _model(generator: random.Random) -> str:
    model = f"made/model-{generator.randrange(250)}"
    if generator.random() < 0.02:
        return generator.choice(BAD_IDS)
    return _maybe(generator, 0.03, f" {model} ", model)


def _linked(model: str) -> str:
    return model if model in BAD_IDS else link(model.strip())


def _scores(generator: random.Random, names: tuple[str, ...]) -> Row:
    """Return scores and their average; some are fractions, out of range, no number, missing."""
    base = generator.choice((0.0, 20.0, 40.0, 60.0))
    row: Row = {name: base + generator.choice((0, 5, 10.25, 15.004, 15)) for name in names}
    if generator.random() < 0.1:
        row[generator.choice(names)] = 0.0
    if generator.random() < 0.15:
        row[generator.choice(names)] = generator.choice(ODD_SCORES)
    if generator.random() < 0.05:
        row = {name: score and score / 100 for name, score in row.items()}
    if generator.random() < 0.01:
        row = dict.fromkeys(names)
    return row


def _average(generator: random.Random, scores: Row) -> float | None:
    stated = [score for score in scores.values() if score is not None]
    if not stated:
        return generator.choice((None, 50.0))
    mean = sum(stated) / len(stated)
    usual = mean + generator.choice((0.0, 0.04, -0.04))
    odd = generator.choice((mean + 5, mean / 100, mean * 100, float("nan"), float("inf"), None))
    return _maybe(generator, 0.1, odd, usual)


def _v1(generator: random.Random) -> Row:
    scores = _scores(generator, V1_SCORES)
    model = _model(generator)
    return {
        "T": generator.choice(SYMBOLS),
        "Type": generator.choice(TEXTS),
        "Model": _linked(model) if generator.random() < 0.1 else model,
        **scores,
        "Average ⬆️": _average(generator, scores),
        "Architecture": generator.choice(("LlamaForCausalLM", "?", "Unknown", None)),
        "Weight type": generator.choice(WEIGHTS[:2]),
        "Precision": generator.choice(PRECISIONS),
        "Merged": generator.choice((True, True, False, None)),
        "MoE": generator.choice((True, True, False, None)),
        "Flagged": generator.choice((True, True, True, True, False, None)),
        "#Params (B)": generator.choice((-1, 0, 7, 2**62, None)),
        "Hub ❤️": generator.choice((-1, 0, 5, None)),
        "Model sha": generator.choice(SHAS),
        "date": generator.choice(V1_DATES),
    }


def _v2(generator: random.Random) -> Row:
    scores = _scores(generator, V2_SCORES)
    model = _model(generator)
    other = _model(generator)
    remark = "   has been flagged! See discussion #1"
    name = _maybe(generator, 0.05, model + remark, model)
    return {
        "T": generator.choice(SYMBOLS),
        "Type": generator.choice(TEXTS),
        "Model": generator.choice(
            (None, _linked(model), _linked(model), _linked(other), "no link")
        ),
        "fullname": _maybe(generator, 0.1, generator.choice((None, "", "  ")), name),
        **scores,
        **{f"{score} Raw": generator.choice((0.5, 0.5, None)) for score in V2_SCORES},
        f"{generator.choice(V2_SCORES)} Raw": generator.choice((0.2, 1.5, -0.1, float("nan"))),
        "Average ⬆️": _average(generator, scores),
        "Weight type": generator.choice(WEIGHTS),
        "Precision": generator.choice(PRECISIONS[:2]),
        "Flagged": generator.choice((False, False, False, True, None)),
        "#Params (B)": generator.choice((7.242, -1.0, 0.0, 1e300, float("nan"), None)),
        "Hub ❤️": generator.choice((5.0, float("nan"), 1e30, None)),
        "Model sha": generator.choice(SHAS),
        "Base Model": generator.choice((None, "", "Removed", "made/model-0", "made/a (Merge)")),
        "Submission Date": generator.choice(V2_DATES),
        "Upload To Hub Date": generator.choice(V2_DATES),
    }


def _code(generator: random.Random) -> Row:
    hub = "https://huggingface.co/"
    model = f"made/model-{generator.randrange(250)}"
    links = (f"{hub}{model}", f"{hub}{model}/", None, "https://example.com/a/b", f"{hub}a/b..c")
    scores = {name: generator.choice((0.0, 0.7, 1.0, 30.1, 46.2)) for name in ("a", "b")}
    if generator.random() < 0.2:
        scores[generator.choice("ab")] = generator.choice((*ODD_SCORES, 0.462, 0.4))
    if generator.random() < 0.1:
        scores = {"a": generator.choice((0.462, 0.4)), "b": generator.choice((0.301, None, 0.3))}
    return {
        "split": generator.choice(("full", "hard", "full", "hard", "quick", None)),
        "name": generator.choice((model.split("/")[1], "Other name", None)),
        "link": generator.choice((links[0], *links)),
        "complete": scores["a"],
        "instruct": scores["b"],
        "moe": generator.choice((True, False, None)),
        "size": generator.choice((7.0, 0.0, 1e12, float("nan"), None)),
        "act_param": generator.choice((7.0, float("inf"), None)),
        "date": generator.choice(V2_DATES),
    }


_MAKERS: dict[str, Callable[[random.Random], Row]] = {
    "open_llm_leaderboard_v1": _v1,
    "open_llm_leaderboard_v2": _v2,
    "bigcodebench": _code,
}


def records(table: str) -> dict[str, Row]:
    """Return the table's records by record id; one in twelve is a copy of an earlier one."""
    generator = random.Random(f"{table} 20261122")
    rows: list[Row] = []
    for _ in range(N[table]):
        copied = rows and generator.random() < 1 / 12
        row = dict(generator.choice(rows)) if copied else _MAKERS[table](generator)
        if copied and table != "bigcodebench":
            row["Flagged"] = _maybe(generator, 0.4, not row["Flagged"], row["Flagged"])
            # The same evaluation, published again.
            day = "date" if table == "open_llm_leaderboard_v1" else "Submission Date"
            row[day] = _maybe(generator, 0.5, generator.choice(V2_DATES[:5]), row[day])
        rows.append(row)
    size = math.ceil(len(rows) / len(BATCHES))
    return {f"{BATCHES[n // size]}:{n % size}": row for n, row in enumerate(rows)} | (
        # A whole batch of fractions that look like percentages of weak models.
        {f"weak:{n}": {**rows[n], "complete": 0.5, "instruct": 0.4} for n in range(20)}
        if table == "bigcodebench"
        else {}
    )


def fill(landing: Path, schema: dict[str, dict[str, str]]) -> None:
    """Land the records, batch by batch, and an empty batch of each table."""
    kinds = {
        "VARCHAR": pa.string(),
        "DOUBLE": pa.float64(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
    }
    for table in N:
        fields = pa.schema([(name, kinds[kind]) for name, kind in schema[table].items()])
        batches: dict[str, list[Row]] = {"empty": []}
        for record, row in records(table).items():
            batches.setdefault(record.split(":")[0], []).append(row)
        for batch, rows in batches.items():
            path = landing / table / f"{batch}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = [{name: row.get(name) for name in fields.names} for row in rows]
            pq.write_table(pa.Table.from_pylist(whole, schema=fields), path)
