"""Publishing to the loopback Hub, and reading it back with what readers use."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx2
import pytest
import requests
from filelock import FileLock
from huggingface_hub import HfApi, HfFileSystem, constants, set_client_factory
from huggingface_hub.utils._http import default_client_factory

import release.hub_repo
from modelstrata.errors import ModelstrataError, PublishFailed
from modelstrata.settings import HubSettings
from release.__main__ import main
from release.folder import write_release
from release.plan import PublishOptions
from release.publish import Publication, publish
from tests.hub import TOKEN, HubServer
from tests.release.published import REPO, assert_whole, blocks, card_of
from tests.release.warehouses import MARTS, write_pages, write_warehouse

WRITES = {"POST", "PUT", "DELETE", "PATCH"}


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub that takes large files in parts."""
    with HubServer() as started:
        started.set(multipart_threshold=2000, part_size=1500)
        yield started


@pytest.fixture
def hub(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The Hub without a repo, and a client that sends by LFS and does not wait long."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(release.hub_repo, "WAITS_S", (0.01, 0.01))
    server.clear_log()
    yield server
    set_client_factory(default_client_factory)  # of this process, so that others find theirs
    server.clear_faults()
    server.set(lfs={}, xet_folder=None)
    with contextlib.suppress(Exception):
        server.remove(REPO, kind="dataset")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a published warehouse."""
    path = tmp_path_factory.mktemp("data")
    write_warehouse(path / "warehouse.duckdb")
    return path


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    return write_release(data / "warehouse.duckdb", data / "release")


def send(hub: HubServer, folder: Path, **options: bool) -> Publication:
    settings = HubSettings(endpoint=hub.url, token=TOKEN)  # type: ignore[arg-type]
    return publish(folder, settings, PublishOptions(REPO, **options))


def program(hub: HubServer, data: Path, *arguments: str, token: str = TOKEN) -> tuple[int, str]:
    """Run `python -m release` in this process, which spares seconds of imports."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("HF_TOKEN", token)
        patch.setenv("MODELSTRATA_DATA", str(data))
        patch.setattr(sys, "__stderr__", said)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(list(arguments))
    return code, said.getvalue()


def writes(hub: HubServer) -> list[str]:
    return [r["path"] for r in hub.requests() if r["method"] in WRITES]


def test_a_publication_is_one_private_commit_with_a_tag(hub: HubServer, folder: Path) -> None:
    done = send(hub, folder)
    assert_whole(hub, folder)
    assert hub.describe(REPO, kind="dataset")["private"] is True
    assert hub.leaked_tokens() == []
    assert (done.files_sent, done.is_public) == (len(hub.commits(REPO)[0]["files"]) - 1, False)
    # In parts and whole, and each once.
    puts = [r["path"] for r in hub.requests("/upload/") if r["method"] == "PUT"]
    assert any(re.search(r"/\d$", path) for path in puts)
    assert any(not re.search(r"/\d$", path) for path in puts)
    assert len(puts) == len(set(puts))


def test_publishing_again_sends_nothing(hub: HubServer, folder: Path) -> None:
    first = send(hub, folder)
    hub.clear_log()
    again = send(hub, folder)
    assert (again.commit, again.files_sent, again.bytes_sent) == (first.commit, 0, 0)
    assert writes(hub) == []
    # Also when something else has been committed since.
    hub.commit(REPO, {"notes.txt": "hello"}, kind="dataset")
    assert send(hub, folder).commit == first.commit
    assert writes(hub) == []


def test_what_the_card_says_loads_the_tables(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    """The card's own lines are run, by `datasets` and pandas; DuckDB takes the client's files."""
    send(hub, folder)
    card, _ = card_of(hub)
    rows, frame = blocks(card, "python")
    check = f"""
import duckdb, huggingface_hub
want = duckdb.read_parquet({str(folder / "data/structure_performance.parquet")!r}).fetchall()
assert [tuple(row.values()) for row in rows] == want, rows
assert len(frame) == len(want)
for name in {sorted(set(MARTS) - {"structure_performance", "block_influence"})}:
    read = datasets.load_dataset({REPO!r}, name)["train"]
    assert read.num_rows == len(duckdb.read_parquet(f"{folder}/data/{{name}}.parquet")), name
"""
    run = subprocess.run(
        [sys.executable, "-c", f"{rows}\n{frame}\n{check}"],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (query,) = blocks(card, "sql")
    with duckdb.connect() as connection:
        connection.register_filesystem(HfFileSystem(endpoint=hub.url, token=TOKEN))
        found = connection.sql(query.split("\n")[1].rstrip(";"))
        local = folder / "data" / "structure_performance.parquet"
        assert found.fetchall() == duckdb.read_parquet(str(local)).fetchall()


def test_the_card_tells_all_that_a_reader_needs(hub: HubServer, folder: Path) -> None:
    send(hub, folder)
    text, front = card_of(hub)
    # Of a table without rows `datasets` can make nothing.
    assert {c["config_name"] for c in front["configs"]} == set(MARTS) - {"block_influence"}
    assert (front["license"], front["license_name"]) == ("other", "per-source")
    assert front["license_link"].endswith(f"{REPO}#sources-and-licenses")
    assert "## Sources and licenses" in text
    for mart in MARTS:
        assert f"### {mart}\n" in text
    (row,) = (line for line in text.splitlines() if line.startswith("| hub_configs"))
    assert "gpu_poor" in row and "none stated" in row
    assert "Key: model_id. Quotes hub_models, hub_configs: because." in text
    # Nothing was crawled, so that the Hub is no source of this warehouse.
    assert "Hugging Face Hub |" not in text
    assert "2509.18136" in text and "2605.14075" in text
    assert "This is the first version." in text


def test_a_changed_warehouse_is_one_further_commit_that_counts_its_changes(
    hub: HubServer, folder: Path, tmp_path: Path
) -> None:
    first = send(hub, folder)
    hub.commit(REPO, {"notes.txt": "someone's own", "README.md": "edited"}, kind="dataset")
    edits = (
        "delete from marts.models where model_id = 'lab/model-1'",
        "update marts.models set likes = 99 where model_id in ('lab/model-2', 'lab/model-3')",
        "alter table marts.models add column family varchar",
    )
    warehouse = write_warehouse(
        tmp_path / "v" / "warehouse.duckdb",
        n=24,
        fingerprint="f" * 64,
        without=["score_distributions"],
        edits=edits,
    )
    newer = write_release(warehouse, warehouse.parent / "release")
    code, said = program(hub, warehouse.parent, "publish", "--repo", REPO, "--dry-run")
    assert code == 0
    assert "edited on the Hub, is replaced: README.md" in said
    hub.clear_log()
    second = send(hub, newer)
    assert_whole(hub, newer, ours=2)
    files = hub.commits(REPO)[0]["files"]
    assert "notes.txt" in files and "data/score_distributions.parquet" not in files
    assert hub.read(REPO, "data/models.parquet", kind="dataset", revision=first.commit)
    text, _ = card_of(hub)
    lines = text[text.index("## Changes") : text.index("## Columns")].splitlines()
    assert "| models | 4 | 2 | 1 | new columns: family |" in lines
    assert "| score_distributions | 0 | 0 | 20 | table removed |" in lines
    assert not any("block_influence" in line for line in lines)
    assert second.files_deleted == 1
    # What did not change is neither sent nor downloaded.
    assert not any("block_influence" in request["path"] for request in hub.requests())
    assert send(hub, newer).files_sent == 0


def test_a_commit_in_between_stops_it_and_is_not_overwritten(hub: HubServer, folder: Path) -> None:
    hub.add_dataset(REPO, private=True)
    hub.add_fault("change", "/commit/main", times=1)
    with pytest.raises(PublishFailed, match="nothing overwritten"):
        send(hub, folder)
    assert set(hub.commits(REPO)[0]["files"]) == {".gitattributes", "change.txt"}
    send(hub, folder)
    assert_whole(hub, folder)
    assert "change.txt" in hub.commits(REPO)[0]["files"]


def test_what_is_in_the_way_is_named_and_left(hub: HubServer, folder: Path) -> None:
    """Another's README.md; a tag on something else; a repo that anyone sees."""
    version = folder.name
    hub.add_dataset(REPO, {"README.md": "mine"}, private=True)
    with pytest.raises(PublishFailed, match=r"no release wrote \(README.md\)"):
        send(hub, folder)
    assert writes(hub) == []
    hub.commit(REPO, {"README.md": None}, kind="dataset")
    HfApi(endpoint=hub.url, token=TOKEN).create_tag(REPO, tag=version, repo_type="dataset")
    hub.clear_log()
    with pytest.raises(PublishFailed, match=f"The tag {version} .* something else"):
        send(hub, folder)
    with pytest.raises(PublishFailed, match="is private, and --public was asked for"):
        send(hub, folder, public=True)
    hub.update(REPO, kind="dataset", private=False)
    with pytest.raises(PublishFailed, match="is public, and without --public nothing"):
        send(hub, folder)
    assert writes(hub) == []
    assert set(hub.commits(REPO)[0]["files"]) == {".gitattributes"}


def test_public_is_said_aloud_and_a_dry_run_writes_nothing(
    hub: HubServer, folder: Path, data: Path
) -> None:
    arguments = ("publish", "--repo", REPO, "--public")
    code, said = program(hub, data, *arguments, "--dry-run")
    assert code == 0 and "PUBLIC: anyone" in said
    size = (folder / "data" / "models.parquet").stat().st_size
    assert f"data/models.parquet  {size / 1000:.1f} kB" in said
    assert writes(hub) == []
    code, said = program(hub, data, *arguments)
    assert code == 0 and "PUBLIC: anyone" in said and "(anyone can see it)" in said
    assert requests.get(f"{hub.url}/api/datasets/{REPO}", timeout=10).json()["private"] is False


def test_the_switch_leaves_out_what_quotes_a_source_without_a_license(
    hub: HubServer, folder: Path
) -> None:
    whole = send(hub, folder)
    done = send(hub, folder, without_unlicensed=True)
    assert done.version == f"{whole.version}-licensed"
    assert_whole(hub, folder, version=done.version, ours=2)
    kept = {path for path in hub.commits(REPO)[0]["files"] if path.startswith(("data/", "paper/"))}
    names = {"benchmark_scores", "block_influence", "models", "score_distributions"}
    assert kept == {f"data/{name}.parquet" for name in names}
    text, front = card_of(hub)
    assert {config["config_name"] for config in front["configs"]} == names - {"block_influence"}
    assert "`structure_performance` quotes gpu_poor (hub_configs)" in text


@pytest.mark.parametrize("what", ["other bytes", "no answer", "no commit"])
def test_what_is_served_is_checked_before_the_tag(hub: HubServer, folder: Path, what: str) -> None:
    """Faults that pass are outlasted; other bytes are found, and the version is not tagged."""
    if what == "no answer":
        hub.add_fault("cut", "/commit/main", times=1)  # made, and the answer is lost
        hub.add_fault("drop", "/resolve/.*models", times=1)
        hub.add_fault("status", "/tag/", status=503, times=1)
        hub.add_fault("status", "/repos/create", status=500, times=1)
    elif what == "no commit":
        hub.add_fault("status", "/commit/main", status=503, times=2)
    else:
        hub.add_fault("status", "/lfs/", status=200, body="other bytes", method="GET", times=1)
        with pytest.raises(PublishFailed, match=r"not what was sent: data/benchmark_scores"):
            send(hub, folder)
        assert (
            HfApi(endpoint=hub.url, token=TOKEN).list_repo_refs(REPO, repo_type="dataset").tags
            == []
        )
    send(hub, folder)
    assert_whole(hub, folder)


def test_xet_carries_the_content_too(
    hub: HubServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.set(xet_folder=str(tmp_path / "xet"))
    send(hub, folder)
    assert hub.requests("/xet-write-token/") and not hub.requests("/upload/")
    assert_whole(hub, folder)


@pytest.mark.parametrize(
    ("arguments", "token", "says"),
    [
        (("--repo", "../x"), TOKEN, "'../x' is no dataset repo"),
        ((), TOKEN, "MODELSTRATA_RELEASE_REPO"),
        (("--repo", REPO), "", "set HF_TOKEN"),
        (("--repo", REPO), "hf_unknown_secret", "does not accept the token"),
        (("--repo", "stranger/x"), TOKEN, "may not write to stranger/x"),
    ],
)
def test_what_cannot_be_published_is_told_in_one_sentence_without_the_token(
    hub: HubServer, folder: Path, data: Path, arguments: tuple[str, ...], token: str, says: str
) -> None:
    code, said = program(hub, data, "publish", *arguments, token=token)
    last = said.splitlines()[-1]
    assert code == 1 and last.startswith("error: ") and says in last
    assert "Traceback" not in said
    assert not token or token not in said


def test_a_folder_that_was_edited_is_refused(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    edited = tmp_path / folder.name
    shutil.copytree(folder, edited)
    with (edited / "data" / "models.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        ModelstrataError, match=r"models.parquet is not what SHA256SUMS lists: remove"
    ):
        send(hub, edited)
    assert writes(hub) == []


def test_two_runs_do_not_publish_from_one_folder(hub: HubServer, folder: Path) -> None:
    with FileLock(folder.parent / ".publish.lock"), pytest.raises(PublishFailed, match="Another"):
        send(hub, folder)
    assert writes(hub) == []


def test_a_silent_hub_is_not_waited_for_for_ever(
    hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release.hub_repo, "TIMEOUT", httpx2.Timeout(0.2))
    hub.add_fault("silent", f"/api/datasets/{REPO}")
    with pytest.raises(PublishFailed, match="does not answer"):
        send(hub, folder)


def test_the_paper_s_files_hold_its_columns(tmp_path: Path, hub: HubServer) -> None:
    write_warehouse(tmp_path / "warehouse.duckdb")
    code, said = program(hub, tmp_path, "paper-csv", "--output", str(tmp_path / "paper"))
    assert code == 0 and len(said.splitlines()) == 3
    read = {p.name: duckdb.read_csv(str(p)) for p in (tmp_path / "paper").iterdir()}
    structure = "size d_model d_ffn heads layers kv_heads vocab_size pos likes downloads date"
    scores = "arc_challenge hellaswag mmlu truthfulqa winogrande gsm8k"
    assert read["model_info.csv"].columns == ["model", *structure.split(), "architecture"]
    assert read["performance.csv"].columns == ["model", *scores.split()]
    merged = read["merge_performance_parameter.csv"]
    assert merged.columns == ["model", *structure.split(), *scores.split()]
    # The one that is flagged is left out; the merged file has the exact tier.
    assert len(read["model_info.csv"]) == 20 and len(read["performance.csv"]) == 19
    assert set(merged.project("layers % 2").fetchall()) == {(0,)}


def test_the_report_is_published_and_goes_where_its_sources_may_not_be_quoted(
    hub: HubServer, folder: Path, tmp_path: Path
) -> None:
    warehouse = write_warehouse(tmp_path / "warehouse.duckdb")
    files = write_pages(tmp_path)
    pages = {"report": tmp_path / "report", "docs": tmp_path / "docs"}
    whole = write_release(warehouse, tmp_path / "release", **pages)
    send(hub, whole)
    assert_whole(hub, whole)
    for path, content in files.items():
        assert hub.read(REPO, path, kind="dataset") == content
    # A version without them takes them away.
    send(hub, whole, without_unlicensed=True)
    there = set(hub.commits(REPO)[0]["files"])
    assert {path for path in there if path.startswith(("report/", "docs/"))} == {"docs/index.html"}
    text, _ = card_of(hub)
    assert "report/" not in text and "docs/index.html" in text
