"""Old facts are named, by dbt and in a run, and stop no build."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from modelstrata.errors import LandingError
from modelstrata.landing import prepare
from modelstrata.settings import DBT_PROJECT
from orchestration.dbt_cli import manifest
from orchestration.freshness import freshness
from tests.builds import BIN, ask_history, environment

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def land(landing: Path, table: str, batch: str, loaded_at: str) -> None:
    """Land one row that was loaded at a time, as an SQL expression."""
    column = {"hub_models": "crawled_at", "hub_configs": "fetched_at"}.get(table, "computed_at")
    row = duckdb.sql(f"select {loaded_at} as {column}")
    row.write_parquet(str(landing / table / f"{batch}.parquet"))


def test_every_source_has_a_limit_or_says_why_not() -> None:
    for source in manifest()["sources"].values():
        limit = (source["freshness"] or {}).get("warn_after") or {}
        reason = source["config"]["meta"].get("no_freshness", "")
        assert bool(limit.get("count")) != bool(reason), source["name"]
        if limit.get("count"):
            assert source["loaded_at_field"] and source["freshness"]["error_after"]["count"]


def test_dbt_warns_of_old_facts_fails_on_very_old_ones_and_passes_fresh_ones(
    tmp_path: Path,
) -> None:
    landing = tmp_path / "landing"
    prepare(landing)
    (tmp_path / "dev").mkdir()
    land(landing, "hub_models", "old", "now() - interval 30 days")
    # Of the same zone: a batch from the future, by a wrong clock, makes nothing fresh.
    land(landing, "hub_configs", "very-old", "now() - interval 200 days")
    land(landing, "hub_configs", "future", "now() + interval 3 days")
    land(landing, "regression_scores", "fresh", "now() - interval 1 day")
    land(landing, "feature_importances", "old", "now() - interval 100 days")

    def statuses(returncode: int) -> dict[str, str]:
        run = subprocess.run(
            [str(BIN / "dbt"), "source", "freshness", "--target-path", str(tmp_path / "target")],
            cwd=DBT_PROJECT,
            env=environment(tmp_path, TZ="Asia/Tokyo"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == returncode, run.stdout
        results = json.loads((tmp_path / "target" / "sources.json").read_text())["results"]
        return {result["unique_id"].split(".")[-1]: result["status"] for result in results}

    assert statuses(1) == {
        "hub_models": "warn",
        "hub_configs": "error",
        "regression_scores": "pass",
        "feature_importances": "warn",
        "score_predictions": "error",  # nothing there
    }
    for table in ("hub_models", "hub_configs", "feature_importances", "score_predictions"):
        land(landing, table, "new", "now() - interval 2 hours")
    assert set(statuses(0).values()) == {"pass"}


def ages(landing: Path) -> dict[str, tuple[int, bool, bool]]:
    measured = freshness(landing, manifest(), NOW)
    return {t.table: (t.age.days, t.is_old, t.is_much_too_old) for t in measured}


def test_a_run_measures_as_dbt_does(tmp_path: Path) -> None:
    prepare(tmp_path)
    never = timedelta.max.days
    assert ages(tmp_path) == {
        "hub_models": (never, True, True),
        "hub_configs": (never, True, True),
    }
    assert str(freshness(tmp_path, manifest(), NOW)[0]) == "hub_models is empty."
    land(tmp_path, "hub_models", "1", "timestamptz '2026-12-31 12:00:00+00'")
    land(tmp_path, "hub_configs", "1", "timestamp '2026-12-31 12:00:00'")
    assert ages(tmp_path) == {"hub_models": (60, True, False), "hub_configs": (60, True, False)}
    # A day as a date is one at midnight; the future counts for nothing.
    land(tmp_path, "hub_models", "2", "date '2027-02-20'")
    land(tmp_path, "hub_configs", "2", "timestamptz '2027-04-01 00:00:00+00'")
    assert ages(tmp_path) == {"hub_models": (9, False, False), "hub_configs": (60, True, False)}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    prepare(tmp_path)
    broken = tmp_path / "hub_models" / "crawl-7.parquet"
    broken.write_bytes(b"PAR1")
    with pytest.raises(LandingError, match=r"crawl-7\.parquet"):
        freshness(tmp_path, manifest(), NOW)


def test_the_build_of_an_old_snapshot_succeeds_and_dagster_shows_its_age(built: Path) -> None:
    code = """
        for table in ("hub_models", "hub_configs"):
            key = dg.AssetCheckKey(dg.AssetKey(["landing", table]), "freshness")
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            evaluation = record.event.dagster_event.asset_check_evaluation_data
            print(evaluation.passed, evaluation.description)
    """
    models, configs = ask_history(built, code).splitlines()
    # The embedded listing is of 2026-10-05.
    assert models.startswith("False hub_models: the newest row is of 2026-10-05, ")
    assert configs.split(" ", 1)[1].startswith("hub_configs: the newest row is of 2026-10-05, ")
    summary = (built / "build.out").read_text()
    # A later build of another test, past midnight, counts a day more than the one of the summary.
    said = models.removeprefix("False ")
    days = int(said.split(", ")[1].split(" days")[0])
    day_before = said.replace(f"{days} days", f"{days - 1} days")
    assert "Old facts" in summary and (said in summary or day_before in summary)
