"""The loopback Hub, driven by the real client and, where headers matter, by plain requests."""

import email.utils
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    hf_hub_download,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers

from tests.hub import TOKEN, HubProcess, HubServer
from tests.hub.encoding import from_iso

MODELS = 2300
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64}
FAULTY = "/api/models/acme/tiny"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """Return a Hub with generated models and one made for the test."""
    with HubServer(models=MODELS) as server:
        server.add_model("acme/tiny", CONFIG, downloads=5, lastModified="2026-09-30T00:00:00.000Z")
        yield server


@pytest.fixture
def api(hub: HubServer) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture(autouse=True)
def without_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the LFS path; the client looks at this when it uploads."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def get(hub: HubServer, path: str, token: str | None = None, **options: Any) -> requests.Response:
    """Get a path once, following nothing."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("headers", {})
    options.setdefault("timeout", 10)
    return requests.get(hub.url + path, headers=headers, allow_redirects=False, **options)


def walk(hub: HubServer, query: str, between: Callable[[int], None] | None = None) -> list[dict]:
    """List models page by page as the links lead; `between` is called after each page."""
    url, found, pages = f"{hub.url}/api/models?{query}", [], 0
    while url:
        answer = requests.get(url, timeout=10)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        url = answer.links.get("next", {}).get("url")
        pages += 1
        if between is not None:
            between(pages)
    return found


# Listing


def test_the_client_lists_every_model_once(hub: HubServer, api: HfApi) -> None:
    expand = ["sha", "config", "siblings", "gated", "safetensors", "downloads", "baseModels"]
    listed = list(api.list_models(expand=expand))
    assert sorted(m.id for m in listed) == sorted([*hub.model_ids(), "acme/tiny"])
    assert [r["path"] for r in hub.requests()] == ["/api/models"] * 3
    for model in listed[:300]:
        info = api.model_info(model.id)
        assert info.sha == model.sha, model.id
        assert bool(model.config) == any(s.rfilename == "config.json" for s in info.siblings or [])
    assert len({m.sha for m in listed}) == MODELS + 1


def test_only_the_fields_asked_for_are_listed(hub: HubServer) -> None:
    rows = get(hub, "/api/models?expand=sha&expand=config&expand=gguf&limit=1000").json()
    assert len(rows) == 1000
    assert set().union(*rows) == {"_id", "id", "sha", "config", "gguf"}
    projected = {key for row in rows for key in row.get("config", {})}
    assert "model_type" in projected
    assert not projected & {"hidden_size", "num_hidden_layers", "n_embd", "text_config"}
    refused = get(hub, "/api/models?expand=hidden_size")
    assert refused.status_code == 400
    assert get(hub, "/api/models?cursor=nonsense").status_code == 400


def test_pages_hold_while_models_come_change_and_go(hub: HubServer) -> None:
    ids = hub.model_ids()

    def between(page: int) -> None:
        hub.add_model(f"acme/new-{page}", CONFIG, trendingScore=10_000)
        hub.remove(ids[page])
        hub.commit(ids[-page], {"config.json": json.dumps({**CONFIG, "page": page})})

    listed = [row["id"] for row in walk(hub, "limit=100&expand=sha", between)]
    assert len(listed) == len(set(listed))
    gone = set(ids[1:25])
    assert set(ids) - gone <= set(listed)
    assert not any(name.startswith("acme/new-") for name in listed)


def test_sorted_and_filtered_listings(hub: HubServer) -> None:
    for key in ("downloads", "likes", "lastModified", "createdAt"):
        values = [row[key] for row in walk(hub, f"sort={key}&limit=700&expand={key}")]
        assert values == sorted(values, reverse=True), key
        assert len(values) == MODELS + 1
    everything = walk(hub, "expand=tags&expand=pipeline_tag")
    for query, wanted in (
        ("pipeline_tag=text-generation", lambda m: m["pipeline_tag"] == "text-generation"),
        ("filter=qwen2,license:mit", lambda m: {"qwen2", "license:mit"} <= set(m["tags"])),
        ("search=MIXTRAL", lambda m: "mixtral" in m["id"].lower()),
    ):
        tagged = [m for m in everything if "pipeline_tag" in m]
        expected = {m["id"] for m in tagged if wanted(m)}
        assert 10 < len(expected) < len(tagged)
        assert {m["id"] for m in walk(hub, query)} == expected, query
    for number in range(4):
        hub.add_model(f"acme/{number}", CONFIG)
    listed = [m["id"] for m in walk(hub, "author=acme&limit=1")]
    assert sorted(listed) == ["acme/0", "acme/1", "acme/2", "acme/3", "acme/tiny"]


def test_a_seed_names_its_models_and_a_hundred_thousand_cost_little() -> None:
    tracemalloc.start()
    with HubServer(models=100_000, seed=1) as large:
        assert len(get(large, "/api/models?limit=1000&expand=config").json()) == 1000
        used, _ = tracemalloc.get_traced_memory()
        some = {name: large.describe(name) for name in large.model_ids(99_000, 99_050)}
    tracemalloc.stop()
    assert used < 30_000_000
    with HubServer(models=100_000, seed=1) as again, HubServer(models=100_000, seed=2) as other:
        assert {name: again.describe(name) for name in some} == some
        assert not set(other.model_ids(99_000, 99_050)) & set(some)


# Files


def test_a_config_is_redirected_to_and_served_with_its_etag(hub: HubServer) -> None:
    sha = hub.describe("acme/tiny")["sha"]
    first = get(hub, "/acme/tiny/resolve/main/config.json")
    assert first.status_code == 307
    assert first.headers["X-Repo-Commit"] == sha
    location = first.headers["Location"]
    assert location.startswith(f"/api/resolve-cache/models/acme/tiny/{sha}/config.json")
    served = get(hub, location)
    assert served.json() == CONFIG
    blob = b"blob %d\0" % len(served.content) + served.content
    assert served.headers["ETag"] == f'"{hashlib.sha1(blob).hexdigest()}"'
    assert served.headers["X-Repo-Commit"] == sha
    assert int(served.headers["Content-Length"]) == len(served.content)
    known = get(hub, location, headers={"If-None-Match": served.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    part = get(hub, location, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, served.content[2:6])
    assert requests.head(hub.url + location, timeout=10).headers["ETag"] == served.headers["ETag"]
    # The four requests for the config itself count as downloads; the redirect does not.
    assert hub.describe("acme/tiny")["downloads"] == 5 + 4


def test_the_client_downloads_configs_and_lfs_objects(hub: HubServer, tmp_path: Path) -> None:
    hub.add_dataset("acme/data", {"part.parquet": b"PAR1 not really"})
    options = {"endpoint": hub.url, "token": hub.token, "cache_dir": tmp_path}
    path = hf_hub_download("acme/tiny", "config.json", **options)
    assert json.loads(Path(path).read_text()) == CONFIG
    assert len(hub.requests()) == 3
    path = hf_hub_download("acme/data", "part.parquet", repo_type="dataset", **options)
    assert Path(path).read_bytes() == b"PAR1 not really"
    assert any(r["host"] == "other" for r in hub.requests())
    assert hub.leaked_tokens() == []


def test_refusals_name_their_reason(hub: HubServer, api: HfApi) -> None:
    hub.add_model("meta/gated", CONFIG, gated="manual")
    hub.add_model("meta/secret", CONFIG, private=True)
    hub.add_model("meta/disabled", CONFIG)
    hub.update("meta/disabled", disabled=True)
    for path, token, status, code in (
        ("/meta/gated/resolve/main/config.json", None, 401, "GatedRepo"),
        ("/meta/gated/resolve/main/config.json", TOKEN, 403, "GatedRepo"),
        ("/api/models/meta/gated", None, 200, None),
        ("/meta/nothing/resolve/main/config.json", None, 404, "RepoNotFound"),
        ("/api/models/meta/secret", None, 404, "RepoNotFound"),
        ("/acme/tiny/resolve/v9/config.json", None, 404, "RevisionNotFound"),
        (f"/api/resolve-cache/models/acme/tiny/{'0' * 40}/a", None, 404, "RevisionNotFound"),
        ("/acme/tiny/resolve/main/nothing.json", None, 404, "EntryNotFound"),
        ("/meta/disabled/resolve/main/config.json", None, 403, None),
        ("/api/models/acme/tiny", "hf_unknown", 401, None),
    ):
        answer = get(hub, path, token)
        assert (answer.status_code, answer.headers.get("X-Error-Code")) == (status, code), path
    for wrong, path, options in (
        (GatedRepoError, "meta/gated", {}),
        (RepositoryNotFoundError, "meta/nothing", {}),
        (RevisionNotFoundError, "acme/tiny", {"revision": "v9"}),
    ):
        with pytest.raises(wrong):
            api.hf_hub_download(path, "config.json", **options)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download("acme/tiny", "nothing.json")
    hub.set(status_of_missing_to_anonymous=401)
    hidden = get(hub, "/api/models/meta/nothing")
    assert (hidden.status_code, hidden.headers["X-Error-Code"]) == (401, "RepoNotFound")
    hub.grant(TOKEN, "meta/gated")
    assert get(hub, "/meta/gated/resolve/main/config.json", TOKEN).status_code == 307


def test_a_renamed_repo_redirects_and_a_changed_one_keeps_its_past(hub: HubServer) -> None:
    old = hub.model_ids(0, 1)[0]
    before = hub.describe(old)
    hub.rename(old, "acme/renamed")
    for path in (f"/api/models/{old}", f"/{old}/resolve/main/README.md"):
        moved = get(hub, path)
        assert moved.status_code == 307
        assert moved.headers["Location"] == path.replace(old, "acme/renamed")
    after = HfApi(endpoint=hub.url).model_info(old)
    assert (after.id, after.sha) == ("acme/renamed", before["sha"])
    sha = hub.commit("acme/renamed", {"README.md": "new"})
    assert sha != before["sha"]
    at = {s: get(hub, f"/acme/renamed/resolve/{s}/README.md") for s in (sha, before["sha"])}
    contents = [get(hub, answer.headers["Location"]).content for answer in at.values()]
    assert contents[0] == b"new"
    assert contents[1] != b"new"


# Rate limits


def test_windows_are_fixed_and_counted_by_asker_and_bucket() -> None:
    now = [1200.0]
    with HubServer(limits={"resolvers": 3}) as hub:
        hub.state.limits.clock = lambda: now[0]
        hub.add_model("acme/tiny", CONFIG)
        hub.add_account("second", "hf_second")
        path = "/acme/tiny/resolve/main/config.json"
        answers = [get(hub, path) for _ in range(5)]
        assert [a.status_code for a in answers] == [307, 307, 307, 429, 429]
        told = [parse_ratelimit_headers(a.headers) for a in answers]
        assert [t.remaining for t in told if t] == [2, 1, 0, 0, 0]
        assert answers[0].headers["RateLimit"] == '"resolvers";r=2;t=300'
        policy = '"fixed window";"resolvers";q=3;w=300'
        assert answers[3].headers["RateLimit-Policy"] == policy
        assert "Retry-After" not in answers[3].headers
        assert get(hub, path, "hf_second").status_code == 307
        assert get(hub, "/api/models").headers["RateLimit"] == '"api";r=499;t=300'
        now[0] += 299.5
        assert get(hub, path).headers["RateLimit"] == '"resolvers";r=0;t=1'
        assert hub.counters()["resolvers"] == {"permitted": 4, "refused": 3}
        now[0] += 0.5
        assert get(hub, path).headers["RateLimit"] == '"resolvers";r=2;t=300'
        hub.state.limits.retry_after = True
        now[0] += 200
        refused = [get(hub, path) for _ in range(3)][-1]
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "100")


@pytest.mark.parametrize(
    ("tier", "api_limit", "resolvers_limit"),
    [("free", 1_000, 5_000), ("pro", 2_500, 12_000), ("enterprise", 6_000, 50_000)],
)
def test_limits_follow_the_tier(tier: str, api_limit: int, resolvers_limit: int) -> None:
    with HubServer(tier=tier) as hub:
        hub.add_model("acme/tiny", CONFIG)
        answers = [get(hub, f"{p}", TOKEN) for p in ("/api/models", "/acme/tiny/resolve/main/x")]
        limits = [parse_ratelimit_headers(a.headers) for a in answers]
        assert [t.limit for t in limits if t] == [api_limit, resolvers_limit]
        anonymous = parse_ratelimit_headers(get(hub, "/api/models").headers)
        assert anonymous and (anonymous.limit, anonymous.window_seconds) == (500, 300)


def test_the_client_waits_out_a_429() -> None:
    with HubServer(models=150, window=1, limits={"api": 1}) as hub:
        listed = list(HfApi(endpoint=hub.url, token=False).list_models(limit=100))
        assert len(listed) == 100
        get(hub, "/api/models")
        assert len(list(HfApi(endpoint=hub.url, token=False).list_models())) == 150
        assert hub.counters()["api"]["refused"] >= 1


# Writes


def test_a_folder_is_uploaded_with_lfs_in_parts_and_regular_files(
    hub: HubServer, api: HfApi, tmp_path: Path
) -> None:
    hub.set(multipart_threshold=1_000_000, part_size=400_000)
    files = {
        "README.md": b"---\nlicense: mit\n---\n# Release\n",
        "marts/small.parquet": os.urandom(1000),
        "marts/large.parquet": os.urandom(1_300_001),
        "SHA256SUMS": b"0 x\n",
    }
    folder = tmp_path / "release"
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    url = api.create_repo("acme/release", repo_type="dataset", private=True)
    assert url.repo_id == "acme/release"
    with pytest.raises(HfHubHTTPError) as taken:
        api.create_repo("acme/release", repo_type="dataset")
    assert taken.value.response.status_code == 409
    assert taken.value.response.json()["url"] == str(url)
    done = api.upload_folder(repo_id="acme/release", repo_type="dataset", folder_path=folder)
    for path, content in files.items():
        assert hub.read("acme/release", path, kind="dataset") == content
        local = api.hf_hub_download(
            "acme/release", path, repo_type="dataset", cache_dir=tmp_path / "cache"
        )
        assert Path(local).read_bytes() == content
    parts = [r for r in hub.requests("/upload/") if re.search(r"/\d$", r["path"])]
    assert len(parts) == 4
    tree = api.list_repo_tree("acme/release", repo_type="dataset", recursive=True)
    lfs = {entry.path for entry in tree if getattr(entry, "lfs", None)}
    assert lfs == {"marts/small.parquet", "marts/large.parquet"}
    again = api.upload_folder(repo_id="acme/release", repo_type="dataset", folder_path=folder)
    assert again.oid == done.oid
    (folder / "SHA256SUMS").write_bytes(b"1 y\n")
    hub.clear_log()
    api.upload_folder(repo_id="acme/release", repo_type="dataset", folder_path=folder)
    assert not hub.requests("/upload/")
    assert len(hub.commits("acme/release")) == 3
    assert hub.leaked_tokens() == []
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("acme/release", token=False)
    api.update_repo_settings("acme/release", repo_type="dataset", private=False)
    assert api.dataset_info("acme/release", token=False).private is False


def test_damaged_lfs_objects_are_refused(hub: HubServer, api: HfApi) -> None:
    hub.set(multipart_threshold=10, part_size=8)
    api.create_repo("acme/release", repo_type="dataset")
    content = b"0123456789abcdef"
    oid = hashlib.sha256(content).hexdigest()
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def post(url: str, body: dict[str, Any]) -> requests.Response:
        return requests.post(url, json=body, headers=headers, timeout=10)

    batch = f"{hub.url}/datasets/acme/release.git/info/lfs/objects/batch"
    asked = {"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}
    whole = post(batch, {**asked, "transfers": ["basic"]}).json()["objects"][0]["actions"]
    assert requests.put(whole["upload"]["href"], data=b"other", timeout=10).status_code == 400
    assert post(whole["verify"]["href"], {"oid": oid, "size": len(content)}).status_code == 404
    split = post(batch, {**asked, "transfers": ["multipart"]}).json()["objects"][0]["actions"]
    parts = [url for name, url in split["upload"]["header"].items() if name.isdigit()]
    assert len(parts) == 2
    first = requests.put(parts[0], data=content[:8], timeout=10).headers["ETag"]
    etags = [{"partNumber": 1, "etag": first}, {"partNumber": 2, "etag": '"x"'}]
    completed = post(split["upload"]["href"], {"oid": oid, "parts": etags})
    assert completed.status_code == 400
    assert "parts" in completed.json()["error"]
    etags[1]["etag"] = requests.put(parts[1], data=content[8:], timeout=10).headers["ETag"]
    assert post(split["upload"]["href"], {"oid": oid, "parts": etags}).status_code == 200
    assert "actions" not in post(batch, asked).json()["objects"][0]


def test_commits_are_atomic_and_refuse_a_stale_parent(hub: HubServer, api: HfApi) -> None:
    api.create_repo("acme/release", repo_type="dataset")
    repo = {"repo_id": "acme/release", "repo_type": "dataset", "commit_message": "x"}
    first = api.create_commit(operations=[CommitOperationAdd("a.txt", b"a")], **repo)
    with pytest.raises(HfHubHTTPError) as stale:
        api.create_commit(
            operations=[CommitOperationAdd("b.txt", b"b")],
            parent_commit="0" * 40,
            **repo,
        )
    assert stale.value.response.status_code == 412
    with pytest.raises(HfHubHTTPError):
        api.create_commit(
            operations=[CommitOperationAdd("b.txt", b"b"), CommitOperationDelete("nothing.txt")],
            **repo,
        )
    assert set(hub.commits("acme/release")[0]["files"]) == {".gitattributes", "a.txt"}
    second = api.create_commit(
        operations=[CommitOperationDelete("a.txt"), CommitOperationAdd("c/c.txt", b"c")],
        parent_commit=first.oid,
        **repo,
    )
    files = api.list_repo_files("acme/release", repo_type="dataset", revision=second.oid)
    assert files == [".gitattributes", "c/c.txt"]
    assert [c.commit_id for c in api.list_repo_commits("acme/release", repo_type="dataset")][
        :2
    ] == [
        second.oid,
        first.oid,
    ]


def test_tags_yaml_and_rights(hub: HubServer, api: HfApi) -> None:
    api.create_repo("acme/release", repo_type="dataset")
    api.create_tag("acme/release", tag="v1", repo_type="dataset")
    with pytest.raises(HfHubHTTPError) as taken:
        api.create_tag("acme/release", tag="v1", repo_type="dataset")
    assert taken.value.response.status_code == 409
    refs = api.list_repo_refs("acme/release", repo_type="dataset")
    assert [(t.name, t.target_commit) for t in refs.tags] == [
        ("v1", refs.branches[0].target_commit)
    ]
    with pytest.raises(ValueError, match="metadata"):
        api.upload_file(
            path_or_fileobj=b"---\na: [\n---\n",
            path_in_repo="README.md",
            repo_id="acme/release",
            repo_type="dataset",
        )
    with pytest.raises(HfHubHTTPError) as foreign:
        api.create_repo("meta/release", repo_type="dataset")
    assert foreign.value.response.status_code == 403
    hub.add_account("reader", "hf_reader", orgs=["acme"], role="read")
    with pytest.raises(HfHubHTTPError) as read_only:
        api.create_tag("acme/release", tag="v2", repo_type="dataset", token="hf_reader")
    assert read_only.value.response.status_code == 403
    assert api.whoami()["orgs"][0]["name"] == "acme"


def test_xet_uploads_go_to_a_folder(
    hub: HubServer, api: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.set(xet_folder=str(tmp_path / "xet"))
    (tmp_path / "release").mkdir()
    content = os.urandom(100_000)
    (tmp_path / "release" / "a.parquet").write_bytes(content)
    api.create_repo("acme/release", repo_type="dataset")
    upload = {"repo_id": "acme/release", "repo_type": "dataset"}
    done = api.upload_folder(folder_path=tmp_path / "release", **upload)
    assert hub.requests("/xet-write-token/")
    newest = hub.commits("acme/release")[0]
    assert newest["sha"] == done.oid
    assert newest["files"]["a.parquet"] == hashlib.sha256(content).hexdigest()
    assert any((tmp_path / "xet").rglob("*"))


def test_trees_are_listed_in_pages(hub: HubServer, api: HfApi) -> None:
    files = {f"folder-{n % 3}/file-{n:04d}.txt": b"x" for n in range(1100)}
    hub.add_dataset("acme/wide", files)
    listed = api.list_repo_tree("acme/wide", repo_type="dataset", recursive=True)
    paths = [entry.path for entry in listed]
    folders = {"folder-0", "folder-1", "folder-2"}
    assert sorted(paths) == sorted({*files, *folders, ".gitattributes"})
    assert len(hub.requests("/tree/")) == 2
    below = api.list_repo_tree("acme/wide", "folder-1", repo_type="dataset")
    assert len(list(below)) == 367
    info = api.get_paths_info("acme/wide", ["folder-2", "nothing"], repo_type="dataset")
    assert [entry.path for entry in info] == ["folder-2"]


# Benchmarks


def test_leaderboards_rank_base_models_or_all(hub: HubServer, api: HfApi) -> None:
    def result(value: float) -> list[dict[str, Any]]:
        data = {"dataset": {"id": "acme/bench", "task_id": "t"}, "value": value}
        return [{"filename": ".eval_results/t.yaml", "verified": True, "data": data}]

    hub.add_dataset("acme/bench", {"eval.yaml": "name: t\n"}, tags=["benchmark:official"])
    hub.add_model("acme/base", CONFIG, evalResults=result(40.5))
    base = {"relation": "finetune", "models": [{"id": "acme/base"}]}
    hub.add_model("acme/tuned", CONFIG, evalResults=result(50.25), baseModels=base)
    hub.add_model(
        "acme/from-file",
        files={
            ".eval_results/t.yaml": "- dataset: {id: acme/bench, task_id: t}\n  value: 45\n",
            ".eval_results/bad.yaml": "- [",
        },
    )
    official = [d.id for d in api.list_datasets(filter="benchmark:official")]
    assert official == ["cais/hle", "Idavidrein/gpqa", "openai/gsm8k", "acme/bench"]
    ranked = api.get_dataset_leaderboard("acme/bench")
    assert [(e.rank, e.model_id, e.value) for e in ranked] == [
        (1, "acme/from-file", 45),
        (2, "acme/base", 40.5),
    ]
    everything = api.get_dataset_leaderboard("acme/bench", base_model_only=False)
    assert [e.model_id for e in everything] == ["acme/tuned", "acme/from-file", "acme/base"]
    with pytest.raises(GatedRepoError):
        api.get_dataset_leaderboard("Idavidrein/gpqa")
    info = api.model_info("acme/from-file", expand=["evalResults"])
    assert [e.value for e in info.eval_results or []] == [45]


# Faults


def test_status_faults_fire_as_often_as_asked(hub: HubServer) -> None:
    hub.add_fault("status", "tiny", status=503, times=2)
    assert [get(hub, FAULTY).status_code for _ in range(3)] == [503, 503, 200]
    hub.clear_faults()
    hub.add_fault("status", "tiny", status=429, nth=2, headers={"Retry-After": "7"})
    answers = [get(hub, FAULTY) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"
    # Not the limit's doing, so requests are left, as the client checks.
    told = parse_ratelimit_headers(answers[1].headers)
    assert told and told.remaining > 0
    hub.clear_faults()
    hub.add_fault("status", "tiny", status=500, probability=0.5)
    failed = sum(get(hub, FAULTY).status_code == 500 for _ in range(60))
    assert 15 < failed < 45
    assert hub.faults()[0]["fired"] == failed


def test_slow_trickling_and_silent_answers(hub: HubServer) -> None:
    hub.add_fault("slow", "tiny", seconds=0.3)
    start = time.monotonic()
    assert get(hub, FAULTY).status_code == 200
    assert time.monotonic() - start >= 0.3
    hub.clear_faults()
    hub.add_fault("trickle", "tiny", seconds=0.1)
    start = time.monotonic()
    assert get(hub, FAULTY, timeout=0.8).json()["id"] == "acme/tiny"
    assert time.monotonic() - start >= 1
    hub.clear_faults()
    hub.add_fault("silent", "tiny")
    with pytest.raises(requests.ReadTimeout):
        get(hub, FAULTY, timeout=0.5)


def test_bodies_that_break_off(hub: HubServer) -> None:
    whole = get(hub, FAULTY)
    for fault, values in (("drop", {}), ("cut", {}), ("content_length", {"delta": 100})):
        hub.clear_faults()
        hub.add_fault(fault, "tiny", **values)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            get(hub, FAULTY)
    hub.clear_faults()
    hub.add_fault("content_length", "tiny", delta=-10)
    assert get(hub, FAULTY).content == whole.content[:-10]


def test_bodies_that_are_something_else(hub: HubServer) -> None:
    hub.add_fault("invalid_json", "tiny", times=1)
    broken = get(hub, FAULTY)
    assert broken.headers["Content-Type"] == "application/json"
    with pytest.raises(requests.JSONDecodeError):
        broken.json()
    hub.clear_faults()
    hub.add_fault("html", "tiny", times=1)
    assert get(hub, FAULTY).headers["Content-Type"].startswith("text/html")
    hub.clear_faults()
    hub.add_fault("huge", "resolve-cache")
    url = f"{hub.url}/acme/tiny/resolve/main/config.json"
    assert len(requests.get(url, timeout=30).content) == 50_000_000


def test_expired_cursors_skewed_clocks_and_redirects_elsewhere(hub: HubServer) -> None:
    first = get(hub, "/api/models?limit=10")
    hub.add_fault("status", "cursor=", status=410)
    assert requests.get(first.links["next"]["url"], timeout=10).status_code == 410
    hub.clear_faults()
    hub.add_fault("skew", "tiny", seconds=-7200, reset_seconds=600)
    skewed = get(hub, FAULTY)
    date = email.utils.parsedate_to_datetime(skewed.headers["Date"]).timestamp()
    assert abs(time.time() - 7200 - date) < 5
    told = parse_ratelimit_headers(skewed.headers)
    assert told and told.reset_in_seconds > 600
    hub.clear_faults()
    hub.add_fault("redirect", "tiny")
    get_all = requests.get(hub.url + FAULTY, timeout=10, headers={"Authorization": "Bearer x"})
    assert get_all.url.startswith(hub.other_url)
    assert hub.leaked_tokens() == []
    leak = requests.get(hub.other_url + "/", timeout=10, headers={"Authorization": "Bearer x"})
    assert leak.status_code == 404
    assert [r["authorization"] for r in hub.leaked_tokens()] == ["Bearer x"]


def test_models_that_go_or_change_between_listing_and_fetching(hub: HubServer) -> None:
    gone, changed = hub.model_ids(0, 2)
    shas = {m["id"]: m["sha"] for m in walk(hub, "expand=sha")}
    hub.add_fault("remove", f"/{re.escape(gone)}/resolve/")
    hub.add_fault("change", f"/api/models/{re.escape(changed)}$", nth=1)
    assert get(hub, f"/{gone}/resolve/main/README.md").headers["X-Error-Code"] == "RepoNotFound"
    assert get(hub, f"/api/models/{changed}").json()["sha"] != shas[changed]
    listed = {m["id"]: m for m in walk(hub, "expand=sha&expand=lastModified")}
    assert gone not in listed
    assert listed[changed]["sha"] != shas[changed]
    hub.update(changed, lastModified="2026-01-01T00:00:00.000Z")
    hub.commit(changed, {"new.txt": "x"})
    listed = {m["id"]: m for m in walk(hub, "expand=lastModified")}
    assert from_iso(listed[changed]["lastModified"]) > (time.time() - 60) * 1000


def test_a_commit_whose_answer_is_lost_was_made(hub: HubServer, api: HfApi) -> None:
    api.create_repo("acme/release", repo_type="dataset")
    hub.add_fault("cut", "/commit/main", times=1)
    operations = [CommitOperationAdd("a.txt", b"a")]
    with pytest.raises(Exception, match=r"peer|closed|incomplete|disconnected"):
        api.create_commit(
            "acme/release", operations, commit_message="x", repo_type="dataset", num_threads=1
        )
    assert "a.txt" in hub.commits("acme/release")[0]["files"]


# By hand and from afar


def test_a_hub_in_another_process_takes_the_same_calls() -> None:
    with HubProcess(models=10, tier="pro") as hub:
        sha = hub.add_model("acme/tiny", CONFIG, files={"weights.bin": b"\x00\xff"})
        assert hub.read("acme/tiny", "weights.bin") == b"\x00\xff"
        assert HfApi(endpoint=hub.url).model_info("acme/tiny").sha == sha
        assert hub.requests("tiny")[0]["status"] == 200
        with pytest.raises(RuntimeError, match="no fault"):
            hub.add_fault("nonsense")
        process = hub._process
    assert process.returncode == 0


def test_by_hand(tmp_path: Path) -> None:
    rules = tmp_path / "faults.json"
    rules.write_text(
        json.dumps([{"kind": "status", "match": "/api/models", "status": 503, "nth": 1}])
    )
    command = [sys.executable, "-m", "tests.hub", "--models", "100000", "--faults", str(rules)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.match(r"HF_ENDPOINT=(\S+) HF_TOKEN=(\S+)", process.stdout.readline())
        assert found
        url = found[1]
        assert requests.get(f"{url}/api/models", timeout=10).status_code == 503
        assert requests.get(f"{url}/api/models?limit=5", timeout=10).status_code == 200
        rule = {"kind": "html", "match": "limit=5"}
        posted = requests.post(f"{url}/_faults", json=rule, timeout=10).json()
        assert [f["fired"] for f in posted] == [1, 0]
        assert "html" in requests.get(f"{url}/api/models?limit=5", timeout=10).text
        assert requests.post(f"{url}/_faults", json={"kind": "x"}, timeout=10).status_code == 400
        process.send_signal(signal.SIGINT)
        assert "api 3 permitted" in process.communicate(timeout=10)[0]
    assert process.returncode == 0
