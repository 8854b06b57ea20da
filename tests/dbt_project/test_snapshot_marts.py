"""Marts of the embedded snapshot against plain pandas and json on the same files."""

import functools
import json

import numpy as np
import pandas as pd
import pytest

from extract.land_snapshot import SNAPSHOT
from modelstrata.settings import DBT_PROJECT
from tests.dbt_project.conftest import Warehouse

SCORES = {
    "arc_challenge": "ARC",
    "hellaswag": "HellaSwag",
    "mmlu": "MMLU",
    "truthfulqa": "TruthfulQA",
    "winogrande": "Winogrande",
    "gsm8k": "GSM8K",
}
KEYS = {
    "d_model": ("hidden_size", "n_embd", "d_model", "dim"),
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
}


def landed(table: str) -> pd.DataFrame:
    return pd.read_parquet(SNAPSHOT / f"{table}.parquet")


def mart(warehouse: Warehouse, name: str) -> pd.DataFrame:
    return warehouse.connection.table(f"marts.{name}").df()


@functools.cache
def renamed() -> dict[str, str]:
    """Return today's id of each renamed one, in lower case."""
    seed = pd.read_csv(DBT_PROJECT / "seeds" / "model_renames.csv")
    listed = landed("hub_models")
    created = {
        model.lower(): json.loads(payload).get("createdAt", "")[:10]
        for model, payload in zip(listed["model_id"], listed["payload"], strict=True)
    }
    pairs = zip(seed["old_id"].str.lower(), seed["new_id"].str.lower(), strict=True)
    # Two ids that were created on different days are two repositories.
    return {
        old: new
        for old, new in pairs
        if not (
            created.get(old) and created.get(new) and created[old] != created[new]
        )
    }


def key(model: str) -> str:
    """Return what all ids of a model share."""
    return renamed().get(model.lower(), model.lower())


def test_exact_candidates_are_the_models_with_a_config_under_any_of_their_ids(
    snapshot: Warehouse,
) -> None:
    scored = set(landed("open_llm_leaderboard_v1")["Model"])
    described = set(landed("hub_configs")["model_id"])
    by_case = {model.lower() for model in scored} & {model.lower() for model in described}
    assert (len(scored), len(scored & described), len(by_case)) == (6811, 1200, 1208)
    candidates, both = set(map(key, scored)), set(map(key, scored)) & set(map(key, described))
    assert both >= {key(model) for model in scored & described} | set(map(key, by_case))

    kept = mart(snapshot, "structure_performance")
    rejected = mart(snapshot, "rejected_records").query("rejected_from == 'structure_performance'")
    exact = {key(model) for model in kept.query("structure_tier == 'exact'")["model_id"]}
    imputed = {key(model) for model in kept.query("structure_tier == 'imputed'")["model_id"]}
    aside = {key(model) for model in rejected["model_id"]}
    assert len(kept) + len(rejected) == len(candidates)
    assert (exact | aside) >= both
    assert exact == both - aside
    assert imputed == candidates - both - aside


def test_imputed_values_follow_from_the_exact_tier(snapshot: Warehouse) -> None:
    # The most frequent key, counted anew: class and whole billions as the leaderboard states them.
    rows = landed("open_llm_leaderboard_v1")
    rows = rows.set_index(rows["Model"].map(key))
    rows = rows[~rows.index.duplicated(keep=False)]
    performance = mart(snapshot, "structure_performance")
    performance = performance.set_index(performance["model_id"].map(key))
    performance = performance.loc[performance.index.intersection(rows.index)]
    stated = rows.loc[performance.index]
    mistral = performance[
        (stated["Architecture"] == "MistralForCausalLM") & (stated["#Params (B)"] == 7)
    ]
    imputed = mistral[mistral["structure_tier"] == "imputed"]
    exact = mistral[mistral["structure_tier"] == "exact"]
    assert len(imputed) > 1000 and len(exact) > 50
    for field in ("layers", "d_model", "heads"):
        assert set(imputed[field]) == {exact[field].mode().item()}


def test_imputation_is_tried_on_models_that_know_better(snapshot: Warehouse) -> None:
    accuracy = mart(snapshot, "imputation_accuracy").set_index("field")
    structural = accuracy.loc[["layers", "d_model", "heads", "d_ffn"]]
    assert (structural["n_author_out"] > 500).all()
    assert (structural[["accuracy", "accuracy_author_out"]] > 0.98).all(axis=None)
    assert (accuracy.loc[~accuracy["is_used"], "n_imputed"] == 0).all()
    counted = snapshot.rows(
        "select field, count(*) from intermediate.int_structures_imputed group by all"
    )
    assert dict(counted) == accuracy.loc[accuracy["is_used"], "n_imputed"].to_dict()


def test_six_scores_of_a_kept_model_are_one_landed_row(snapshot: Warehouse) -> None:
    kept = mart(snapshot, "structure_performance")[["model_id", *SCORES]]
    rows = landed("open_llm_leaderboard_v1")[["Model", *SCORES.values()]]
    rows.columns = kept.columns
    kept, rows = (frame.assign(model_id=frame["model_id"].map(key)) for frame in (kept, rows))
    assert len(kept.merge(rows.drop_duplicates(), on=list(kept.columns))) == len(kept)
    v1 = landed("open_llm_leaderboard_v1")
    unflagged = v1.groupby(v1["Model"].map(key))["Flagged"].any()
    assert unflagged[kept["model_id"]].all()


def test_failed_generations_are_the_counted_ones(snapshot: Warehouse) -> None:
    v1, v2 = landed("open_llm_leaderboard_v1"), landed("open_llm_leaderboard_v2")
    strong = v2["MMLU-PRO"] >= 20
    counted = {
        "gsm8k": ((v1["GSM8K"] == 0) & (v1["MMLU"] >= 30)).sum(),
        "ifeval": ((v2["IFEval"] == 0) & strong).sum(),
        "math_lvl_5": ((v2["MATH Lvl 5"] == 0) & strong).sum(),
    }
    assert counted == {"gsm8k": 141, "ifeval": 2, "math_lvl_5": 147}
    flagged = snapshot.rows(
        "select benchmark, count(*) from marts.benchmark_results "
        "where is_failed_generation group by all"
    )
    assert dict(flagged) == counted
    performance = mart(snapshot, "structure_performance")
    failed = (performance["gsm8k"] == 0) & (performance["mmlu"] >= 30)
    assert (performance["has_failed_generation"] == failed).all()
    assert failed.any()


def test_contradicted_scores_are_those_of_repeated_keys(snapshot: Warehouse) -> None:
    run = ["leaderboard", "benchmark", "model_id", "precision", "weight_type", "model_sha"]
    results = mart(snapshot, "benchmark_results")
    results = results[results["model_id"].notna()]
    scores = results.groupby([*run, "evaluated_on"], dropna=False)["score"]
    differ = (scores.transform("max") - scores.transform("min")) > 0.01
    assert (results["is_contradicted"] == differ).all()
    aside = mart(snapshot, "rejected_records").query("reason == 'contradicting_record'")
    kept = mart(snapshot, "benchmark_scores").query("is_contradicted")
    # Pairs, each with one score that counts and one that does not.
    assert len(aside) == len(kept) == differ.sum() / 2 > 0
    lost = aside.merge(kept, left_on=["model_id", "field"], right_on=["model_id", "benchmark"])
    assert len(lost) == len(aside)
    assert (lost["value"].astype(float) - lost["score"]).abs().gt(0.01).all()


def test_training_types_are_those_of_the_legend(snapshot: Warehouse) -> None:
    legend = {
        "pretrained": "🟢",
        "continuously pretrained": "🟩",
        "fine-tuned": "🔶",
        "chat": "💬",
        "merge": "🤝",
    }
    for leaderboard in ("open_llm_v1", "open_llm_v2"):
        rows = landed(leaderboard.replace("llm_", "llm_leaderboard_"))
        counted = dict(
            snapshot.rows(
                "select training_type, count(distinct evaluation_id) from marts.benchmark_results "
                "where leaderboard = ? and training_type is not null group by all",
                leaderboard,
            )
        )
        assert counted == {name: (rows["T"] == symbol).sum() for name, symbol in legend.items()}


def test_structure_of_models_with_one_config_is_what_it_says(snapshot: Warehouse) -> None:
    configs = landed("hub_configs")
    configs = configs.assign(model=configs["model_id"].map(key)).drop_duplicates("model", keep=False)
    found = mart(snapshot, "model_structures")
    found = found.set_index(found["model_id"].map(key))
    checked = 0
    for model, text, completeness in zip(
        configs["model"], configs["config"], configs["completeness"], strict=True
    ):
        whole = json.loads(text)
        language = whole.get("text_config", whole)
        for field, keys in KEYS.items():
            stated = next((language[key] for key in keys if language.get(key) is not None), None)
            if isinstance(stated, int):
                assert found.at[model, field] == stated, (model, field)
                checked += 1
            elif stated is None and completeness == "partial" and model in found.index:
                assert pd.isna(found.at[model, field]), (model, field)
    assert checked > 30_000


def test_inverted_flags_are_counted_the_right_way_round(snapshot: Warehouse) -> None:
    landed_rows = landed("open_llm_leaderboard_v1")
    flagged, merged = snapshot.one(
        "select count(distinct evaluation_id) filter (is_flagged), "
        "count(distinct evaluation_id) filter (is_merged) "
        "from marts.benchmark_results where leaderboard = 'open_llm_v1'"
    )
    flags = ~landed_rows["Flagged"].astype(bool)
    evaluation = [landed_rows["Model"].map(key), landed_rows["Precision"], landed_rows["Model sha"]]
    evaluation += [landed_rows[column] for column in SCORES.values()]
    with_copies = flags.groupby(evaluation, dropna=False).transform("any")
    # One flagged evaluation stands there under another spelling without its flag.
    assert flagged == with_copies.sum() == flags.sum() + 1
    assert merged == (~landed_rows["Merged"].astype(bool)).sum()
    assert 0 < flagged < len(landed_rows) / 2


@pytest.mark.parametrize("variant", ["plausible", "all"])
@pytest.mark.parametrize("column", ["d_model", "layers", "heads", "pos"])
def test_column_statistics_are_those_of_pandas(
    snapshot: Warehouse, column: str, variant: str
) -> None:
    models = mart(snapshot, "models").set_index("model_id")["is_decoder"]
    structures = mart(snapshot, "model_structures")
    # What is known to be no decoder does not count; what is unknown does.
    structures = structures[structures["model_id"].map(models).fillna(True).astype(bool)]
    values = structures[column].astype("float64")
    if variant == "plausible":
        values = values.mask(structures["implausible_fields"].map(lambda fields: column in fields))
    statistics = mart(snapshot, "column_statistics")
    statistics = statistics.set_index(["column_name", "variant", "population"])
    stated = statistics.loc[column, variant, "all"]
    want = {
        "n_models": len(values),
        "n_values": values.count(),
        "mean": values.mean(),
        "mode": values.mode().min(),
        "q1": values.quantile(0.25),
        "q2": values.median(),
        "q3": values.quantile(0.75),
        "max": values.max(),
        "skewness": values.skew(),
        "kurtosis": values.kurt(),
        "miss_rate": 100 * structures[column].isna().mean(),
    }
    np.testing.assert_allclose(stated[list(want)].astype(float), list(want.values()), rtol=1e-4)


def test_results_count_every_score_once(snapshot: Warehouse) -> None:
    counts = dict(
        snapshot.rows("select leaderboard, count(*) from marts.benchmark_results group by all")
    )
    v1 = landed("open_llm_leaderboard_v1")[list(SCORES.values())]
    code = landed("bigcodebench")[["complete", "instruct"]]
    assert counts["open_llm_v1"] == v1.notna().sum().sum()
    assert counts["bigcodebench"] == code.notna().sum().sum()
