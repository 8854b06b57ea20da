"""The gradients program from outside: what it reads, keeps, says and refuses."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch
from safetensors.torch import load_file, save_file

from gpu_jobs.datasets import STYLES, read_dataset
from gpu_jobs.errors import TaskError
from gpu_jobs.gradient_rows import COLUMNS, mean_interval
from gpu_jobs.gradients import main
from gpu_jobs.layer_gradients import layer_gradients
from gpu_jobs.matrices import find_matrices
from gpu_jobs.pairs import PairSet, Sample, encode_pairs, length_matched
from tests.builds import written
from tests.gpu_jobs import hub_data, tiny
from tests.gpu_jobs.kills import kill_at

ROOT = Path(__file__).resolve().parents[2]
SHORT = [("Is it?", " yes"), ("Why?", " because"), ("How many?", " two"), ("Who?", " me")]
LONG = [("Is it?", " yes"), ("Say.", " a much longer answer"), ("Count.", " six"), ("And?", " no")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny llama on disk."""
    return tiny.save(tiny.build("llama"), tmp_path_factory.mktemp("models") / "tiny-llama")


def write_pairs(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """Write prompts and responses."""
    lines = [json.dumps({"prompt": p, "response": r}) for p, r in pairs]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def arguments(folder: Path, tmp_path: Path, *more: object) -> list[str]:
    """Return a command line that measures two data sets."""
    short = write_pairs(tmp_path / "short.jsonl", SHORT)
    long = write_pairs(tmp_path / "long.jsonl", LONG)
    given = ("--model", folder, "--device", "cpu", "--dataset", short, f"other={long}", *more)
    return [*map(str, given)]


def rows_of(output: Path) -> list[dict[str, Any]]:
    """Return the rows of all cells."""
    found = duckdb.sql(
        f"from '{output}/layer_gradients/*.parquet' order by dataset, sampling, step, layer, matrix"
    )
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def failure(capsys: pytest.CaptureFixture[str], given: list[str]) -> str:
    """Return the one error line of a run that must fail."""
    assert main(given) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("error: ")
    return lines[-1]


def test_rows_are_gradients_on_all_and_on_length_matched_samples(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert main(arguments(folder, tmp_path, "--output", output, "--steps", "0", "3")) == 0
    assert capsys.readouterr().out.count("\n") == 8
    rows = rows_of(output)
    assert [*rows[0]] == [*COLUMNS]
    cells = Counter((row["dataset"], row["sampling"], row["step"]) for row in rows)
    assert set(cells) == {
        (d, s, n) for d in ("short", "other") for s in ("all", "length_matched") for n in (0, 3)
    }
    assert set(cells.values()) == {7 * tiny.N_LAYERS}

    found = PairSet("short")
    for prompt, response in SHORT:
        found.add("line", prompt, response)
    samples, _ = encode_pairs(found, tiny.tokenizer(), 64)
    model = tiny.build("llama")
    expected = {
        (one.matrix.layer, one.matrix.kind): one
        for one in layer_gradients(model, find_matrices(model), samples, 1)
    }
    chosen = [r for r in rows if (r["dataset"], r["sampling"], r["step"]) == ("short", "all", 0)]
    for row in chosen:
        one = expected[row["layer"], row["matrix"]]
        assert row["nuclear_norm"] == pytest.approx(one.norms.nuclear, rel=1e-3)
        mean = sum(one.sample_norms) / 4
        assert row["mean_sample_nuclear_norm"] == pytest.approx(mean, rel=1e-3)
        assert row["mean_sample_nuclear_norm_low"] < mean < row["mean_sample_nuclear_norm_high"]
        assert (row["n_samples"], row["n_response_tokens"]) == (4, 4 + 8 + 4 + 3)
        assert row["optimizer"] is None
        assert row["seconds"] > 0
        assert row["peak_memory_bytes"] > 1e6
    matched = [row for row in rows if row["sampling"] == "length_matched"]
    assert {(r["n_samples"], r["n_response_tokens"]) for r in matched} == {(3, 4 + 4 + 3)}
    tuned = [r for r in rows if (r["dataset"], r["sampling"], r["step"]) == ("short", "all", 3)]
    assert {row["optimizer"] for row in tuned} == {"adamw"}
    assert [r["nuclear_norm"] for r in tuned] != [r["nuclear_norm"] for r in chosen]


def test_a_killed_run_goes_on_where_it_was_and_ends_the_same(folder: Path, tmp_path: Path) -> None:
    given = ("--steps", "0", "2", "9")
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    assert main(arguments(folder, tmp_path, "--output", clean, *given)) == 0
    line = arguments(folder, tmp_path, "--output", killed, *given)
    kept = kill_at("layer_gradients", 1, "gpu_jobs.gradients", line, killed)
    assert len(kept) < 12
    assert main(line) == 0
    assert kept.items() <= written(killed).items()
    names = [{path.name for path in f.glob("layer_gradients/*")} for f in (clean, killed)]
    assert names[0] == names[1]
    measured = ("seconds", "peak_memory_bytes", "computed_at")
    for one, other in zip(rows_of(clean), rows_of(killed), strict=True):
        for name in set(COLUMNS) - set(measured):
            same = pytest.approx(one[name], rel=1e-5) if "norm" in name else one[name]
            assert other[name] == (
                pytest.approx(same, rel=1e-5) if name == "effective_rank" else same
            )


def test_bad_inputs_are_told_in_a_sentence(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MODELSTRATA_EVAL_DATA", raising=False)
    output = tmp_path / "out"
    given = arguments(folder, tmp_path, "--output", output)

    def on(*dataset: object) -> str:
        at = given.index("--dataset")
        return failure(capsys, [*given[: at + 1], *map(str, dataset), *given[at + 3 :]])

    assert "no data set 'arc'" in on("arc")
    assert "--eval-data" in on("arc_challenge")
    assert "cannot be read" in on(tmp_path / "none.jsonl")
    empty = write_pairs(tmp_path / "empty.jsonl", [("Why?", ""), ("Who?", "  ")])
    assert "line 1 has an empty response; line 2" in on(empty)
    long = write_pairs(tmp_path / "longer.jsonl", [("Why?", " x" * 70)])
    assert "no room for the prompt in 64" in on(long)
    assert "Two data sets are named longer" in on(long, long)
    wrong = tiny.write_texts(tmp_path / "wrong.jsonl", ["x"])
    assert "line 1 has no token to predict" in on(wrong)
    assert "--max-length 65" in failure(capsys, [*given, "--max-length", "65"])
    assert "bfloat16" in failure(capsys, [*given, "--steps", "3", "--dtype", "bfloat16"])
    assert "cuda:77" in failure(capsys, [*given, "--device", "cuda:77"])

    broken = tmp_path / "broken"
    tiny.save(tiny.build("llama"), broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 4] = torch.nan
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    said = failure(capsys, [*given, "--model", str(broken)])
    assert "model.layers.1.mlp.up_proj.weight" in said
    assert not list(output.glob("layer_gradients/*"))


def test_length_matched_samples_have_responses_of_the_same_lengths() -> None:
    def made(lengths: list[int]) -> list[Sample]:
        return [Sample((number, *range(n)), n) for number, n in enumerate(lengths)]

    datasets = {"a": made([1, 2, 2, 2, 3, 5] * 9), "b": made([2, 3, 3, 4, 5] * 5)}
    matched = length_matched(datasets, seed=1)
    counts = [Counter(sample.n_response for sample in found) for found in matched.values()]
    assert counts[0] == counts[1] == {2: 5, 3: 9, 5: 5}
    for name, found in matched.items():
        places = [datasets[name].index(sample) for sample in found]
        assert places == sorted(set(places))
    assert length_matched(datasets, 1) == matched != length_matched(datasets, 2)
    assert not any(length_matched({"a": made([1]), "b": made([2])}, 1).values())


def test_pairs_are_cut_where_running_text_would_be() -> None:
    found = PairSet("x")
    found.add("line 1", "both ", "the same")
    found.add("line 2", "", "the")
    found.add("line 3", "a long prompt", " th")
    samples, shortened = encode_pairs(found, tiny.tokenizer(), 12)
    tokenizer = tiny.tokenizer()
    texts = [
        (
            tokenizer.decode(s.ids[: len(s.ids) - s.n_response]),
            tokenizer.decode(s.ids[-s.n_response :]),
        )
        for s in samples
    ]
    # A plain text's first token has nothing before it; the long prompt loses its beginning.
    assert texts == [("both", " the same"), ("th", "e"), ("ong prompt", " th")]
    assert shortened == 1


def test_benchmarks_become_lm_evals_prompts_and_right_responses(tmp_path: Path) -> None:
    data = hub_data.write(tmp_path)

    def first(path: str) -> dict[str, Any]:
        return dict(json.loads((data / path).read_text().splitlines()[0]))

    def read(name: str) -> tuple[str, str]:
        pairs = read_dataset(name, data, 1).pairs
        assert len(pairs) == 1
        return pairs[0].prompt, pairs[0].response

    math = first("openai/gsm8k/main/test.jsonl")
    assert read("gsm8k") == (f"Question: {math['question']}\nAnswer:", f" {math['answer']}")
    arc = first("allenai/ai2_arc/ARC-Easy/test.jsonl")
    right = arc["choices"]["text"][arc["choices"]["label"].index(arc["answerKey"])]
    assert read("arc_easy") == (f"Question: {arc['question']}\nAnswer:", f" {right}")
    gap = first("allenai/winogrande/winogrande_xl/validation.jsonl")
    before, after = gap["sentence"].split("_")
    assert read("winogrande") == (before + gap[f"option{gap['answer']}"], after)
    truth = first("truthfulqa/truthful_qa/multiple_choice/validation.jsonl")
    prompt, response = read("truthfulqa")
    assert prompt.endswith(f"Q: {truth['question']}\nA:")
    assert response == f" {truth['mc2_targets']['choices'][0]}"
    assert len(read_dataset("gsm8k", data).pairs) == 4
    with pytest.raises(TaskError, match="piqa"):
        read_dataset("piqa", data)


def test_styles_are_pieces_of_running_text(tmp_path: Path) -> None:
    file, _ = STYLES["style_archaic"]
    lines = [f"Ge{n}:1 And the earth was without form, and void, {n}." for n in range(100)]
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / file).write_text("\n".join(lines), "utf-8")
    found = read_dataset("style_archaic", tmp_path)
    pieces = [pair.response for pair in found.pairs]
    assert all(990 <= len(piece) < 1100 and piece.startswith("And the earth") for piece in pieces)
    assert (
        "\n".join(pieces)
        == "\n".join(line.split(" ", 1)[1] for line in lines)[: len("\n".join(pieces))]
    )
    assert {pair.prompt for pair in found.pairs} == {""}


def test_interval_of_a_mean() -> None:
    low, high = mean_interval([1.0, 2.0, 3.0])
    # Student's t with two degrees of freedom: 4.303 standard errors of 1/sqrt(3).
    assert (low, high) == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)
    assert mean_interval([1.0]) == (None, None)
