"""Descriptive statistics of the embedded snapshot, computed anew with pandas and scipy."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.dbt_project.conftest import Warehouse

EDGES = [0, 1.5, 4, 9, 20, 50, 100, np.inf]
CLASSES = ["<1.5B", "1.5-4B", "4-9B", "9-20B", "20-50B", "50-100B", ">=100B"]


def mart(warehouse: Warehouse, name: str) -> pd.DataFrame:
    return warehouse.connection.table(f"marts.{name}").df()


@pytest.fixture(scope="module")
def models(snapshot: Warehouse) -> pd.DataFrame:
    return mart(snapshot, "models").set_index("model_id")


@pytest.fixture(scope="module")
def scores(snapshot: Warehouse, models: pd.DataFrame) -> pd.DataFrame:
    """Return the scores that are not flagged, with what is known of their models."""
    structures = mart(snapshot, "model_structures").set_index("model_id")
    plausible = ~structures["implausible_fields"].map(lambda fields: "size" in fields)
    frame = mart(snapshot, "benchmark_scores").query("not is_flagged").set_index("model_id")
    frame = frame.join(models[["date", "is_official", "family"]])
    frame = frame.join(structures.loc[plausible, ["size", "has_size_conflict"]])
    frame["size_class"] = pd.cut(frame["size"], EDGES, right=False, labels=CLASSES)
    whole = (frame["leaderboard"] == "open_llm_v1") & (frame["size"] >= 1)
    # Halves go up; those of pandas go to the even neighbour.
    tenths = np.floor(frame["size"] * 10 + 0.5) / 10
    frame["rounded"] = np.floor(frame["size"]).where(whole, tenths)
    return frame.reset_index()


def chosen(scores: pd.DataFrame, population: str) -> pd.DataFrame:
    if population == "official":
        return scores[scores["is_official"].fillna(False).astype(bool)]
    if population == "pretrained":
        return scores[scores["training_type"] == "pretrained"]
    return scores


@pytest.mark.parametrize("population", ["all", "official", "pretrained"])
def test_rank_correlations_are_those_of_scipy(
    snapshot: Warehouse, scores: pd.DataFrame, population: str
) -> None:
    rows = chosen(scores, population)
    wide = rows.pivot(index="model_id", columns="benchmark", values="score")
    known = rows.dropna(subset=["family", "size_class"]).drop_duplicates("model_id")
    groups = known.set_index("model_id")[["family", "size_class"]].astype(str).agg(" ".join, axis=1)
    found = mart(snapshot, "score_correlations").query("population == @population")
    found = found.set_index(["benchmark_a", "benchmark_b"])
    wanted = set()
    for a, b in itertools.product(wide.columns, repeat=2):
        both = wide[[a, b]].dropna() if a != b else wide[[a]].dropna()
        if len(both) < 10:
            continue
        wanted.add((a, b))
        row = found.loc[(a, b)]
        rho = stats.spearmanr(both[a], both[b]).statistic
        medians = both.groupby(groups.reindex(both.index)).median()
        assert (row["n"], row["n_families"]) == (len(both), len(medians))
        assert row["spearman"] == pytest.approx(rho, abs=2e-6)
        if len(medians) < 10:
            assert pd.isna(row["family_spearman"])
        else:
            rho = stats.spearmanr(medians[a], medians[b]).statistic
            assert row["family_spearman"] == pytest.approx(rho, abs=2e-6)
        if a != b:
            # An interval by the same formula, from its definition.
            half = stats.norm.ppf(0.975) * np.sqrt(1.06 / (len(both) - 3))
            ends = np.tanh(np.arctanh(row["spearman"]) + np.array([-half, half]))
            assert list(row[["spearman_low", "spearman_high"]]) == pytest.approx(
                list(ends), abs=2e-6
            )
    assert set(found.index) == wanted


def test_scores_fall_into_the_bins_of_numpy(snapshot: Warehouse, scores: pd.DataFrame) -> None:
    found = mart(snapshot, "score_distributions")
    assert set(found["benchmark"]) == set(scores["benchmark"])
    for (population, benchmark), bins in found.groupby(["population", "benchmark"]):
        rows = chosen(scores, population)
        values = rows.loc[rows["benchmark"] == benchmark, "score"]
        bins = bins.sort_values("bin")
        counts, edges = np.histogram(values, bins=np.arange(0, 101, 2))
        np.testing.assert_array_equal(bins["n"], counts)
        np.testing.assert_array_equal(bins["lower"], edges[:-1])
        np.testing.assert_allclose(bins["share"], counts / len(values), atol=1e-6)


def equal_frequency(sizes: pd.Series) -> pd.Series:
    """Number the bins of sizes, by a loop over the distinct ones."""
    n_bins = max(1, min(10, len(sizes) // 10))
    numbers, below = {}, 0
    for size, n in sizes.value_counts().sort_index().items():
        numbers[size] = int((below + n / 2) / len(sizes) * n_bins)
        below += n
    dense = {number: place for place, number in enumerate(sorted(set(numbers.values())), 1)}
    return sizes.map(numbers).map(dense)


@pytest.mark.parametrize("population", ["all", "official"])
@pytest.mark.parametrize("training_type", ["all", "pretrained", "chat", "fine-tuned", "merge"])
def test_quartiles_by_size_bin_are_those_of_pandas(
    snapshot: Warehouse, scores: pd.DataFrame, population: str, training_type: str
) -> None:
    rows = chosen(scores, population).dropna(subset=["size"])
    if training_type != "all":
        rows = rows[rows["training_type"] == training_type]
    found = mart(snapshot, "score_by_size_bin").query(
        "population == @population and training_type == @training_type"
    )
    assert set(found["benchmark"]) == set(rows["benchmark"])
    for benchmark, bins in found.groupby("benchmark"):
        here = rows[rows["benchmark"] == benchmark]
        grouped = here.groupby(equal_frequency(here["rounded"]))
        families = here.groupby([equal_frequency(here["rounded"]), "family"])["score"].mean()
        wanted = pd.DataFrame(
            {
                "n": grouped.size(),
                "lowest_size": grouped["size"].min(),
                "median_size": grouped["size"].median(),
                "highest_size": grouped["size"].max(),
                "mean_score": grouped["score"].mean(),
                "q1_score": grouped["score"].quantile(0.25),
                "q2_score": grouped["score"].median(),
                "q3_score": grouped["score"].quantile(0.75),
                "n_families": grouped["family"].nunique(),
                "family_mean_score": families.groupby(level=0).mean(),
            }
        )
        bins = bins.set_index("bin").sort_index()[wanted.columns]
        np.testing.assert_allclose(bins.astype(float), wanted.astype(float), atol=2e-6)


@pytest.mark.parametrize("population", ["all", "official"])
@pytest.mark.parametrize("kind", ["all", "moe", "multimodal"])
def test_months_count_the_models_of_pandas(
    snapshot: Warehouse, models: pd.DataFrame, population: str, kind: str
) -> None:
    rows = models[models["is_decoder"].fillna(True).astype(bool)]
    if kind != "all":
        rows = rows[rows[f"is_{kind}"].fillna(False).astype(bool)]
    if population == "official":
        rows = rows[rows["is_official"].fillna(False).astype(bool)]
    dated = rows[rows["date"].notna() & (rows["date_source"] != "hub_created_before")]
    before = (rows["date_source"] == "hub_created_before").sum()
    found = mart(snapshot, "monthly_model_counts").query("population == @population")
    found = found[found["class"] == kind].set_index("month").sort_index()
    months = pd.to_datetime(dated["date"]).dt.to_period("M").dt.to_timestamp()
    wanted = months.value_counts().reindex(pd.to_datetime(found.index), fill_value=0)
    np.testing.assert_array_equal(found["n_new"], wanted)
    np.testing.assert_array_equal(found["n_so_far"], before + wanted.cumsum())
    assert wanted.sum() == len(dated)
    assert (found["n_before"] == before).all()
    assert (found["n_models"] == len(rows)).all()
    assert (found["n_dated"] == rows["date"].notna().sum()).all()


@pytest.mark.parametrize("population", ["all", "official", "pretrained"])
@pytest.mark.parametrize("benchmark", ["mmlu", "gpqa", "bigcodebench_complete"])
def test_frontiers_are_found_by_looking_at_every_model_again(
    snapshot: Warehouse, scores: pd.DataFrame, population: str, benchmark: str
) -> None:
    rows = chosen(scores, population)
    rows = rows[(rows["benchmark"] == benchmark) & rows["date"].notna()]
    rows = rows.assign(month=pd.to_datetime(rows["date"]).dt.to_period("M").dt.to_timestamp())
    where = "population == @population and benchmark == @benchmark"
    best = mart(snapshot, "benchmark_frontier").query(where)
    assert rows.empty == best.empty
    for _, row in best.iterrows():
        here = rows[rows["month"] <= row["month"]]
        if row["size_class"] != "all":
            here = here[here["size_class"] == row["size_class"]]
        assert row["n_so_far"] == len(here)
        assert row["best_score_so_far"] == here["score"].max()
        leaders = here[here["score"] == row["best_score_so_far"]]
        assert row["best_model_so_far"] in set(leaders["model_id"])
    assert set(best["month"]) == set(
        pd.date_range(rows["month"].min(), rows["month"].max(), freq="MS") if len(rows) else []
    )
    smallest = mart(snapshot, "smallest_models_to_reach").query(where)
    usable = rows[rows["size"].notna() & ~rows["has_size_conflict"].fillna(False).astype(bool)]
    for _, row in smallest.iterrows():
        here = usable[(usable["month"] <= row["month"]) & (usable["score"] >= row["threshold"])]
        assert row["n_so_far"] == len(here)
        assert row["rounded_size"] == here["rounded"].min()
        assert row["model_id"] in set(here.loc[here["rounded"] == row["rounded_size"], "model_id"])
    thresholds = set(range(5, 101, 5)) if len(usable) else set()
    assert set(smallest["threshold"]) == {t for t in thresholds if t <= usable["score"].max()}


def test_architectures_and_likes_are_those_of_pandas(
    snapshot: Warehouse, models: pd.DataFrame
) -> None:
    language = models[models["is_decoder"].fillna(True).astype(bool)]
    counts = mart(snapshot, "architecture_counts").set_index("architecture").sort_values("rank")
    assert counts["n_models"].to_dict() == language["architecture"].value_counts().to_dict()
    likes = language.groupby("architecture")["likes"].sum()
    np.testing.assert_array_equal(counts["likes"], likes[counts.index])
    assert counts["n_models"].is_monotonic_decreasing
    assert list(counts["rank"]) == list(range(1, len(counts) + 1))
    liked = mart(snapshot, "most_liked_models").sort_values("rank")
    np.testing.assert_array_equal(liked["likes"], language["likes"].nlargest(100))


def test_statistics_of_official_models_are_those_of_pandas(
    snapshot: Warehouse, models: pd.DataFrame
) -> None:
    structures = mart(snapshot, "model_structures").set_index("model_id")
    frame = structures.join(models[["is_decoder", "is_official", "likes", "downloads"]])
    frame = frame[frame["is_decoder"].fillna(True).astype(bool)]
    frame = frame.assign(has_config=frame["config_sources"].notna())
    official = frame[frame["is_official"].fillna(False).astype(bool)]
    statistics = mart(snapshot, "column_statistics").query("variant == 'all'")
    for _, row in statistics.iterrows():
        rows = official if row["population"] == "official" else frame
        values = rows[row["column_name"]].astype("float64")
        configured = values[rows["has_config"]]
        want = {
            "n_models": len(values),
            "mean": values.mean(),
            "mode": (values.round() if row["column_name"] == "size" else values).mode().min(),
            "q1": values.quantile(0.25),
            "q3": values.quantile(0.75),
            "skewness": values.skew(),
            "kurtosis": values.kurt(),
            "miss_rate": 100 * values.isna().mean(),
            "config_miss_rate": 100 * configured.isna().mean(),
        }
        found = row[list(want)].astype(float)
        np.testing.assert_allclose(found, list(want.values()), rtol=1e-5, atol=6e-5)


def test_printed_statistics_are_the_papers_table(snapshot: Warehouse) -> None:
    table = mart(snapshot, "column_statistics_comparison")
    printed = table.set_index(["column_name", "statistic"])["printed"]
    assert printed["d_ffn", "kurtosis"] == 120913
    assert printed["size", "miss_rate"] == printed["size", "config_miss_rate"] == 18
    assert len(table) == 100 and table["value"].notna().all()
    np.testing.assert_allclose(table["difference"], table["value"] - table["printed"])
