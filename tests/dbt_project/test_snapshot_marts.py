"""Marts of the embedded snapshot against plain pandas and json on the same files."""

import json

import numpy as np
import pandas as pd
import pytest

from extract.land_snapshot import SNAPSHOT
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


def test_candidates_are_the_1200_models_with_a_config_under_their_id(snapshot: Warehouse) -> None:
    both = set(landed("open_llm_leaderboard_v1")["Model"]) & set(landed("hub_configs")["model_id"])
    kept = set(mart(snapshot, "structure_performance")["model_id"])
    rejected = mart(snapshot, "rejected_records").query("rejected_from == 'structure_performance'")
    assert len(both) == 1200
    assert kept | set(rejected["model_id"]) == both
    assert len(kept) + len(rejected) == 1200


def test_six_scores_of_a_kept_model_are_one_landed_row(snapshot: Warehouse) -> None:
    kept = mart(snapshot, "structure_performance")[["model_id", *SCORES]]
    rows = landed("open_llm_leaderboard_v1")[["Model", *SCORES.values()]]
    rows.columns = kept.columns
    assert len(kept.merge(rows.drop_duplicates(), on=list(kept.columns))) == len(kept)
    flagged = landed("open_llm_leaderboard_v1").groupby("Model")["Flagged"].any()
    assert flagged[kept["model_id"]].all()


def test_structure_of_models_with_one_config_is_what_it_says(snapshot: Warehouse) -> None:
    configs = landed("hub_configs").drop_duplicates("model_id", keep=False)
    found = mart(snapshot, "model_structures").set_index("model_id")
    checked = 0
    for model, text in zip(configs["model_id"], configs["config"], strict=True):
        whole = json.loads(text)
        language = whole.get("text_config", whole)
        for field, keys in KEYS.items():
            stated = next((language[key] for key in keys if language.get(key) is not None), None)
            if isinstance(stated, int):
                assert found.at[model, field] == stated, (model, field)
                checked += 1
            elif stated is None and model in found.index:
                assert pd.isna(found.at[model, field]), (model, field)
    assert checked > 30_000


def test_inverted_flags_are_counted_the_right_way_round(snapshot: Warehouse) -> None:
    landed_rows = landed("open_llm_leaderboard_v1")
    flagged, merged = snapshot.one(
        "select count(distinct evaluation_id) filter (is_flagged), "
        "count(distinct evaluation_id) filter (is_merged) "
        "from marts.benchmark_results where leaderboard = 'open_llm_v1'"
    )
    assert flagged == (~landed_rows["Flagged"].astype(bool)).sum()
    assert merged == (~landed_rows["Merged"].astype(bool)).sum()
    assert 0 < flagged < len(landed_rows) / 2


@pytest.mark.parametrize("column", ["d_model", "layers", "heads"])
def test_column_statistics_are_those_of_pandas(snapshot: Warehouse, column: str) -> None:
    structures = mart(snapshot, "model_structures")
    plausible = ~structures["implausible_fields"].map(lambda fields: column in fields)
    values = structures[column].astype("float64").where(plausible)
    stated = mart(snapshot, "column_statistics").set_index("column_name").loc[column]
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
