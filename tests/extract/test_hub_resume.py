"""A crawl that is killed at any moment goes on where it was; the end is as if it had not been."""

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.extract.crawls import asked, batches, by_id, content, crawl_here, landed, start
from tests.hub.server import HubProcess, HubServer

PAGE, THREADS = 20, 4
ARGUMENTS = ("--page-size", str(PAGE), "--threads", str(THREADS))


def kill_after(hub: HubProcess, data: Path, seconds: float) -> bool:
    """Start a crawl, kill it so long after it began; return False if it ended before."""
    with start(hub, data, *ARGUMENTS, token=hub.token) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        is_running = process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    return is_running


#: What passes by itself, each on a share of the requests.
PASSING_FAULTS: dict[str, dict[str, Any]] = {
    "status": {"status": 503},
    "drop": {},
    "cut": {},
    "content_length": {},
}


def test_kills_at_random_moments_among_faults_change_nothing_in_the_end(
    tmp_path: Path, kills: int
) -> None:
    rng = random.Random(kills)
    # Enough for every run to get a part of the way: 5,000 models for 50 kills.
    models = max(300, 100 * kills)
    with HubProcess(models) as hub:
        crawl_here(hub, tmp_path / "calm", *ARGUMENTS, token=hub.token)
        needed = len(asked(hub))
    killed = 0
    with HubProcess(models) as hub:
        for kind, options in PASSING_FAULTS.items():
            for match in ("resolve-cache", "api/models"):
                hub.add_fault(kind, match, probability=0.005, **options)
        hub.add_fault("slow", "resolve-cache", seconds=THREADS * kills * 0.5 / needed)
        hub.add_fault("slow", "api/models", seconds=0.05)
        data = tmp_path / "killed"
        while killed < kills and kill_after(hub, data, rng.uniform(0.0, 1.0)):
            killed += 1
        crawl_here(hub, data, *ARGUMENTS, token=hub.token)
        failed = dict.fromkeys(("resolve-cache", "api/models"), 0)
        for fault in hub.faults():
            failed[fault["match"]] += fault["fired"] if fault["kind"] in PASSING_FAULTS else 0
        pages = len(hub.requests("/api/models"))
        configs = len(asked(hub))
    print(
        f"{killed} kills, {sum(failed.values())} faults: {pages} pages for {models // PAGE}, "
        f"{configs} configs for {needed}"
    )
    assert sum(failed.values()) > 0
    assert content(data) == content(tmp_path / "calm")
    assert pages <= models // PAGE + 2 * killed + failed["api/models"]
    assert configs <= needed + (THREADS + THREADS // 4 + 1) * killed + failed["resolve-cache"]
    assert not list((data / "landing").rglob(".hub-*.tmp"))


def test_a_stopped_listing_goes_on_at_its_cursor(tmp_path: Path) -> None:
    with HubServer(200) as hub:
        hub.add_fault("status", "cursor", nth=5, status=503)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("extract.hub.hub._TRIES", 1)
            crawl_here(hub, tmp_path, *ARGUMENTS, fails=True)
        assert len(landed(tmp_path, "hub_models")) == 5 * PAGE
        assert asked(hub) == []
        hub.clear_log()
        crawl_here(hub, tmp_path, *ARGUMENTS)
        assert len(hub.requests("/api/models")) == 10 - 5
        assert len(by_id(landed(tmp_path, "hub_models"))) == 200


def test_an_expired_cursor_begins_the_listing_anew(tmp_path: Path) -> None:
    with HubServer(100) as hub:
        hub.add_fault("status", "cursor", nth=3, status=503)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("extract.hub.hub._TRIES", 1)
            crawl_here(hub, tmp_path, *ARGUMENTS, fails=True)
        hub.add_fault("status", "cursor", times=1, status=400, body="Invalid cursor")
        crawl_here(hub, tmp_path, *ARGUMENTS)
        assert len(by_id(landed(tmp_path, "hub_models"))) == 100


def test_an_interrupted_crawl_says_how_to_go_on_and_lands_what_it_has(tmp_path: Path) -> None:
    with HubProcess(200) as hub:
        hub.add_fault("slow", "resolve-cache", seconds=0.1)
        with start(hub, tmp_path, *ARGUMENTS, token=hub.token) as process:
            while len(hub.requests("resolve-cache")) < 30:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "run the same command again to go on" in said
        assert len(landed(tmp_path, "hub_models")) == 200
        assert len(landed(tmp_path, "hub_configs")) >= 20
        hub.clear_faults()
        crawl_here(hub, tmp_path, *ARGUMENTS, token=hub.token)
        assert max(Counter(asked(hub)).values()) == 1
        assert len(by_id(landed(tmp_path, "hub_configs"))) == len(set(asked(hub)))


def test_a_kill_between_file_and_note_lands_a_batch_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is in the landing zone, and the state does not know it yet."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with HubServer(30) as hub:
        with monkeypatch.context() as patch:
            # Right after the first batch's file was renamed.
            from extract.hub import batches as module

            write = module.write_parquet
            patch.setattr(module, "write_parquet", lambda *args: (write(*args), die()))
            with pytest.raises(Killed):
                crawl_here(hub, tmp_path)
        (first,) = batches(tmp_path)
        before = first.read_bytes()
        crawl_here(hub, tmp_path)
        assert first.read_bytes() == before
        assert len(by_id(landed(tmp_path, "hub_models"))) == 30
        names = sorted(path.stem for path in batches(tmp_path))
        assert len(set(names)) == len(names) == 2
        db = sqlite3.connect(tmp_path / "crawl" / "hub.sqlite")
        for table in ("listed", "fetched", "gone", "batches"):
            assert db.execute(f"select count(*) from {table}").fetchone() == (0,)
        db.close()


def test_large_crawls_land_in_several_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.batches.MAX_ROWS", 40)
    with HubServer(100) as hub:
        crawl_here(hub, tmp_path, *ARGUMENTS)
        files = sorted(path for path in batches(tmp_path) if path.parent.name == "hub_models")
        counts = [duckdb.read_parquet(str(f)).count("*").fetchall()[0][0] for f in files]
        assert counts == [40, 40, 20]
        assert len(by_id(landed(tmp_path, "hub_models"))) == 100


def test_two_crawls_of_one_folder_do_not_run_together(tmp_path: Path) -> None:
    with HubServer(50) as hub:
        hub.add_fault("slow", seconds=2, times=1)
        with start(hub, tmp_path) as process:
            while not hub.requests():
                time.sleep(0.05)
            said = crawl_here(hub, tmp_path, fails=True)
            assert "Another crawl is running" in said
            process.communicate(timeout=30)
        assert process.returncode == 0


def test_the_state_of_another_hub_is_not_mixed_in(tmp_path: Path) -> None:
    with HubServer(3) as hub:
        crawl_here(hub, tmp_path)
        hub.url = hub.url.replace("127.0.0.1", "localhost")
        said = crawl_here(hub, tmp_path, fails=True)
        assert "is the state of a crawl of 127.0.0.1, not of localhost" in said
