"""A mart that fell far below the published one is not published, unless that is allowed."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from modelstrata.settings import DBT_PROJECT
from orchestration.dbt_cli import manifest
from orchestration.failures import failed_nodes
from orchestration.row_counts import watched_tables, write_row_counts
from tests.builds import BIN, environment, materialize, unmeasured

DBT = [str(BIN / "dbt"), "--quiet"]


@pytest.fixture
def shrunk(built: Path, tmp_path: Path) -> Path:
    """Return a published file of which rows and values are gone since."""
    (tmp_path / "landing").symlink_to(built / "landing", target_is_directory=True)
    shutil.copyfile(built / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        for table, condition, share in (
            ("benchmark_scores", "leaderboard = 'open_llm_v2'", 0.16),
            ("parameter_counts", "true", 0.14),
            ("structure_performance", "structure_tier = 'imputed'", 0.5),
            ("rejected_records", "true", 0.5),
        ):
            connection.execute(
                f"delete from marts.{table} where rowid in (select rowid from marts.{table} "
                f"where {condition} qualify percent_rank() over (order by rowid) < {share})"
            )
        connection.execute(
            "update marts.structure_performance set d_ffn = null where structure_tier = 'exact' "
            "and model_id < (select quantile_disc(model_id, 0.2) from marts.structure_performance "
            "where structure_tier = 'exact' and d_ffn is not null)"
        )
    return tmp_path


def test_drops_of_rows_of_one_part_and_of_values_fail_by_name(shrunk: Path) -> None:
    command = [*DBT, "test", "--target", "published", "--select", "test_name:no_large_drop"]
    command += ["--target-path", str(shrunk / "target")]
    for extra, fails in (
        ([], True),
        (["--vars", "allow_drop: true"], False),
    ):
        run = subprocess.run(
            [*command, *extra],
            cwd=DBT_PROJECT,
            env=environment(shrunk),
            capture_output=True,
            text=True,
            check=False,
        )
        told = failed_nodes(shrunk / "target" / "run_results.json", shrunk / "warehouse.duckdb")
        assert (run.returncode == 1) == fails, run.stdout
        assert bool(told) == fails
        if not fails:
            continue
        scores, structures = sorted(told)
        # Fewer imputed structures or rejected records are no loss, and 14 % are not too many.
        assert scores.startswith(
            "no_large_drop_of_benchmark_scores: benchmark_scores (open_llm_v2)"
        )
        assert "rows fell from 26,964 to 22,64" in scores
        assert "(exact): values of d_ffn fell from 1,192 to " in structures
        assert all("MODELSTRATA_ALLOW_DROP=1" in line for line in told)


#: Empty until `make study`, or where the snapshot holds no measured layers.
EMPTY = {
    *unmeasured(),
    "feature_effects",
    "interval_coverage",
    "inverse_feature_importances",
    "inverse_regression_scores",
}


def test_every_watched_table_and_column_is_recorded_and_meta_is_no_mart(built: Path) -> None:
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        recorded = connection.execute(
            "select schema_name, table_name, column_name from meta.row_counts"
        ).fetchall()
        published = connection.execute(
            "select row_count from meta.row_counts where table_name = 'models' and column_name = ''"
        ).fetchall()
        counted = connection.execute("select count(*) from marts.models").fetchall()
    expected = {
        (watched.schema, watched.table, column)
        for watched in watched_tables(manifest())
        for column in ("", *watched.columns)
        if watched.table not in EMPTY  # no rows, no counts
    }
    assert set(recorded) == expected
    assert published == counted
    (release,) = (built / "release").iterdir()
    assert not [path for path in release.rglob("*") if "row_counts" in path.name]
    assert "row_counts" not in (release / "README.md").read_text()


def test_counts_are_of_what_is_built_and_by_part() -> None:
    tests = {
        "one": ("built", {"columns": ["value"], "by": "kind"}),
        "two": ("unbuilt", {}),
        "three": ("empty", {}),
    }
    nodes: dict[str, dict] = {
        name: {
            "attached_node": table,
            "test_metadata": {"name": "no_large_drop", "kwargs": {"model": "…", **arguments}},
        }
        for name, (table, arguments) in tests.items()
    }
    nodes |= {table: {"schema": "marts", "alias": table} for table, _ in tests.values()}
    with duckdb.connect() as connection:
        connection.execute(
            "create schema marts; create table marts.empty (value int);"
            "create table marts.built as from (values ('a', 1), ('a', null), (null, 3)) "
            "as t (kind, value)"
        )
        write_row_counts(connection, {"nodes": nodes})
        rows = connection.execute("from meta.row_counts order by all").fetchall()
    assert rows == [
        ("marts", "built", "a", "", 2),
        ("marts", "built", "a", "value", 1),
        ("marts", "built", "unknown", "", 1),
        ("marts", "built", "unknown", "value", 1),
    ]


#: Picked in place of the whole job, which would land the snapshot's batch again.
PICKED = (
    "staging/stg_landing__open_llm_leaderboard_v2",
    "intermediate/int_evaluations",
    "intermediate/int_evaluations_set_aside",
    "intermediate/int_scores_compared",
    "intermediate/int_benchmark_scores_described",
    "marts/benchmark_results",
    "marts/benchmark_scores",
    "marts/score_distributions",
    "marts/score_by_size_bin",
)


def build_picked(data: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return materialize(data, " or ".join(f'key:"{key}"' for key in PICKED), **extra)


def test_a_lost_batch_keeps_the_last_good_warehouse_until_the_drop_is_allowed(
    copy_of_built: Path,
) -> None:
    warehouse = copy_of_built / "warehouse.duckdb"
    scored = "select leaderboard, count(*) from marts.benchmark_scores group by all order by all"

    def state() -> tuple[str, dict[str, int]]:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            scores = dict(connection.execute(scored).fetchall())
        return hashlib.sha256(warehouse.read_bytes()).hexdigest(), scores

    digest, scores = state()
    (batch,) = (copy_of_built / "landing" / "open_llm_leaderboard_v2").glob("snapshot-*.parquet")
    batch.unlink()

    stopped = build_picked(copy_of_built)
    assert stopped.returncode != 0
    told = stopped.stdout + stopped.stderr
    assert "dbt stopped the build; the last good warehouse stays." in told
    assert "benchmark_results (open_llm_v2): rows fell from 27,480 to 0" in told
    assert "build once with MODELSTRATA_ALLOW_DROP=1" in told
    assert state() == (digest, scores)

    allowed = build_picked(copy_of_built, MODELSTRATA_ALLOW_DROP="1")
    assert allowed.returncode == 0, allowed.stderr
    digest_now, scores_now = state()
    assert digest_now != digest
    assert scores_now == {name: n for name, n in scores.items() if name != "open_llm_v2"}
