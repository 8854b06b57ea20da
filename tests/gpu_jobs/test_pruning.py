"""The pruning program from outside: what it writes, says, resumes and refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from gpu_jobs.block_influence import main as measure
from gpu_jobs.influence import block_influence
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.pruning import main
from gpu_jobs.pruning_effects import EFFECTS, SAMPLES
from gpu_jobs.selections import drawn
from gpu_jobs.texts import make_batches
from tests.builds import written
from tests.gpu_jobs import hub_data, tiny
from tests.gpu_jobs.kills import kill_at

ROOT = Path(__file__).resolve().parents[2]
LAYERS = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return tiny evaluation data."""
    return hub_data.write(tmp_path_factory.mktemp("eval_data"))


def _options(n_layers: int) -> dict[str, Any]:
    options = {**tiny.ARCHITECTURES["llama"][0], "num_hidden_layers": n_layers}
    return {**options, "max_position_embeddings": 512, "tie_word_embeddings": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny llama with four layers on disk."""
    torch.manual_seed(5)
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **_options(LAYERS)))
    return tiny.save(made, tmp_path_factory.mktemp("models") / "tiny")


def _arguments(model: Path, data: Path, output: Path, *more: object) -> list[str]:
    shared = ("--model", model, "--eval-data", data, "--output", output, "--device", "cpu")
    return [str(one) for one in (*shared, "--protocol", "zero_shot", *more)]


def _rows(output: Path, table: str = "pruning_effects") -> list[dict[str, Any]]:
    found = duckdb.sql(f"select * from '{output}/{table}/*.parquet' order by all")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _measured(output: Path) -> list[list[Any]]:
    """Return what does not depend on the clock."""
    clock = {"computed_at", "seconds", "peak_memory_bytes"}
    return sorted(
        [[str(value) for name, value in row.items() if name not in clock] for row in _rows(output)]
    )


def _without(model: Path, layers: Sequence[int]) -> Any:
    """Build the model anew with the layers that are left, weight by weight."""
    whole = AutoModelForCausalLM.from_pretrained(model).eval()
    kept = [layer for layer in range(LAYERS) if layer not in layers]
    pruned = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **_options(len(kept))))
    weights = whole.state_dict()
    for name in pruned.state_dict():
        old = name
        if name.startswith("model.layers."):
            number, rest = name.removeprefix("model.layers.").split(".", 1)
            old = f"model.layers.{kept[int(number)]}.{rest}"
        pruned.state_dict()[name].copy_(weights[old])
    return pruned.eval()


def test_effects_are_those_of_models_built_without_the_layers(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gpu_jobs.evaluation import evaluate
    from gpu_jobs.protocols import benchmarks_of
    from gpu_jobs.tasks import load_tasks

    names, output = ("truthfulqa", "gsm8k"), tmp_path / "out"
    more = ("--tasks", *names, "--layers", "1-2", "--n", 1, "--random", 2, "--draws", 2)
    more = (*more, "--limit", 3)
    assert main(_arguments(model, data, output, *more)) == 0
    said = capsys.readouterr()
    for table, columns in (("pruning_effects", EFFECTS), ("evaluation_samples", SAMPLES)):
        described = duckdb.sql(f"describe select * from '{output}/{table}/*.parquet'").fetchall()
        assert {row[0]: row[1] for row in described} == columns
    rows = _rows(output)
    assert len(rows) == 2 * 4
    assert len({row["result_key"] for row in rows}) == 8
    assert {row["removed_layers"] for row in rows if row["selection"] == "given"} == {"1 2"}
    for seed in (0, 1):
        assert {r["removed_layers"] for r in rows if r["selection_seed"] == seed} == {
            drawn(2, seed, LAYERS).text
        }
    scores = {}
    for task in load_tasks(benchmarks_of("zero_shot", names), data, 3):
        for gone in {"", *(row["removed_layers"] for row in rows)}:
            built = _without(model, [int(number) for number in gone.split()])
            found = evaluate(LanguageModel(built, tiny.tokenizer(), 8), task, 1234).samples
            scores[task.benchmark.name, gone] = sum(sample.value for sample in found) / 3
    for row in rows:
        assert row["n_removed"] == len(row["removed_layers"].split())
        for column, gone in (("before", ""), ("after", row["removed_layers"])):
            assert row[column] == pytest.approx(scores[row["benchmark"], gone], abs=1e-4)
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]
        assert row["difference"] == pytest.approx(row["after"] - row["before"])
    assert any(abs(row["difference"]) > 1 for row in rows)
    assert "The full model is at chance on gsm8k (0.0; no answer is right)" in said.err
    samples = _rows(output, "evaluation_samples")
    removals = {row["removed_layers"] for row in rows} | {""}
    assert len(samples) == (3 + 3) * len(removals)


def test_least_influential_layers_come_from_all_benchmarks_or_from_texts(
    model: Path, data: Path, tmp_path: Path
) -> None:
    whole = AutoModelForCausalLM.from_pretrained(model).eval()
    lines = ["The cat sat on the mat.", "Yes", "One and one is two."]
    texts = tiny.write_texts(tmp_path / "own.jsonl", lines)
    encoded = [tiny.tokenizer()(line)["input_ids"] for line in lines]
    values = block_influence(whole, make_batches(encoded, 8, "cpu")).values
    lowest = min(range(LAYERS), key=values.__getitem__)
    output = tmp_path / "texts"
    asked = ("--tasks", "truthfulqa", "--n", 1, "--limit", 3)
    assert main(_arguments(model, data, output, *asked, "--texts", texts)) == 0
    assert [row["removed_layers"] for row in _rows(output)] == [str(lowest)]

    output = tmp_path / "benchmarks"
    asked = ("--tasks", "truthfulqa", "winogrande", "--n", 2)
    assert main(_arguments(model, data, output, *asked)) == 0
    found = duckdb.sql(
        f"select layer, avg(block_influence), count(*) from '{output}/block_influence/*.parquet' "
        "group by layer order by 2"
    ).fetchall()
    assert [row[2] for row in found] == [2] * LAYERS
    expected = " ".join(str(layer) for layer in sorted(row[0] for row in found[:2]))
    assert {row["removed_layers"] for row in _rows(output)} == {expected}


def test_finished_cells_are_not_computed_again(
    model: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out"
    asked = ("--tasks", "truthfulqa", "winogrande", "--limit", 4, "--layers")
    assert main(_arguments(model, data, output, *asked, "1")) == 0
    before = written(output)

    def refuse(*arguments: object) -> None:
        raise AssertionError("the model is not needed")

    monkeypatch.setattr("gpu_jobs.models.load_model", refuse)
    assert main(_arguments(model, data, output, *asked, "1")) == 0
    monkeypatch.undo()
    capsys.readouterr()
    assert main(_arguments(model, data, output, *asked, "1", "--layers", "2")) == 0
    assert "4 of 6 cells are finished already" in capsys.readouterr().err
    after = written(output)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 4
    assert main(_arguments(model, data, output, "--seed", 5, *asked, "1")) == 0
    assert len(_rows(output)) == 6


def test_a_killed_job_goes_on_where_it_stopped(model: Path, data: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    asked = ("--tasks", "arc_challenge", "truthfulqa", "--random", 1, 2, "--draws", 2)
    line = _arguments(model, data, killed, *asked)
    finished = kill_at("evaluation_samples", 3, "gpu_jobs.pruning", line, killed)
    assert main(line) == 0
    assert main(_arguments(model, data, whole, *asked)) == 0
    assert finished.items() <= written(killed).items()
    assert _measured(killed) == _measured(whole)
    assert {p.name for p in killed.rglob("*.parquet")} == {p.name for p in whole.rglob("*.parquet")}


def test_two_jobs_share_the_cells(model: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    asked = ("--tasks", "arc_challenge", "truthfulqa", "--random", 1, "--draws", 3)
    command = [sys.executable, "-m", "gpu_jobs.pruning", *_arguments(model, data, output, *asked)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    jobs = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [job.communicate(timeout=600)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0]
    assert printed[0] == printed[1]
    assert len(printed[0].splitlines()) == 2 * 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "No layers are named"),
        (("--layers", "4"), "There is no layer 4: the model has 4 layers"),
        (("--layers", "2-1"), "'2-1' names no layers"),
        (("--layers", "0-3"), "All 4 layers would be removed"),
        (("--n", 4), "4 layers cannot be removed"),
        (("--random", 9), "9 layers cannot be removed"),
        (("--n", 1, "--tasks", "arc"), "no benchmark 'arc'"),
        (("--n", 1, "--tasks", "piqa"), "no data of piqa"),
        (("--n", 1, "--tasks", "gsm8k", "--without", "gsm8k"), "Every benchmark is left out"),
        (("--n", 1, "--device", "cuda:99"), "'cuda:99'"),
        (("--n", 1, "--max-length", 513), "--max-length 513 is longer"),
        (("--layers", "1", "--tasks", "gsm8k", "--max-length", 99), "no room for the prompt"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    more: tuple[object, ...],
    words: str,
    model: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(_arguments(model, data, tmp_path / "out", *more)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert words in lines[-1]
    assert not list(tmp_path.rglob("*.parquet"))


def test_weights_that_are_no_numbers_are_refused(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = AutoModelForCausalLM.from_pretrained(model)
    broken.model.layers[2].mlp.down_proj.weight.data[0, 0] = float("nan")
    folder = tiny.save(broken, tmp_path / "broken")
    asked = ("--tasks", "gsm8k", "--layers", "1")
    assert main(_arguments(folder, data, tmp_path / "out", *asked)) == 1
    assert "layers.2.mlp.down_proj.weight holds NaN" in capsys.readouterr().err


def test_the_settings_name_the_data(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSTRATA_EVAL_DATA", str(data))
    arguments = _arguments(model, data, tmp_path / "out", "--tasks", "truthfulqa", "--layers", "0")
    place = arguments.index("--eval-data")
    assert main(arguments[:place] + arguments[place + 2 :]) == 0
    assert json.dumps(_rows(tmp_path / "out"), default=str).count("truthfulqa") == 1


def test_block_influence_is_measured_on_a_benchmark(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, same = tmp_path / "bi.parquet", tmp_path / "same.parquet"
    shared = ["--model", str(model), "--device", "cpu", "--output"]
    task = ["--task", "winogrande", "--eval-data", str(data), "--limit", "4"]
    assert measure([*shared, str(output), *task]) == 0
    path = data / "allenai" / "winogrande" / "winogrande_xl" / "validation.jsonl"
    documents = [json.loads(line) for line in path.read_text("utf-8").splitlines()[:4]]
    lines = [one["sentence"].replace("_", one[f"option{one['answer']}"]) for one in documents]
    texts = tiny.write_texts(tmp_path / "by_hand.jsonl", lines)
    assert measure([*shared, str(same), "--texts", str(texts)]) == 0
    found = [
        duckdb.sql(f"select layer, block_influence, n_texts from '{one}' order by 1").fetchall()
        for one in (output, same)
    ]
    assert found[0] == found[1]
    assert duckdb.sql(f"select distinct benchmark from '{output}'").fetchall() == [("winogrande",)]
    assert measure([*shared, str(output), "--task", "arc"]) == 1
    assert "no benchmark 'arc'" in capsys.readouterr().err
