"""The pipelines in pandas and polars that the warehouse is timed beside give the same tables."""

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from benchmarks import warehouse_pandas, warehouse_polars
from benchmarks.multiplied_snapshot import multiply
from modelstrata.landing import land_frame

#: Configs as the snapshot has none: polars refuses the first four.
ODD = {
    "no-json": '{"hidden_size": 4096',
    "no-object": "[4096]",
    "no-number": '{"hidden_size": "4096", "n_embd": 64, "num_hidden_layers": [8]}',
    "no-level": '{"hidden_size": 128, "text_config": "plain"}',
    "level": '{"hidden_size": 128, "llm_config": {"d_model": 256}, "model_type": "odd"}',
    "empty-level": '{"hidden_size": 128, "llm_config": {"n_layer": 2}, "text_config": {}}',
    "fraction": '{"hidden_size": 12.5, "vocab_size": null, "padded_vocab_size": 1000}',
    "classes": '{"architectures": ["OddForCausalLM", "Other"], "n_inner": null, "ffn_dim": 7}',
    "no-class": '{"architectures": [], "seq_length": 2048}',
}

#: One model, of which the first listing is the latest, and one whose two are of one time.
LISTINGS = {
    "model_id": ["odd/level", "Odd/Level", "odd/classes", "odd/Classes"],
    "payload": ['{"downloads": 1, "createdAt": "2025-01-02T03:04:05.678Z"}']
    + [f'{{"downloads": {n}, "tags": ["license:mit", "gguf"]}}' for n in (2, 3, 4)],
    "crawled_at": pd.to_datetime(["2026-02-01"] + ["2026-01-01"] * 3, utc=True),
}

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, Tables]:
    """Build the tables of 3,000 models, and of odd ones, in pandas and in polars."""
    landing: Path = tmp_path_factory.mktemp("frames") / "landing"
    multiply(landing, 3000)
    odd = pd.DataFrame({"model_id": [f"odd/{name}" for name in ODD], "config": list(ODD.values())})
    odd = odd.assign(
        source="odd", fetched_at=pd.Timestamp("2026-01-01", tz="UTC"), completeness="full"
    )
    land_frame(landing, "hub_configs", "odd", odd)
    land_frame(landing, "hub_models", "odd", pd.DataFrame(LISTINGS).assign(source="odd"))
    in_polars = warehouse_polars.build(landing)
    return warehouse_pandas.build(landing), {k: _in_pandas(t) for k, t in in_polars.items()}


def _in_pandas(table: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(table.to_dict(as_series=False))


def _assert_same(pandas: pd.DataFrame, polars: pd.DataFrame, key: list[str]) -> None:
    assert not pandas.duplicated(key).any()
    left, right = (
        frame[list(polars)].sort_values(key, ignore_index=True).astype(object).where(pd.notna, None)
        for frame in (pandas, polars)
    )
    pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("table", "key", "n_least"),
    [
        ("models", ["model_id"], 2900),
        ("structures", ["model_id"], 1000),
        ("scores", ["model_id", "benchmark"], 5000),
    ],
)
def test_tables_are_the_same(
    tables: tuple[Tables, Tables], table: str, key: list[str], n_least: int
) -> None:
    pandas, polars = (side[table] for side in tables)
    assert len(pandas) > n_least
    _assert_same(pandas, polars, key)


def test_models_have_the_same_columns(tables: tuple[Tables, Tables]) -> None:
    """In pandas those that two tables have stay, under a name for each, beside the one chosen."""
    pandas, polars = (set(side["models"]) for side in tables)
    merged = {f"{c}_{side}" for c in ("architecture", "model_type") for side in "xy"}
    assert pandas == polars | merged


def test_statistics_are_the_same(tables: tuple[Tables, Tables]) -> None:
    pandas, polars = (side["column_statistics"] for side in tables)
    assert list(pandas) == list(polars)[1:]
    _assert_same(pandas.rename_axis("column").reset_index(), polars, ["column"])


def test_odd_configs_are_read_as_far_as_they_go(tables: tuple[Tables, Tables]) -> None:
    structures = tables[1]["structures"].set_index("model_id")
    widths = {name: structures["d_model"][f"odd/{name}"] for name in ODD}
    assert {k: v for k, v in widths.items() if not pd.isna(v)} == {
        "no-number": 64,
        "no-level": 128,
        "level": 256,
        "fraction": 12.5,
    }


def test_latest_listing_in_the_commonest_spelling_stands(tables: tuple[Tables, Tables]) -> None:
    models = tables[1]["models"].set_index("model_id")
    assert "Odd/Level" not in models.index
    assert models.loc["odd/level", "downloads"] == 1
    assert models.loc["odd/classes", "downloads"] == 4
