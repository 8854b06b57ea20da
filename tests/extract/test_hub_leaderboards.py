"""Leaderboards land from the Hub's datasets and a site; one that fails stops no other."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.hub.leaderboards.__main__ import main
from modelstrata.landing import batches as landed_batches
from modelstrata.landing import check_file
from modelstrata.landing_schema import LANDING_TABLES
from tests.extract import crawls
from tests.extract.crawls import landed
from tests.hub.server import HubServer

SNAPSHOT = Path(__file__).parents[2] / "extract" / "snapshot"
V1, V2 = "open-llm-leaderboard-old/results", "open-llm-leaderboard/contents"


class Site:
    """A web site with BigCodeBench's two files, ETags and 304."""

    def __init__(self) -> None:
        model = {
            "link": "https://huggingface.co/acme/coder",
            "open-data": "None",
            "pass@1": {"instruct": 51.1, "complete": 61},
            "prompted": True,
            "moe": False,
            "size": None,
            "date": "2024-05-13",
            "lazy": "unknown key",
        }
        odd = {"pass@1": {"complete": "n/a"}, "size": 7}
        self.files = {"/results.json": {"Coder": model, "Odd": odd}, "/results-hard.json": {}}
        self.statuses: list[int] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert "Authorization" not in self.headers
                body = json.dumps(site.files[self.path]).encode()
                etag = f'"{hashlib.md5(body).hexdigest()}"'
                status = 304 if self.headers.get("If-None-Match") == etag else 200
                site.statuses.append(status)
                self.send_response(status)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(body) if status == 200 else 0))
                self.end_headers()
                if status == 200:
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve BigCodeBench."""
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch, site: Site) -> Any:
    """Return a function that lands leaderboards of a Hub and returns what was printed."""
    monkeypatch.setattr(crawls, "main", main)
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.01)

    def run(hub: HubServer, data: Path, *only: str, fails: bool = False) -> str:
        sources = ("--only", *only) if only else ()
        return crawls.crawl_here(
            hub, data, *sources, "--bigcodebench", site.url, token=hub.token, fails=fails
        )

    return run


def result(model: str, dtype: str, sha: str, score: float) -> bytes:
    general = {"model_name": model, "model_dtype": dtype, "model_sha": sha}
    scores = {"harness|arc:challenge|25": {"acc_norm": score}}
    return json.dumps({"config_general": general, "results": scores}).encode()


def archive() -> dict[str, bytes]:
    return {
        "acme/a/results_2023-08-01T10:00:00.1.json": result("acme/a", "float16", "s1", 0.1),
        "acme/a/results_2023-09-01T10:00:00.1.json": result("acme/a", "float16", "s1", 0.2),
        "acme/a/results_2023-10-01T10:00:00.1.json": result("acme/a", "8bit", "s1", 0.3),
        "acme/a/results_2023-07-01T10:00:00.1.json": result("acme/a", "float16", "s0", 0.4),
        "gpt2/results_2023-07-01T10:00:00.1.json": result("gpt2", "float16", "s", 0.5),
        "acme/broken/results_2023-07-01T10:00:00.1.json": b'{"results": ',
        "README.md": b"# results",
    }


def test_the_newest_result_of_each_model_precision_and_revision_lands(
    tmp_path: Path, land: Any
) -> None:
    with HubServer() as hub:
        files = archive()
        hub.add_dataset(V1, files)
        said = land(hub, tmp_path, "open-llm-v1")
        assert "4 results landed, 6 of 6 files read" in said
        rows = landed(tmp_path, "open_llm_v1_results")
        found = {(r["model_id"], r["precision"], r["revision"]): r for r in rows}
        assert {key: row["evaluated_at"][:7] for key, row in found.items()} == {
            ("acme/a", "float16", "s1"): "2023-09",
            ("acme/a", "8bit", "s1"): "2023-10",
            ("acme/a", "float16", "s0"): "2023-07",
            ("gpt2", "float16", "s"): "2023-07",
        }
        assert all(row["payload"].encode() == files[row["path"]] for row in rows)

        hub.clear_log()
        assert "unchanged" in land(hub, tmp_path, "open-llm-v1")
        assert len(hub.requests()) == 1
        newer = "acme/a/results_2023-11-01T10:00:00.1.json"
        hub.commit(V1, {newer: result("acme/a", "float16", "s1", 0.6)}, kind="dataset")
        assert "1 results landed, 1 of 7 files read" in land(hub, tmp_path, "open-llm-v1")
        assert len(landed(tmp_path, "open_llm_v1_results")) == 5


def test_the_contents_table_lands_in_the_snapshots_columns(tmp_path: Path, land: Any) -> None:
    source = SNAPSHOT / f"{'open_llm_leaderboard_v2'}.parquet"
    parquet = tmp_path / "contents.parquet"
    duckdb.sql(f"select *, 1 as extra from '{source}' limit 50").write_parquet(str(parquet))
    with HubServer() as hub:
        path = "data/train-00000-of-00001.parquet"
        hub.add_dataset(V2, {path: parquet.read_bytes()})
        assert "50 evaluations landed" in land(hub, tmp_path, "open-llm-v2")
        assert "unchanged" in land(hub, tmp_path, "open-llm-v2")
        assert hub.leaked_tokens() == []
        (batch,) = (path for table, path in landed_batches(tmp_path / "landing"))
        check_file("open_llm_leaderboard_v2", batch)
        columns = ", ".join(f'"{name}"' for name in LANDING_TABLES["open_llm_leaderboard_v2"])
        query = f"select {columns} from '{{}}' order by all"
        ours, theirs = (duckdb.sql(query.format(p)).fetchall() for p in (batch, parquet))
        assert repr(ours) == repr(theirs)

        lost = tmp_path / "lost.parquet"
        duckdb.sql(f"select * exclude (\"IFEval\") from '{source}'").write_parquet(str(lost))
        hub.commit(V2, {path: lost.read_bytes()}, kind="dataset")
        assert "lacks the columns IFEval" in land(hub, tmp_path, "open-llm-v2", fails=True)


def test_bigcodebench_lands_when_one_of_its_files_has_changed(
    tmp_path: Path, land: Any, site: Site
) -> None:
    with HubServer() as hub:
        assert "2 results landed" in land(hub, tmp_path, "bigcodebench")
        assert "unchanged" in land(hub, tmp_path, "bigcodebench")
        assert site.statuses == [200, 200, 304, 304]
        site.files["/results-hard.json"] = {"Coder": {"pass@1": {"complete": 20.3}}}
        assert "3 results landed" in land(hub, tmp_path, "bigcodebench")
        coder = next(r for r in landed(tmp_path, "bigcodebench") if r["name"] == "Coder")
        assert (coder["complete"], coder["instruct"], coder["prompted"]) == (61.0, 51.1, True)
        assert coder["open_data"] == "None"
        odd = next(row for row in landed(tmp_path, "bigcodebench") if row["name"] == "Odd")
        assert (odd["complete"], odd["size"]) == (None, 7.0)


def test_official_benchmarks_and_their_leaderboards_land_verbatim(
    tmp_path: Path, land: Any
) -> None:
    with HubServer(500) as hub:
        said = land(hub, tmp_path, "hub-benchmarks")
        benchmarks = landed(tmp_path, "hub_benchmarks")
        assert {json.loads(row["payload"])["id"] for row in benchmarks} == {
            row["dataset_id"] for row in benchmarks
        }
        assert len(benchmarks) == 3
        rows = landed(tmp_path, "hub_leaderboards")
        assert rows and all(row["model_id"] for row in rows)
        assert {"rank", "value", "modelId"} <= set(json.loads(rows[0]["payload"]))
        # One is gated, and this token may not read it.
        assert "no leaderboard of Idavidrein/gpqa" in said
        before = landed_batches(tmp_path / "landing")
        assert "0 of 3 benchmarks and 0 results landed" in land(hub, tmp_path, "hub-benchmarks")
        assert landed_batches(tmp_path / "landing") == before


def test_a_source_that_fails_stops_no_other(tmp_path: Path, land: Any, site: Site) -> None:
    site.files["/results.json"] = {"Coder": []}
    with HubServer(60) as hub:
        hub.add_dataset(V1, archive())
        said = land(hub, tmp_path, fails=True)
        assert "open-llm-v1: 4 results landed" in said
        assert "open-llm-v2: error: dataset open-llm-leaderboard/contents: 404" in said
        assert "bigcodebench: error: BigCodeBench's split full is no table of models" in said
        assert "hub-benchmarks: 3 of 3 benchmarks" in said
