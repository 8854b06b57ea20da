"""Healing of pruned models: what it learns, when it stops, and that it leaves nothing behind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch

from gpu_jobs.errors import ModelError
from gpu_jobs.healing import Recipe, healed
from gpu_jobs.losses import response_loss
from gpu_jobs.pair_batches import make_batch
from gpu_jobs.pairs import Sample
from gpu_jobs.pruned_model import main as save
from gpu_jobs.relevance import main
from gpu_jobs.relevance_rows import PRUNING_PATHS
from gpu_jobs.surgery import removed
from tests.builds import written
from tests.gpu_jobs import hub_data, tiny
from tests.gpu_jobs.kills import kill_at

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Recipe(
    seed=3,
    max_steps=None,
    targets="feed_forward",
    learning_rate=0.03,
    epochs=6,
    patience=2,
    rank=4,
    batch_size=4,
)
#: After a question mark always comes the same letter.
LEARNT = [Sample((40 + n, 60 + n, 33, 99), 1) for n in range(20)]
HELD = [Sample((70 + n, 60 + 3 * n, 33, 99), 1) for n in range(5)]


def _state(model: Any) -> dict[str, Any]:
    """Return everything of a model that healing could change."""
    weights = {name: (one.clone(), one.requires_grad) for name, one in model.named_parameters()}
    modules = {name: (type(one), one.training) for name, one in model.named_modules()}
    return {"weights": weights, "modules": modules, "attributes": set(vars(model))}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (
        one["modules"] == other["modules"]
        and one["attributes"] == other["attributes"]
        and one["weights"].keys() == other["weights"].keys()
        and all(
            torch.equal(weight, other["weights"][name][0]) and asks == other["weights"][name][1]
            for name, (weight, asks) in one["weights"].items()
        )
    )


def _loss(model: Any, samples: list[Sample]) -> float:
    with torch.no_grad():
        found = [float(response_loss(model, make_batch([sample], "cpu"))) for sample in samples]
    return sum(found) / len(found)


def _likeliest(model: Any, ids: tuple[int, ...]) -> int:
    with torch.no_grad():
        return int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())


@pytest.mark.parametrize(
    ("model_type", "targets", "where"),
    [
        ("llama", "feed_forward", ".mlp."),
        ("llama", "all_linear", ".self_attn."),
        ("gpt2", "feed_forward", ".mlp."),
        ("bloom", "feed_forward", ".mlp."),
        ("mixtral", "all_linear", ".self_attn."),
    ],
)
def test_healing_lowers_the_loss_and_is_undone(model_type: str, targets: str, where: str) -> None:
    model = tiny.build(model_type).eval()
    recipe = replace(RECIPE, targets=targets, learning_rate=0.01)
    before, random = _state(model), torch.get_rng_state()
    courses = []
    for seed in (3, 3, 4):
        with removed(model, [1]):
            start = _loss(model, HELD)
            with healed(model, LEARNT, HELD, replace(recipe, seed=seed)) as course:
                courses.append(course)
                adapters = [name for name, one in model.named_parameters() if one.requires_grad]
                assert any(where in name for name in adapters)
                assert course.losses[0] == (0, pytest.approx(start, rel=1e-5))
                # What is kept is the best step, in evaluation mode.
                assert _loss(model, HELD) == pytest.approx(course.loss, rel=1e-5)
                assert course.loss == min(loss for _, loss in course.losses) < start
                assert 0 < course.best_step <= course.steps <= recipe.steps(len(LEARNT)) == 30
        assert _same(_state(model), before)
    assert torch.equal(torch.get_rng_state(), random)
    assert courses[0] == courses[1] != courses[2]


def test_healing_that_does_not_help_stops_and_keeps_the_pruned_model() -> None:
    model = tiny.build("llama").eval()
    before, ids = _state(model), torch.tensor([[5, 60, 33, 60]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    # What the model says by itself can only become less likely.
    never = [
        Sample((*sample.ids[:-1], _likeliest(model, sample.ids[:-1])), 1) for sample in LEARNT[:3]
    ]
    counted: list[int] = []
    recipe = replace(RECIPE, learning_rate=0.1)
    with healed(model, LEARNT, never, recipe, counted.append) as course:
        assert course.best_step == 0
        # Five steps an epoch, and two epochs without a lower loss.
        assert course.steps == 10
        assert [step for step, _ in course.losses] == [0, 5, 10]
        with torch.no_grad():
            assert torch.equal(model(input_ids=ids).logits, logits)
    assert sum(counted) == 30
    with healed(model, LEARNT, never, replace(recipe, max_steps=3)) as course:
        assert [step for step, _ in course.losses] == [0, 3]
    with pytest.raises(RuntimeError, match="inside"), healed(model, LEARNT, HELD, RECIPE):
        raise RuntimeError("inside")
    assert _same(_state(model), before)
    experts = tiny.build("mixtral")
    with (
        pytest.raises(ModelError, match="give --heal-targets all_linear"),
        healed(experts, LEARNT, HELD, RECIPE),
    ):
        raise AssertionError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_data.write(tmp_path_factory.mktemp("eval_data"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.build("llama", 7, num_hidden_layers=4, max_position_embeddings=512)
    return tiny.save(made, tmp_path_factory.mktemp("models") / "tiny")


def _line(model: Path, data: Path, output: Path, *more: object) -> list[str]:
    shared = ("--model", model, "--eval-data", data, "--output", output, "--device", "cpu")
    return [str(one) for one in (*shared, *more)]


def _rows(output: Path) -> list[dict[str, Any]]:
    found = duckdb.sql(f"select * from '{output}/pruning_paths/*.parquet' order by result_key")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_healed_rows_stand_beside_pruned_ones_and_a_killed_run_goes_on(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    asked = ["--tasks", "arc_easy", "truthfulqa", "--criteria", "perplexity"]
    asked += ["--paths", "one_shot", "--random", 1, "--heal", "--heal-shares", 0.25, 0.5]
    asked += ["--heal-epochs", 4, "--heal-learning-rate", 0.03, "--test-limit", 6]
    line = _line(model, data, killed, *asked)
    finished = kill_at("healed_scores", 1, "gpu_jobs.relevance", line, killed)
    assert len(list(killed.glob("healed_scores/*"))) < 4
    assert main(line) == 0
    said = capsys.readouterr()
    assert "not healed: truthfulqa has no train split" in said.err
    assert said.out.count(" and healed in ") == 4
    assert finished.items() <= written(killed).items()
    assert main(_line(model, data, whole, *asked)) == 0
    rows, others = _rows(killed), _rows(whole)
    assert [*rows[0]] == [*PRUNING_PATHS]
    for one, other in zip(rows, others, strict=True):
        assert {**one, "computed_at": None} == {**other, "computed_at": None}

    plain = {(row["path"], row["task"], row["step"]): row for row in rows if not row["healed"]}
    assert {key[1] for key in plain} == {"arc_easy", "truthfulqa"}
    after = [row for row in rows if row["healed"]]
    found = [(row["path"], row["task"], row["step"]) for row in after]
    assert sorted(found) == [
        (path, "arc_easy", step) for path in ("one_shot", "random") for step in (1, 2)
    ]
    lower = 0
    for row in after:
        beside = plain[row["path"], row["task"], row["step"]]
        assert row["before"] == beside["before"]
        assert row["removal_order"] == beside["removal_order"]
        assert row["difference"] == pytest.approx(row["after"] - row["before"])
        # A tenth of the 30 train items is held out; 27 are two batches of 16.
        assert (row["healing_items"], row["healing_validation_items"]) == (27, 3)
        told = json.loads(row["healing"])
        assert (told["rank"], told["alpha"], told["dropout"], told["epochs"]) == (2, 2, 0.05, 4)
        losses = dict(told["validation_losses"])
        assert losses[0] == row["healing_loss_before"]
        assert losses[row["healing_best_step"]] == row["healing_loss"] == min(losses.values())
        assert row["healing_steps"] == max(losses) in (4, 6, 8)
        lower += row["healing_loss"] < row["healing_loss_before"]
    assert lower == 4
    assert any(row["after"] != plain[key]["after"] for key, row in zip(found, after, strict=True))
    assert {row["healing"] for row in plain.values()} == {None}


def test_a_healed_model_is_saved_and_scores_as_it_did(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, folder = tmp_path / "results", tmp_path / "healed"
    asked = ["--tasks", "arc_easy", "--criteria", "perplexity", "--test-limit", 6]
    asked += ["--heal-shares", 0.5, "--heal-epochs", 4, "--heal-learning-rate", 0.03]
    asked += ["--paths", "one_shot"]
    assert main(_line(model, data, results, *asked, "--heal")) == 0
    (row,) = [row for row in _rows(results) if row["healed"]]
    shared = ["--model", str(model), "--results", str(results), "--device", "cpu"]
    assert save([*shared, "--output", str(folder), "--healed", "arc_easy"]) == 0
    assert "healed on arc_easy" in capsys.readouterr().out
    card = (folder / "README.md").read_text()
    assert f"fine-tuned: {row['healing_best_step']} steps on 27 items of the train split" in card
    assert f"| {row['before']:.1f} | {row['after']:.1f} | " in card and row["result_key"] in card
    # The saved model is a whole one, and scores what the healed one did, with the same likelihoods.
    assert main(_line(folder, data, tmp_path / "again", *asked, "--share", 0.5)) == 0
    assert {one["before"] for one in _rows(tmp_path / "again")} == {row["after"]}
    said = "select item, score, round(log_likelihood, 3) from '{}/*.parquet' where {} order by item"
    (scores,) = (tmp_path / "again").glob("item_scores")
    whole = duckdb.sql(said.format(scores, "removed_layers = ''")).fetchall()
    assert whole == duckdb.sql(said.format(results / "healed_scores", "true")).fetchall()

    # By its result; and what is not there is said.
    again = ["--output", str(tmp_path / "by_result"), "--result", row["result_key"]]
    assert save([*shared, *again]) == 0
    weights = "model.safetensors"
    assert (tmp_path / "by_result" / weights).read_bytes() == (folder / weights).read_bytes()
    assert save([*shared, "--output", str(tmp_path / "other"), "--healed", "piqa"]) == 1
    assert "no path that was healed on piqa" in capsys.readouterr().err
    for file in results.glob("healed_adapters/*"):
        file.write_bytes(b"{")
    assert save([*shared, "--output", str(tmp_path / "other"), "--healed", "arc_easy"]) == 1
    assert "no adapters of this healed model" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_healing_without_a_path_is_refused(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_line(model, data, tmp_path / "out", "--tasks", "arc_easy", "--heal")) == 1
    assert "name what is removed with --paths or --random" in capsys.readouterr().err
    texts = tiny.write_texts(tmp_path / "t.jsonl", ["the one", "the other"])
    asked = ("--texts", texts, "--criteria", "perplexity", "--paths", "one_shot")
    assert main(_line(model, data, tmp_path / "out", *asked)) == 1
    assert "Paths are scored on tasks with choices" in capsys.readouterr().err
