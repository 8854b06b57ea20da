"""Statistics over maps of relevance: by hand, as printed in the paper, and as the program says."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gpu_jobs import relevance_statistics as statistics
from gpu_jobs.cells import CellStore
from gpu_jobs.relevance_analysis import main
from gpu_jobs.relevance_convergence import Outcomes, convergence
from gpu_jobs.relevance_rows import LAYER_RELEVANCE, PRUNING_PATHS, REMOVAL_ITEMS

N_LAYERS, N_ITEMS = 12, 40
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def rows_of_map(
    key: str, task: str, criterion: str, values: np.ndarray, **more: Any
) -> list[dict[str, Any]]:
    """Return rows of `layer_relevance` of the layers that are left."""
    shared = dict.fromkeys(LAYER_RELEVANCE)
    shared |= {"model_id": "m", "weights_sha256": "w", "split": "train", "unit": "block"}
    shared |= {
        "method": "exact",
        "result_key": key,
        "task": task,
        "criterion": criterion,
        "removed_layers": "",
    }
    shared |= {"n_layers": N_LAYERS, "step": 0, "computed_at": NOW, "score": 80.0, **more}
    gone = [int(one) for one in str(shared["removed_layers"]).split()]
    left = [layer for layer in range(N_LAYERS) if layer not in gone]
    return [
        {
            **shared,
            "layer": layer,
            "relevance": value,
            "tie": value,
            "score_without": 80 - 9 * value,
        }
        for layer, value in zip(left, values.tolist(), strict=True)
    ]


def made_up(folder: Path, model: str = "m", seed: int = 0) -> dict[tuple[str, str], np.ndarray]:
    """Write maps of three tasks by two criteria, and what items scored; return the maps."""
    random, store = np.random.default_rng(seed), CellStore(folder)
    found = {}
    for task in ("a", "b", "c"):
        for criterion in ("accuracy", "cosine"):
            values = random.random(N_LAYERS)
            found[task, criterion] = values
            key = f"{model}-{task}-{criterion}"
            rows = rows_of_map(key, task, criterion, values, model_id=model)
            store.write("layer_relevance", key, rows, LAYER_RELEVANCE)
            # An older map of the same counts for nothing.
            old = rows_of_map(f"{key}-old", task, criterion, -values, model_id=model)
            older = [{**row, "computed_at": datetime(2025, 1, 1, tzinfo=UTC)} for row in old]
            store.write("layer_relevance", f"{key}-old", older, LAYER_RELEVANCE)
    return found


def items(seed: int) -> pd.DataFrame:
    """Return rows of `removal_items` of a model that is right more often than chance."""
    random = np.random.default_rng(seed)
    rows = []
    for layer in (None, *range(N_LAYERS)):
        right = random.random(N_ITEMS) < (0.9 if layer is None else 0.9 - 0.05 * layer)
        said = -random.random(N_ITEMS)
        rows += [
            {"layer": layer, "item": f"x:{n}", "score": 100.0 * right[n], "log_likelihood": said[n]}
            for n in range(N_ITEMS)
        ]
    return pd.DataFrame(rows).assign(n_tokens=2, chance=25.0, result_key="k")


@pytest.mark.parametrize(("w", "printed"), [(20, "1.7e-07"), (7, "8.8e-09"), (0, "4.7e-10")])
def test_wilcoxon_has_the_paper_s_p_values(w: int, printed: str) -> None:
    """32 layers: W = 20 for Mistral, 7 for OLMo and 0 for Pythia (the paper cuts 4.66 to 4.6)."""
    ranks = np.arange(1, 33)
    signs = np.where(ranks == w, -1, 1)
    found = pd.DataFrame(
        {
            **{"model": "m", "criterion": "cosine", "layer": ranks, "n_tasks": 10},
            **{"variance": 0.0, "variance_by_accuracy": signs * ranks / 100},
        }
    )
    (row,) = statistics.compared_variances(found).to_dict("records")
    assert (row["w"], f"{row['p']:.1e}", row["n_layers"]) == (w, printed, 32)


def test_variances_and_relations_by_hand(tmp_path: Path) -> None:
    values = made_up(tmp_path)
    maps = pd.DataFrame(
        [
            {"model": "m", "task": t, "criterion": c, "layer": n, "relevance": v, "tie": v}
            for (t, c), one in values.items()
            for n, v in enumerate(one)
        ]
    ).assign(n_layers=N_LAYERS)
    found = statistics.variances(maps)
    assert set(found["criterion"]) == {"cosine"} and set(found["n_tasks"]) == {3}
    for name, criterion in (("variance", "cosine"), ("variance_by_accuracy", "accuracy")):
        table = np.array([values[task, criterion] for task in "abc"])
        scores = (table - table.mean()) / table.std()
        by_hand = [sum((s - s.mean()) ** 2) / 2 for s in scores.T]
        assert found[name].tolist() == pytest.approx(by_hand)
    # A criterion that shares one task alone with accuracy has no variance over tasks.
    alone = maps[(maps["criterion"] == "cosine") | (maps["task"] == "a")]
    assert statistics.variances(alone).empty
    for row in statistics.task_relations(maps).to_dict("records"):
        pair = [values[row[name], row["criterion"]] for name in ("task", "other_task")]
        assert row["pearson"] == pytest.approx(stats.pearsonr(*pair).statistic)
        assert row["spearman"] == pytest.approx(stats.spearmanr(*pair).statistic)
        least = [set(np.argsort(one)[:3].tolist()) for one in pair]
        assert (row["n_quarter"], row["n_quarter_shared"]) == (3, len(least[0] & least[1]))


def test_a_map_of_all_items_is_the_map_and_fewer_agree_less() -> None:
    kept = items(3)
    outcomes = Outcomes(kept)
    score = kept.groupby("layer")["score"].mean().to_numpy()
    whole = kept.loc[kept["layer"].isna(), "score"].mean()
    found = outcomes.relevance("accuracy", np.arange(N_ITEMS))
    assert found is not None
    assert found[0] == pytest.approx(1 - np.maximum(score - 25, 0) / (whole - 25))
    said = kept.groupby("layer")["log_likelihood"].sum().to_numpy()
    first = kept.loc[kept["layer"].isna(), "log_likelihood"].sum()
    assert found[1] == pytest.approx((first - said) / (2 * N_ITEMS))
    sizes = convergence(outcomes, "accuracy", [2, 10, N_ITEMS], draws=50, seed=1)
    assert sizes["n_drawn"].tolist() == [2, 10, N_ITEMS]
    assert sizes["spearman"].is_monotonic_increasing
    last = sizes.iloc[-1]
    assert (last["spearman"], last["share_same_least"], last["n_undefined"]) == (
        pytest.approx(1),
        1,
        0,
    )
    assert sizes["spearman"].iloc[0] < 0.9
    again = convergence(outcomes, "accuracy", [2, 10, N_ITEMS], draws=50, seed=1)
    assert again.equals(sizes)
    # Where the model guesses, the measure is undefined and no map is made up.
    guessing = Outcomes(kept.assign(chance=100.0))
    assert guessing.relevance("accuracy", np.arange(N_ITEMS)) is None
    assert convergence(guessing, "accuracy", [2], draws=5, seed=1).empty


def test_the_program_writes_statistics_and_plots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, out = tmp_path / "one", tmp_path / "two", tmp_path / "out"
    values = made_up(one)
    made_up(two, "n", seed=1)
    store = CellStore(one)
    kept = items(5).astype({"layer": object}).replace({np.nan: None}).to_dict("records")
    stamped = {"result_key": "m-a-accuracy", "input_hash": "i", "code_version": "c"}
    store.write(
        "removal_items",
        "m-a-accuracy",
        [{**row, **stamped, "computed_at": NOW} for row in kept],
        REMOVAL_ITEMS,
    )
    # Measured again with outputs compared: its items are not kept.
    later = {"computed_at": datetime(2027, 1, 1, tzinfo=UTC)}
    outputs = rows_of_map("outputs", "a", "accuracy", values["a", "accuracy"], **later)
    store.write("layer_relevance", "outputs", outputs, LAYER_RELEVANCE)
    step = dict.fromkeys(PRUNING_PATHS)
    step |= {"model_id": "m", "weights_sha256": "w", "n_layers": N_LAYERS, "computed_at": NOW}
    step |= {
        "unit": "block",
        "criterion": "accuracy",
        "path": "iterative",
        "calibration": "a",
        "task": "a",
    }
    step |= {"step": 1, "removed_layers": "4", "before": 80.0, "after": 70.0, "difference": -10.0}
    step |= {"difference_low": -15.0, "difference_high": -5.0, "chance": 25.0, "healed": False}
    store.write("pruning_paths", "p", [step], PRUNING_PATHS)
    second = rows_of_map("s", "a", "accuracy", np.arange(11) / 11, removed_layers="4", step=1)
    store.write("layer_relevance", "s", second, LAYER_RELEVANCE)

    asked = [str(one), str(two), "--output", str(out), "--models", "n", "m", "--draws", "5"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "Wilcoxon W = " in said and "40 of 40 items, rank correlation 1.000" in said
    assert {path.name for path in out.glob("*.png")} == {
        *("relevance-m.png", "relevance-n.png", "paths-m.png", "steps-a-m.png"),
        *("ranks-cosine-m.png", "ranks-cosine-n.png", "sizes-m-a-accuracy.png"),
        *(f"checkpoints-{task}.png" for task in "abc"),
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in out.glob("*.png"))
    checkpoints = pd.read_parquet(out / "checkpoints.parquet")
    assert checkpoints.groupby("checkpoint")["model"].unique().map(list).tolist() == [["n"], ["m"]]
    own = checkpoints.query("model == 'm' and task == 'b' and criterion == 'cosine'")
    assert own["relevance"].tolist() == values["b", "cosine"].tolist()
    agreement = pd.read_parquet(out / "rank_agreement.parquet").set_index("model")
    inner = slice(2, N_LAYERS - 2)
    away = np.concatenate(
        [
            stats.rankdata(values[task, "cosine"][inner])
            - stats.rankdata(values[task, "accuracy"][inner])
            for task in "abc"
        ]
    )
    assert agreement.loc["m", "n_points"] == 3 * 8
    assert agreement.loc["m", "share_misranked"] == pytest.approx((away != 0).mean())
    assert agreement.loc["m", "share_far"] == pytest.approx((abs(away) > 2).mean())

    assert main([str(tmp_path / "none"), "--output", str(out)]) == 1
    assert "No maps of relevance lie below" in capsys.readouterr().err
    assert main([str(one), "--output", str(out), "--models", "q"]) == 1
    assert "No relevance of q lies there: --models takes m." in capsys.readouterr().err
    broken = one / "layer_relevance" / "broken.parquet"
    broken.write_bytes(b"PAR1")
    assert main([str(one), "--output", str(out)]) == 1
    assert str(broken) in capsys.readouterr().err
