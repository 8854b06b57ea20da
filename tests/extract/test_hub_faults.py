"""Whatever the Hub answers, the crawl goes on, says what came of it, and seldom asks again."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.extract.crawls import asked, by_id, content, crawl_here, landed
from tests.hub.server import HubServer

CONFIG = {"model_type": "llama", "hidden_size": 64}
TOKEN = "hf_secret_of_this_test"


def one_model(hub: HubServer, tmp_path: Path, *arguments: str, **options: Any) -> dict[str, Any]:
    """Crawl a Hub with one model that has a fault; return its config's row."""
    crawl_here(hub, tmp_path, *arguments, **options)
    (row,) = landed(tmp_path, "hub_configs")
    return row


@pytest.mark.parametrize(
    ("fault", "status", "http_status", "error_code"),
    [
        ({"kind": "status", "status": 404, "headers": {"X-Error-Code": "EntryNotFound"}},
         "missing", 404, "EntryNotFound"),
        ({"kind": "status", "status": 404, "headers": {"X-Error-Code": "RevisionNotFound"}},
         "missing", 404, "RevisionNotFound"),
        ({"kind": "status", "status": 401, "headers": {"X-Error-Code": "RepoNotFound"}},
         "missing", 401, "RepoNotFound"),
        ({"kind": "status", "status": 403, "headers": {"X-Error-Code": "GatedRepo"}},
         "gated", 403, "GatedRepo"),
        ({"kind": "status", "status": 451}, "error", 451, "http_451"),
        ({"kind": "huge", "size": 50_000_000}, "too_large", 200, None),
        ({"kind": "redirect",
          "location": f"/api/resolve-cache/models/acme/b/{'0' * 40}/config.json"},
         "renamed", 307, None),
    ],
)  # fmt: skip
def test_outcomes_are_rows_and_are_not_asked_for_again(
    tmp_path: Path, fault: dict[str, Any], status: str, http_status: int, error_code: str | None
) -> None:
    with HubServer() as hub:
        hub.add_model("acme/a", CONFIG)
        hub.add_fault(match="resolve-cache", **fault)
        row = one_model(hub, tmp_path)
        assert (row["status"], row["http_status"], row["error_code"]) == (
            *(status, http_status, error_code),
        )
        assert row["config"] is row["raw"] is None
        assert row["renamed_to"] == ("acme/b" if status == "renamed" else None)
        if status == "too_large":
            assert row["bytes"] == 50_000_000
        crawl_here(hub, tmp_path)
        assert asked(hub) == ["acme/a"]


@pytest.mark.parametrize(
    ("file", "status", "error_code"),
    [
        (b'{"a": 1}', "ok", None),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', "ok", None),
        (b'{"a": NaN}', "ok", None),
        (b'{"a": ', "not_json", "invalid_json"),
        (b"", "not_json", "invalid_json"),
        (b"[" * 100_000, "not_json", "invalid_json"),
        (b'{"a": "caf\xe9"}', "not_json", "invalid_utf8"),
    ],
)
def test_files_land_byte_for_byte(
    tmp_path: Path, file: bytes, status: str, error_code: str | None
) -> None:
    with HubServer() as hub:
        hub.add_model("acme/a", file)
        row = one_model(hub, tmp_path)
        assert (row["status"], row["error_code"]) == (status, error_code)
        assert row["raw"] == file or row["config"].encode() == file
        assert len(asked(hub)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "1"}},
        {"kind": "drop"},
        {"kind": "cut"},
        {"kind": "content_length", "delta": 100},
        {"kind": "content_length", "delta": -10},
        {"kind": "html"},
    ],
    ids=lambda fault: "-".join(map(str, list(fault.values())[:2])),
)
def test_what_passes_is_tried_again(
    tmp_path: Path, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.2)
    with HubServer() as hub:
        hub.add_model("acme/a", CONFIG)
        hub.add_fault(match="resolve-cache", times=1, **fault)
        hub.add_fault(match="api/models", times=1, **fault)
        row = one_model(hub, tmp_path)
        assert row["status"] == "ok"
        assert len(asked(hub)) == 2
        times = [request["time"] for request in hub.requests("resolve-cache")]
        assert times[1] - times[0] >= (1 if "headers" in fault else 0.2)


def test_what_does_not_pass_is_asked_for_only_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.01)
    with HubServer() as hub:
        for number in range(10):
            hub.add_model(f"acme/good-{number}", CONFIG)
        hub.add_model("acme/ill", CONFIG)
        hub.add_fault("status", "acme/ill/.*config.json", status=502)
        expected = 0
        for _ in range(4):
            crawl_here(hub, tmp_path)
            expected = min(12, expected + 4)
            assert Counter(asked(hub))["acme/ill"] == expected
        rows = [row for row in landed(tmp_path, "hub_configs") if row["model_id"] == "acme/ill"]
        assert [(r["status"], r["http_status"], r["error_code"]) for r in rows] == [
            ("error", 502, "http_502")
        ] * 3
        # A new commit is a new start.
        hub.clear_faults()
        hub.commit("acme/ill", {"config.json": b"{}"})
        crawl_here(hub, tmp_path)
        assert landed(tmp_path, "hub_configs")[-1]["config"] == "{}"


def test_a_file_on_another_host_is_fetched_there_without_the_token(tmp_path: Path) -> None:
    with HubServer() as hub:
        hub.set(lfs_threshold=10)
        hub.add_account("someone", TOKEN)
        hub.add_model("acme/a", CONFIG)
        row = one_model(hub, tmp_path, token=TOKEN)
        assert row["status"] == "ok"
        assert row["config"] == '{"model_type":"llama","hidden_size":64}'
        assert [r["host"] for r in hub.requests("/lfs/")] == ["other"]
        assert hub.leaked_tokens() == []


def test_no_redirect_or_link_takes_the_token_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.05)
    with HubServer(80) as hub:
        hub.add_account("someone", TOKEN)
        hub.add_fault("redirect", "resolve-cache", probability=0.5)
        # The link to the next page names another host.
        hub.state.url = hub.other_url
        said = crawl_here(hub, tmp_path, "--author", "acme", token=TOKEN)
        said += crawl_here(hub, tmp_path, "--limit", "65", "--page-size", "20", token=TOKEN)
        assert len(landed(tmp_path, "hub_models")) == 65
        assert hub.leaked_tokens() == []
        own = [r for r in hub.requests() if r["host"] != "other"]
        assert {r["authorization"] for r in own} == {f"Bearer {TOKEN}"}
        assert TOKEN not in said
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("hf_unknown_to_the_hub", "refuses the token (401): check HF_TOKEN"),
        ("hf_with a space\n", "HF_TOKEN holds spaces"),
    ],
)
def test_a_bad_token_is_named_and_not_shown(tmp_path: Path, token: str, says: str) -> None:
    with HubServer(3) as hub:
        said = crawl_here(hub, tmp_path, token=token, fails=True)
        assert says in said
        assert token.strip() not in said
        assert "unknown_to" not in said


def test_a_hub_that_is_down_is_named_soon(tmp_path: Path) -> None:
    with HubServer(3) as hub:
        hub.add_fault("status", status=503)
        start = time.monotonic()
        said = crawl_here(hub, tmp_path, "--patience", "1", fails=True)
        assert f"error: The Hub at {hub.url} does not answer" in said
        assert "http_503" in said
        assert "run the same command again" in said
        assert time.monotonic() - start < 15


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop"}, {"kind": "status", "match": "resolve-cache", "status": 503}],
    ids=["of-all", "of-the-files-alone"],
)
def test_an_outage_writes_no_model_off(
    tmp_path: Path, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.3)
    with HubServer(150) as hub:
        hub.add_fault("slow", "resolve-cache", seconds=0.05)

        def outage() -> None:
            while len(asked(hub)) < 60:
                time.sleep(0.02)
            hub.add_fault(**fault)
            time.sleep(2)
            hub.clear_faults()

        thread = threading.Thread(target=outage)
        thread.start()
        crawl_here(hub, tmp_path)
        thread.join()
        rows = by_id(landed(tmp_path, "hub_configs"))
        assert not {row["http_status"] for row in rows.values()} & {None, 503}
        # One asks whether it is back, not each for itself.
        faults = [(request["fault"] or "").split("+") for request in hub.requests()]
        during = [kinds for kinds in faults if fault["kind"] in kinds]
        assert 0 < len(during) < 40


def test_a_silent_hub_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.hub.READ_TIMEOUT_S", 0.3)
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.1)
    with HubServer(5) as hub:
        hub.add_fault("silent", "resolve-cache", times=2)
        hub.add_fault("silent", "api/models", times=1)
        crawl_here(hub, tmp_path)
        assert {row["status"] for row in landed(tmp_path, "hub_configs")} <= {"ok", "gated"}


def test_odd_objects_of_a_listing_land_and_do_not_stop_it(tmp_path: Path) -> None:
    page = (
        '[{"id": "acme/a", "sha": null}, {"id": "../up", "sha": "%s"}, 7, {"likes": 3},'
        ' {"id": "acme/b", "tags": ["\\ud800"]}]' % ("0" * 40)
    )
    with HubServer() as hub:
        hub.add_fault("status", "api/models", status=200, body=page)
        for _ in range(2):
            crawl_here(hub, tmp_path)
            rows = landed(tmp_path, "hub_models")
            assert [row["payload"] for row in rows] == [
                *('{"id": "acme/a", "sha": null}', '{"id": "../up", "sha": "%s"}' % ("0" * 40)),
                *("7", '{"likes": 3}', '{"id": "acme/b", "tags": ["\\ud800"]}'),
            ]
            assert [row["status"] for row in rows] == [
                *("ok", "invalid_id", "invalid_id", "invalid_id", "ok"),
            ]
        assert asked(hub) == []


def test_random_faults_change_nothing_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.1)
    with HubServer(400, seed=3) as hub:
        crawl_here(hub, tmp_path / "calm")
    with HubServer(400, seed=3) as hub:
        hub.add_fault("status", "config.json", status=503, probability=0.015)
        hub.add_fault("drop", probability=0.015)
        hub.add_fault("cut", probability=0.01)
        hub.add_fault("html", "config.json", probability=0.01)
        hub.add_fault("slow", seconds=0.3, probability=0.02)
        hub.add_fault("status", status=429, headers={"Retry-After": "1"}, times=2)
        crawl_here(hub, tmp_path / "stormy", "--page-size", "50")
    assert content(tmp_path / "stormy") == content(tmp_path / "calm")


@pytest.mark.parametrize("place", ["http://127.0.0.1:no-port/x", "ftp://a/b", "http://[", "//"])
def test_a_redirect_to_nowhere_is_an_error_of_one_model(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.01)
    with HubServer() as hub:
        hub.add_model("acme/a", CONFIG)
        hub.add_model("acme/b", CONFIG)
        hub.add_fault("redirect", "acme/a/.*config.json", location=place)
        crawl_here(hub, tmp_path)
        rows = by_id(landed(tmp_path, "hub_configs"))
        assert (rows["acme/a"]["status"], rows["acme/b"]["status"]) == ("error", "ok")
        assert asked(hub).count("acme/a") == 4
