"""Compaction of landed listings: what counts stays, the rest becomes history, nothing is lost."""

import io
import itertools
import json
import shutil
import sqlite3
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.hub.compact.__main__ import main
from extract.hub.compact.compaction import compact
from modelstrata.landing import batches
from modelstrata.replacement import finish_replacement
from modelstrata.settings import Settings
from tests.extract.crawls import crawl_here
from tests.hub.server import HubServer

FACTS = ("sha", "downloads", "downloadsAllTime", "likes", "gated", "lastModified")
_HISTORY = "sha, downloads, downloads_all_time, likes, gated, last_modified"


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crawl a Hub thrice, with changes between, and land a listing that no crawl landed."""
    data = tmp_path_factory.mktemp("crawled")
    with HubServer(40) as hub:
        hub.add_model("acme/one", {"model_type": "llama"}, downloads=5, likes=1)
        hub.add_model("acme/old", {"model_type": "llama"}, downloads=7)
        crawl_here(hub, data)
        hub.commit("acme/one", {"config.json": '{"model_type": "gpt2"}'})
        hub.update("acme/one", downloads=9, gated="auto")
        hub.rename("acme/old", "acme/new")
        for number, model in enumerate(hub.model_ids(0, 20)):
            hub.update(model, downloads=100 + number)
        crawl_here(hub, data, "--refresh-counts", "0")
        hub.update("acme/one", likes=3)
        for model in hub.model_ids(10, 20):
            hub.update(model, likes=77)
        crawl_here(hub, data, "--refresh-counts", "0")
    return data


@pytest.fixture
def data(crawled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(crawled, tmp_path / "data")


def rows(data: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    files = str(data / "landing" / table / "*.parquet")
    options = "union_by_name = true, filename = true, file_row_number = true"
    return duckdb.sql(f"select {columns} from read_parquet('{files}', {options})").fetchall()


_ID = "coalesce(record_id, parse_filename(filename, true) || ':' || file_row_number)"


def observations(data: Path) -> list[tuple[Any, ...]]:
    """Return every observation of a model that the landing zone holds, by two readers."""
    found = []
    for record, model, at, payload in rows(
        data, "hub_models", f"{_ID}, model_id, crawled_at, payload"
    ):
        listing = json.loads(payload)
        gated = listing.get("gated")
        facts = {**listing, "gated": str(gated).lower() if isinstance(gated, bool) else gated}
        found.append((record, model, at, *(facts.get(name) for name in FACTS)))
    return sorted(
        found + rows(data, "hub_model_history", f"record_id, model_id, crawled_at, {_HISTORY}"),
        key=repr,
    )


def newest(data: Path) -> dict[str, tuple[Any, ...]]:
    """Return the newest listing of each model with all that was landed beside it."""
    columns = f"model_id, {_ID}, payload, crawled_at, sha, status, raw, source, batch"
    listed = sorted(rows(data, "hub_models", columns), key=lambda row: row[3])
    return {row[0]: row for row in listed}


def run(data: Path, *arguments: str) -> str:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setenv("MODELSTRATA_DATA", str(data))
        assert main(list(arguments)) == 0
    return said.getvalue()


def test_what_counts_stays_and_the_rest_becomes_history(data: Path) -> None:
    seen, counts, before = observations(data), newest(data), batches(data / "landing")
    older = len(seen) - len(counts)
    assert len(counts) == 40 + 3 and older > 20 + 10
    assert "nothing to compact" in run(data)
    said = run(data, "--dry-run", "--older-than", "0")
    # The newest batch has nothing to give, and stays.
    assert f"2 batches would become 31 listings as they were and {older} rows of history" in said
    assert batches(data / "landing") == before and newest(data) == counts
    said = run(data, "--older-than", "0")
    assert f"2 batches became 31 listings as they were and {older} rows of history" in said
    assert "MB won" in said
    assert observations(data) == seen
    assert newest(data) == counts
    assert len(rows(data, "hub_models", "1")) == 43
    one = [row[4:7] for row in seen if row[1] == "acme/one"]
    assert [likes for *_, likes in one] == [1, 1, 3]
    after = batches(data / "landing")
    compacted = [path for table, path in after if "compacted" in path.stem]
    assert {path.parent.name for path in compacted} == {"hub_models", "hub_model_history"}
    assert len(after) == len(before) - 2 + 2
    assert "nothing to compact" in run(data, "--older-than", "0")
    assert batches(data / "landing") == after
    assert not list((data / "landing").glob(".replacement*"))


def test_listings_that_no_crawl_landed_and_those_a_crawl_may_write_again_stay(data: Path) -> None:
    landing = data / "landing" / "hub_models"
    first, second, _ = sorted(p for p in landing.glob("hub-*.parquet"))
    first = first.rename(landing / "by-hand.parquet")
    with sqlite3.connect(data / "crawl" / "hub.sqlite") as db:
        db.execute("insert into batches values (?, 'listed', 1, 2)", (second.stem,))
    run(data, "--older-than", "0")
    assert first.exists() and second.exists()


def test_a_kill_at_any_step_loses_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each change of the file system in turn; then a build finishes, or the next compaction."""

    class Killed(BaseException):
        pass

    seen, counts = observations(data), newest(data)
    steps: list[str] = []
    last = 0

    def dying(name: str, change: Any) -> Any:
        def step(path: Path, *args: Any, **kwargs: Any) -> Any:
            if len(steps) >= last:
                raise Killed
            steps.append(name)
            return change(path, *args, **kwargs)

        return step

    ends = []
    for last in range(1000):
        killed = shutil.copytree(data, data.parent / f"killed-{last}")
        settings = Settings(data=killed)
        steps.clear()
        try:
            with monkeypatch.context() as patch:
                for name in ("replace", "unlink", "mkdir"):
                    patch.setattr(Path, name, dying(name, getattr(Path, name)))
                patch.setattr("shutil.rmtree", dying("rmtree", shutil.rmtree))
                compact(settings, timedelta(0))
            break
        except Killed:
            pass
        decided = finish_replacement(settings.landing)
        assert observations(killed) == seen, last
        assert newest(killed) == counts, last
        ends.append(decided)
        if last % 5 == 0:
            compact(settings, timedelta(0))
            assert observations(killed) == seen and newest(killed) == counts
            assert len(rows(killed, "hub_model_history", "1")) == len(seen) - len(counts)
        shutil.rmtree(killed)
    # Undone, then finished, then only the empty folder was left.
    assert [end for end, _ in itertools.groupby(ends)] == [False, True, False]
