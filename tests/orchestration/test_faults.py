"""Kills, locks, damaged files, full disks: the last good warehouse stays."""

import ctypes
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from tests.builds import ROOT, contents, environment, run_job, run_job_here


def start_build(data: Path, **extra: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", "build"],
        cwd=ROOT,
        env=environment(data, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_builds_leave_nothing_that_changes_two_started_together(
    built: Path, tmp_path: Path, kills: int
) -> None:
    seconds = float((built / "build.seconds").read_text())
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    data = tmp_path / "data"
    for _ in range(kills):
        process = start_build(data)
        time.sleep(moments.uniform(0, seconds))
        # Only make: the build that it started, and the dbt that this started, must end with it.
        process.kill()
        process.communicate()
    # One of the two builds; the other waits for its lock, and then has nothing to do.
    builds = [start_build(data, MODELSTRATA_LOCK_TIMEOUT="600") for _ in range(2)]
    for process in builds:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert contents(data / "warehouse.duckdb") == contents(built / "warehouse.duckdb")
    assert list((data / "build").iterdir()) == []
    names = sorted(path.relative_to(data) for path in (data / "landing").rglob("*.parquet"))
    expected = sorted(path.relative_to(built) for path in (built / "landing").rglob("*.parquet"))
    assert names == expected
    (release,) = (path for path in (data / "release").iterdir() if path.name[0] != ".")
    (other,) = (built / "release").iterdir()
    assert (release / "SHA256SUMS").read_bytes() == (other / "SHA256SUMS").read_bytes()


@pytest.fixture
def unchanged(
    copy_of_built: Path, stays_as_it_was: Callable[[Path], Callable[[], None]]
) -> Iterator[Path]:
    """Give a built folder to spoil; afterwards its published warehouse must be as before."""
    check = stays_as_it_was(copy_of_built / "warehouse.duckdb")
    yield copy_of_built
    check()
    assert list((copy_of_built / "build").iterdir()) == []


def one_clear_error(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == 1
    errors = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, run.stderr
    assert "Traceback" not in run.stderr
    for word in words:
        assert word in errors[0], errors[0]


def test_truncated_landing_file_stops_the_build_by_name(unchanged: Path) -> None:
    (whole,) = (unchanged / "landing" / "hub_configs").glob("snapshot-*.parquet")
    broken = whole.with_name("crawl-7.parquet")
    broken.write_bytes(whole.read_bytes()[:-100])
    one_clear_error(run_job_here(unchanged), str(broken), "Remove")


def test_landing_file_without_a_column_stops_the_build_by_name(unchanged: Path) -> None:
    broken = unchanged / "landing" / "hub_models" / "crawl-7.parquet"
    duckdb.sql("select 'a/b' as model_id, '{}' as payload, 'x' as source").write_parquet(
        str(broken)
    )
    one_clear_error(run_job_here(unchanged), str(broken), "crawled_at", "Remove")


def test_landing_file_with_a_retyped_column_stops_the_build_by_name(unchanged: Path) -> None:
    broken = unchanged / "landing" / "pretraining_compute" / "crawl-7.parquet"
    duckdb.sql(
        "select 'a/b' as model_id, 'f' as family, 'seven' as params_b, 1.0 as tokens_t, "
        "1.0 as flops_1e21, 'x' as source"
    ).write_parquet(str(broken))
    one_clear_error(run_job_here(unchanged), str(broken), "params_b", "VARCHAR", "DOUBLE")


def _leaderboard(data: Path, batch: str, projection: str) -> Path:
    """Land a batch of the first leaderboard as the projection of its own makes it."""
    folder = data / "landing" / "open_llm_leaderboard_v1"
    (whole,) = folder.glob("snapshot-*.parquet")
    target = folder / f"{batch}.parquet"
    duckdb.sql(f"select {projection} from '{whole}' limit 3").write_parquet(str(target))
    return target


def test_bad_leaderboard_files_stop_the_build_by_name_one_after_another(unchanged: Path) -> None:
    hub_models = unchanged / "landing" / "hub_models" / "crawl-7.parquet"
    crawl = "select 'a/b' as model_id, '{}' as payload, 'x' as source, "
    for batch, projection, *words in (
        ("missing", "* exclude (GSM8K)", "no column 'GSM8K'", "(DOUBLE)"),
        ("renamed", '* rename (GSM8K as "GSM-8K")', "'GSM8K'", "'GSM-8K' (DOUBLE): rename"),
        ("text", "* replace (MMLU::varchar as MMLU)", "VARCHAR in column 'MMLU'", "DOUBLE"),
        ("2031-01-01", "*", "named after a day in the future", "MODELSTRATA_TODAY"),
    ):
        broken = _leaderboard(unchanged, batch, projection)
        one_clear_error(run_job_here(unchanged), str(broken), "Remove", *words)
        broken.unlink()
    hub_models.write_bytes(b"")
    one_clear_error(run_job_here(unchanged), str(hub_models), "is empty, 0 bytes", "Remove")
    crawl += "timestamptz '2999-01-01 12:00:00+00' as crawled_at"
    duckdb.sql(crawl).write_parquet(str(hub_models))
    late = ("1 rows from the future", "'crawled_at'", "2999-01-01", "MODELSTRATA_TODAY")
    one_clear_error(run_job_here(unchanged), str(hub_models), "Remove", *late)


def test_second_run_says_that_another_is_in_progress(unchanged: Path) -> None:
    with FileLock(unchanged / ".lock"):
        one_clear_error(run_job(unchanged), "Another run", "MODELSTRATA_LOCK_TIMEOUT")


def test_data_folder_that_cannot_be_made_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    one_clear_error(run_job(tmp_path / "file" / "data"), "MODELSTRATA_DATA")


def _without_override() -> None:
    """Drop the right to ignore file modes, so that the test holds for root too."""
    libc = ctypes.CDLL(None)
    drop_bounding_capability, override, read_search = 24, 1, 2
    libc.prctl(drop_bounding_capability, override, 0, 0, 0)
    libc.prctl(drop_bounding_capability, read_search, 0, 0, 0)


def test_data_folder_without_write_permission_gives_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o555)
    run = subprocess.run(
        [sys.executable, "-m", "orchestration.run", "build"],
        cwd=ROOT,
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_without_override,
    )
    one_clear_error(run, "No permission", str(data))


def test_failing_dbt_test_keeps_the_last_good_warehouse(unchanged: Path) -> None:
    spoiled = unchanged / "landing" / "regression_scores" / "spoiled.parquet"
    (batch,) = (
        path
        for path in (unchanged / "landing" / "regression_scores").glob("*.parquet")
        if path.stem != "0-schema"
    )
    newest = (
        "select * replace (2.0 as r2, 'spoiled' as result_key, "
        "computed_at + interval 1 day as computed_at)"
    )
    duckdb.sql(f"{newest} from read_parquet('{batch}')").write_parquet(str(spoiled))
    run = run_job(unchanged)
    one_clear_error(run, "dbt stopped the build")
    assert "assert_regression_r2_follows_from_predictions" in run.stderr
