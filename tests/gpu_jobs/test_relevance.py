"""The relevance program from outside: maps, paths and scores, kept, resumed and refused."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from transformers import AutoModelForCausalLM

from gpu_jobs.evaluation import evaluate
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.protocols import benchmarks_of
from gpu_jobs.relevance import main
from gpu_jobs.relevance_rows import ITEM_SCORES, LAYER_RELEVANCE, PRUNING_PATHS, REMOVAL_ITEMS
from gpu_jobs.surgery import removed
from gpu_jobs.tasks import load_tasks
from tests.builds import written
from tests.gpu_jobs import hub_data, tiny

N_LAYERS = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_data.write(tmp_path_factory.mktemp("eval_data"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.build("llama", 7, num_hidden_layers=N_LAYERS, max_position_embeddings=512)
    return tiny.save(made, tmp_path_factory.mktemp("models") / "tiny")


def _run(model: Path, data: Path, output: Path, *more: object) -> int:
    shared = ("--model", model, "--eval-data", data, "--output", output, "--device", "cpu")
    return main([str(one) for one in (*shared, *more)])


def _rows(output: Path, table: str) -> list[dict[str, Any]]:
    found = duckdb.sql(f"select * from '{output}/{table}/*.parquet' order by all")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _accuracies(model: Path, data: Path, task_name: str) -> dict[tuple[int, ...], float]:
    """Return lm-eval's score of the model and without each layer, and each two layers."""
    (task,) = load_tasks(benchmarks_of("zero_shot", [task_name]), data, None)
    loaded = AutoModelForCausalLM.from_pretrained(model).eval()
    wrapped = LanguageModel(loaded, tiny.tokenizer(), 8)
    found = {(): float(np.mean([s.value for s in evaluate(wrapped, task, 1234).samples]))}
    for layer in range(N_LAYERS):
        with removed(loaded, (layer,)):
            scores = [sample.value for sample in evaluate(wrapped, task, 1234).samples]
        found[(layer,)] = float(np.mean(scores))
    return found


def test_maps_and_paths(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--tasks", "winogrande", "truthfulqa", "--split", "test", "--share", 0.4]
    several = ["--criteria", "accuracy", "cosine", "output_divergence", "taylor", "perplexity"]
    asked += ["--paths", "iterative", "one_shot", "block", "--random", 2]
    assert _run(model, data, tmp_path, *asked, *several) == 0
    said = capsys.readouterr()
    maps = _rows(tmp_path, "layer_relevance")
    steps = _rows(tmp_path, "pruning_paths")
    assert set(maps[0]) == set(LAYER_RELEVANCE)
    assert set(steps[0]) == set(PRUNING_PATHS)
    assert set(_rows(tmp_path, "item_scores")[0]) == set(ITEM_SCORES)
    expected = _accuracies(model, data, "truthfulqa")
    whole = {
        row["layer"]: row
        for row in maps
        if (row["task"], row["criterion"], row["removed_layers"]) == ("truthfulqa", "accuracy", "")
        and row["score"] is not None
    }
    for layer, row in whole.items():
        assert row["score"] == pytest.approx(expected[()], abs=1e-4)
        assert row["score_without"] == pytest.approx(expected[(layer,)], abs=1e-4)
        if row["relevance"] is None:
            assert row["score"] <= row["chance"]
            assert "not above chance on truthfulqa" in said.err
        else:
            left = max(row["score_without"] - row["chance"], 0.0)
            assert row["relevance"] == pytest.approx(1 - left / (row["score"] - row["chance"]))
    for row in steps:
        assert row["step"] == len(row["removed_layers"].split())
        if row["task"] == "truthfulqa" and row["step"] == 1:
            assert row["after"] == pytest.approx(expected[(row["layer"],)], abs=1e-4)
        assert row["difference"] == pytest.approx(row["after"] - row["before"])
    kinds = {(row["criterion"], row["path"]) for row in steps}
    assert {("cosine", "block"), ("taylor", "one_shot"), ("random", "random")} <= kinds
    assert len({row["path_seed"] for row in steps if row["path"] == "random"}) == 2
    # Again: the same results, and nothing is measured anew, nor for some of the criteria.
    files = written(tmp_path)
    assert _run(model, data, tmp_path, *asked, *several) == 0
    assert capsys.readouterr().out == said.out
    assert _run(model, data, tmp_path, *asked, "--criteria", "perplexity", "accuracy") == 0
    assert written(tmp_path) == files


def test_ends_of_paths_are_scored_on_every_task(model: Path, data: Path, tmp_path: Path) -> None:
    asked = ["--tasks", "winogrande", "truthfulqa", "--split", "test", "--share", 0.6]
    asked += ["--criteria", "cosine", "--paths", "iterative", "block", "--random", 1]
    assert _run(model, data, tmp_path, *asked, "--report", "all", "--scored", "end") == 0
    ends = _rows(tmp_path, "pruning_paths")
    assert {row["step"] for row in ends} == {3}
    found = sorted((row["path"], row["calibration"] or "", row["task"]) for row in ends)
    on = ("truthfulqa", "winogrande")
    assert found == [
        *((path, one, other) for path in ("block", "iterative") for one in on for other in on),
        *(("random", "", other) for other in on),
    ]
    # With their steps the same ends are kept, and none is scored again.
    assert _run(model, data, tmp_path, *asked) == 0
    steps = _rows(tmp_path, "pruning_paths")
    assert all(row in steps for row in ends)
    assert len(steps) == len(ends) + 2 * 2 * 2 + 2 * 2


def test_a_race_picks_what_the_whole_map_picks(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With few items a race uses them all, so that it is exact."""
    texts = tiny.write_texts(tmp_path / "t.jsonl", [f"the {n} th" for n in "abcdefghijkl"])
    asked = ["--texts", texts, "--tasks", "truthfulqa", "--split", "test", "--share", 0.2]
    assert _run(model, data, tmp_path / "a", *asked) == 0
    whole = capsys.readouterr().out
    assert _run(model, data, tmp_path / "b", *asked, "--racing", 0.05) == 0
    raced = capsys.readouterr().out
    assert [line.split("layers ")[1][0] for line in whole.splitlines()] == [
        line.split("layers ")[1][0] for line in raced.splitlines()
    ]
    methods = {row["method"] for row in _rows(tmp_path / "b", "layer_relevance")}
    assert methods == {"racing"}


def test_kept_items_add_up_to_their_maps(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--tasks", "truthfulqa", "--split", "test", "--share", 0.4, "--paths", "iterative"]
    asked += ["--criteria", "perplexity", "accuracy", "cosine"]
    assert _run(model, data, tmp_path, *asked) == 0
    before = _rows(tmp_path, "layer_relevance")
    assert not (tmp_path / "removal_items").exists()
    # The maps are there; only what the items said is added.
    assert _run(model, data, tmp_path, *asked, "--keep-items") == 0
    assert _rows(tmp_path, "layer_relevance") == before
    items = _rows(tmp_path, "removal_items")
    assert set(items[0]) == set(REMOVAL_ITEMS)
    maps = [row for row in before if row["criterion"] in ("accuracy", "perplexity")]
    assert {row["result_key"] for row in items} == {row["result_key"] for row in maps}
    assert {row["step"] for row in maps} == {0, 1}
    for row in maps:
        own = [one for one in items if one["result_key"] == row["result_key"]]
        assert len(own) == row["n_items"] * (1 + N_LAYERS - row["step"])
        whole, without = ([one for one in own if one["layer"] == k] for k in (None, row["layer"]))
        assert [one["item"] for one in whole] == [one["item"] for one in without]
        assert row["chance"] == pytest.approx(np.mean([one["chance"] for one in whole]))
        assert row["score"] == pytest.approx(np.mean([one["score"] for one in whole]))
        assert row["score_without"] == pytest.approx(np.mean([one["score"] for one in without]))
        if row["criterion"] == "perplexity":
            n = sum(one["n_tokens"] for one in whole)
            said = [sum(one["log_likelihood"] for one in some) / n for some in (whole, without)]
            assert row["relevance"] == pytest.approx(said[0] - said[1], abs=1e-9)
    # Asked for at once, the maps are the same, and each was computed at one moment.
    once = tmp_path / "once"
    assert _run(model, data, once, *asked, "--keep-items") == 0
    names = ("result_key", "criterion", "layer", "relevance", "tie")
    told = [[row[name] for name in names] for row in _rows(once, "layer_relevance")]
    assert sorted(told) == sorted([row[name] for name in names] for row in before)
    moments = duckdb.sql(
        f"select result_key from '{once}/layer_relevance/*.parquet' "
        "group by result_key having count(distinct computed_at) > 1"
    )
    assert moments.fetchall() == []
    files = written(tmp_path)
    assert _run(model, data, tmp_path, *asked, "--keep-items") == 0
    assert written(tmp_path) == files


def test_what_cannot_be_measured_is_said(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(model, data, tmp_path, "--tasks", "truthfulqa") == 1
    said = capsys.readouterr().err
    assert "truthfulqa has no train split" in said
    assert "No task or text set is left" in said
    assert _run(model, data, tmp_path, "--tasks", "nothing") == 1
    assert "nothing" in capsys.readouterr().err
    asked = ["--tasks", "winogrande", "--split", "test"]
    assert _run(model, data, tmp_path / "out", *asked) == 1
    told = capsys.readouterr().err
    assert "not above chance on winogrande (33.3 where guessing gives 50.0)" in told
    assert "at chance on every task" in told


def test_a_path_that_falls_to_chance_ends_there(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--tasks", "arc_challenge", "arc_easy", "--limit", "8", "--share", "0.8"]
    how = ["--paths", "iterative", "beam", "--beam-width", "4", "--scored", "end"]
    assert _run(model, data, tmp_path, *asked, *how) == 0
    said = capsys.readouterr().err
    numbers = "The model is not above chance on arc_challenge (12.5 where guessing gives 24.2)"
    assert f"The path by accuracy ends after 3 of 4: {numbers}" in said
    assert f"No beam path by accuracy on arc_challenge: {numbers}" in said
    found = {(row["task"], row["path"]): row["step"] for row in _rows(tmp_path, "pruning_paths")}
    # The other task and what was found are there.
    assert found[("arc_challenge", "iterative")] == 3
    assert found[("arc_easy", "iterative")] == 4
