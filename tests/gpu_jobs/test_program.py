"""The program from outside: what it writes, says and refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import gguf
import pytest
import torch
from dagster_pipes import encode_param
from huggingface_hub import errors
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration

from gpu_jobs.block_influence import main
from gpu_jobs.errors import ModelError
from gpu_jobs.hub import fetch
from modelstrata.landing import check_file, file_digest
from modelstrata.landing_schema import LANDING_TABLES
from tests.gpu_jobs import tiny

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["The cat sat on the mat.", "Yes", "One and one is two, and two is one more than one."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny llama on disk."""
    return tiny.save(tiny.build("llama"), tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return a small text set."""
    return tiny.write_texts(tmp_path / "small.jsonl", TEXTS)


def program(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "gpu_jobs.block_influence", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return a result's rows."""
    found = duckdb.sql(f"select * from '{path}' order by layer")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the one error line of a run that must fail."""
    assert main([*map(str, arguments)]) == 1
    return error_line(capsys.readouterr().err)


def error_line(stderr: str) -> str:
    """Return the one `error:` line, which is the last; no traceback stands beside it."""
    lines = stderr.strip().splitlines()
    assert "Traceback" not in stderr
    assert [line.startswith("error: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("error: ")
    return lines[-1]


def test_result_has_the_contract_and_a_second_run_changes_nothing(
    folder: Path, texts: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "bi.parquet"
    arguments = ("--model", folder, "--texts", texts, "--output", output, "--device", "cpu")
    messages, context = tmp_path / "messages", tmp_path / "context"
    context.write_text(json.dumps(_PIPES_CONTEXT))
    launched_by_dagster = {
        "DAGSTER_PIPES_CONTEXT": encode_param({"path": str(context)}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(messages)}),
    }
    first = program(*arguments, **launched_by_dagster)
    assert first.returncode == 0, first.stderr
    check_file("block_influence", output)
    described = duckdb.sql(f"describe select * from '{output}'").fetchall()
    assert {row[0]: row[1] for row in described} == LANDING_TABLES["block_influence"]

    rows = rows_of(output)
    encoded = [tiny.tokenizer()(text)["input_ids"] for text in TEXTS]
    expected = tiny.reference(tiny.build("llama"), encoded, "model.norm")
    assert [row["layer"] for row in rows] == [0, 1, 2]
    assert [row["block_influence"] for row in rows] == pytest.approx(expected, abs=1e-5)
    row = rows[0]
    assert row["model_id"] == "tiny-llama"
    assert row["benchmark"] == "small"
    assert row["revision"] is None
    assert row["weights_format"] == "safetensors"
    assert row["weights_sha256"] == file_digest(folder / "model.safetensors")
    assert row["texts_sha256"] == file_digest(texts)
    assert (row["n_layers"], row["n_texts"], row["max_length"]) == (3, 3, 64)
    assert row["n_tokens"] == sum(map(len, encoded))
    assert (row["dtype"], row["device"]) == ("float32", "cpu")

    told = [json.loads(line) for line in messages.read_text().splitlines()]
    report = next(m["params"] for m in told if m["method"] == "report_asset_materialization")
    assert report["data_version"] == row["result_key"]
    assert report["metadata"]["n_tokens"]["raw_value"] == row["n_tokens"]
    assert report["metadata"]["most_influential_layer"]["raw_value"] == expected.index(
        max(expected)
    )

    before = output.stat()
    second = program(*arguments)
    assert second.returncode == 0
    assert "nothing to do" in second.stderr
    after = output.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert [path.name for path in output.parent.iterdir()] == ["bi.parquet"]

    assert main([*map(str, arguments), "--limit", "1", "--max-length", "4"]) == 0
    other = rows_of(output)[0]
    assert (other["n_texts"], other["n_tokens"]) == (1, 4)
    assert other["result_key"] != row["result_key"]


_PIPES_CONTEXT = {
    "asset_keys": ["block_influence"],
    "code_version_by_asset_key": {"block_influence": None},
    "provenance_by_asset_key": {"block_influence": None},
    "partition_key": None,
    "partition_key_range": None,
    "partition_time_window": None,
    "run_id": "00000000-0000-0000-0000-000000000000",
    "job_name": None,
    "retry_number": 0,
    "extras": {},
}


def test_bad_records_are_set_aside_and_long_texts_cut(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "mixed.jsonl"
    texts.write_bytes(
        b'{"text": "Good."}\nnot json\n{"txt": 1}\n{"text": 5}\n{"text": "  "}\n\n'
        b'{"text": "\xff"}\n[1]\n{"text": "' + b"a" * 100 + b'"}\n'
    )
    output = tmp_path / "bi.parquet"
    assert main(["--model", str(folder), "--texts", str(texts), "--output", str(output)]) == 0
    said = capsys.readouterr().err
    assert "6 records set aside: line 2 is not JSON; line 3 has no" in said
    assert "1 of 2 texts truncated to 64 tokens" in said
    assert rows_of(output)[0]["n_texts"] == 2
    assert rows_of(output)[0]["n_tokens"] == len("Good.") + 64


def test_gguf_gives_the_numbers_of_the_same_weights(
    folder: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write_gguf(tmp_path / "tiny.gguf")
    outputs = [tmp_path / "from-gguf.parquet", tmp_path / "from-safetensors.parquet"]
    for model, output in zip((path, folder), outputs, strict=True):
        named = ("--model-id", "someone/Tiny", "--texts", texts, "--output", output)
        assert main(["--model", str(model), *map(str, named)]) == 0
    found, expected = map(rows_of, outputs)
    assert found[0]["weights_format"] == "gguf:F32"
    assert found[0]["model_id"] == "someone/Tiny"
    assert found[0]["weights_sha256"] == file_digest(path)
    assert found[0]["n_tokens"] == expected[0]["n_tokens"]
    assert [row["block_influence"] for row in found] == pytest.approx(
        [row["block_influence"] for row in expected], abs=1e-5
    )

    broken = tmp_path / "broken.gguf"
    for damaged in (path.read_bytes()[: path.stat().st_size // 2], b"GG", b"no weights here"):
        broken.write_bytes(damaged)
        said = failure(capsys, "--model", broken, "--texts", texts, "--output", outputs[0])
        assert f"{broken} is no whole GGUF file" in said
    assert rows_of(outputs[0]) == found


def _write_gguf(path: Path) -> Path:
    """Write the tiny llama as GGUF: query and key rows are stored in pairs for rotation."""
    model = tiny.build("llama")
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tiny.byte_tokens())
    writer.add_token_types([3, 3] + [1] * (len(tiny.byte_tokens()) - 2))
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, loaded in model.state_dict().items():
        weight = loaded
        if "q_proj" in name or "k_proj" in name:
            pairs = weight.view(-1, 2, config.head_dim // 2, weight.shape[1])
            weight = pairs.transpose(1, 2).reshape(weight.shape)
        stored = names.get_name(name, try_suffixes=(".weight",))
        assert stored is not None
        writer.add_tensor(stored, weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_texts_that_cannot_be_used_are_refused(
    folder: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, useless = tmp_path / "missing.jsonl", tmp_path / "useless.jsonl"
    shared = ("--model", folder, "--output", tmp_path / "bi.parquet", "--texts")
    assert f"{missing} cannot be read" in failure(capsys, *shared, missing)
    useless.write_text('{"text": ""}\n{"question": "?"}\n')
    said = failure(capsys, *shared, useless)
    assert f"{useless}: 2 records set aside: line 1 has an empty text; line 2" in said
    assert "'Bad Name'" in failure(capsys, *shared, texts, "--benchmark", "Bad Name")
    assert not (tmp_path / "bi.parquet").exists()


def test_models_that_cannot_be_measured_are_refused(
    folder: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ("--texts", texts, "--output", tmp_path / "bi.parquet", "--model")
    missing = tmp_path / "nowhere"
    assert f"no model folder {missing}" in failure(capsys, *shared, missing)
    assert "'a b' is no Hub model id" in failure(capsys, *shared, "a b")
    assert "--max-length 65" in failure(capsys, *shared, folder, "--max-length", 65)
    assert "'cuda:99'" in failure(capsys, *shared, folder, "--device", "cuda:99")
    assert "'gpu'" in failure(capsys, *shared, folder, "--device", "gpu")

    pickled = tmp_path / "pickled"
    tiny.save(tiny.build("llama"), pickled)
    (pickled / "model.safetensors").unlink()
    torch.save({"weights": torch.ones(1)}, pickled / "pytorch_model.bin")
    assert "pytorch_model.bin, a pickle" in failure(capsys, *shared, pickled)

    cut = tiny.save(tiny.build("llama"), tmp_path / "cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    assert f"The model of {cut} cannot be loaded" in failure(capsys, *shared, cut)

    holed = tiny.save(tiny.build("llama"), tmp_path / "holed")
    kept = load_file(holed / "model.safetensors")
    del kept["model.layers.2.mlp.up_proj.weight"]
    save_file(kept, holed / "model.safetensors", metadata={"format": "pt"})
    assert "lack model.layers.2.mlp.up_proj.weight" in failure(capsys, *shared, holed)

    model = tiny.build("llama")
    model.model.layers[1].mlp.down_proj.weight.data[0, 0] = float("nan")
    broken = tiny.save(model, tmp_path / "broken")
    assert "layer 1 hold NaN" in failure(capsys, *shared, broken)

    torch.manual_seed(0)
    small = T5Config(vocab_size=264, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    both = tiny.save(T5ForConditionalGeneration(small), tmp_path / "t5")
    assert "no decoder-only language model" in failure(capsys, *shared, both)

    coded = tmp_path / "coded"
    coded.mkdir()
    (coded / "model.safetensors").write_bytes(weights.read_bytes())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (coded / "config.json").write_text(json.dumps(own))
    (coded / "own.py").write_text("raise SystemExit('ran foreign code')\n")
    assert "--trust-remote-code" in failure(capsys, *shared, coded)
    assert not (tmp_path / "bi.parquet").exists()


def test_hub_models_out_of_reach_are_refused(texts: Path, tmp_path: Path) -> None:
    arguments = ("--model", "nobody/nothing", "--texts", texts, "--output", tmp_path / "o.parquet")
    cache = {"HF_HOME": str(tmp_path / "cache")}
    offline = program(*arguments, **cache)
    refused = program(*arguments, HF_HUB_OFFLINE="0", HF_ENDPOINT="http://127.0.0.1:9", **cache)
    for run in (offline, refused):
        assert run.returncode == 1
        assert "no folder nobody/nothing, the Hub cannot be reached" in error_line(run.stderr)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (errors.GatedRepoError, "a/b is gated: accept its terms"),
        (errors.RepositoryNotFoundError, "neither a folder nor a public Hub model a/b"),
        (errors.RevisionNotFoundError, "a/b has no revision v9"),
        (errors.HfHubHTTPError, "a/b at revision v9 could not be fetched"),
    ],
)
def test_refusals_of_the_hub_are_told_apart(
    kind: type[errors.HfHubHTTPError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        response: Any = SimpleNamespace(headers={}, request=None, status_code=403)
        raise kind("refused", response=response)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ModelError, match=words):
        fetch("a/b", "v9", remote_code=False)


def test_another_file_at_the_output_is_left_alone(
    folder: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    for taken in (notes, tmp_path):
        said = failure(capsys, "--model", folder, "--texts", texts, "--output", taken)
        assert f"{taken} is there but is no result" in said
    assert notes.read_text() == "mine"
