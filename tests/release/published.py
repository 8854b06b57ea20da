"""What a publication must look like on the loopback Hub, seen from outside."""

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import HfApi

from modelstrata.landing import file_digest
from tests.hub import TOKEN, HubProcess, HubServer

REPO = "acme/release"


def assert_whole(
    hub: HubServer | HubProcess,
    folder: Path,
    *,
    repo: str = REPO,
    version: str = "",
    ours: int = 1,
) -> None:
    """Assert one commit of the version at the top, its tag, and every file by its bytes.

    Args:
        hub: where it was published.
        folder: the release folder that was published.
        repo: the dataset repo.
        version: by default the folder's name.
        ours: commits of releases in the repo.
    """
    version = version or folder.name
    commits = hub.commits(repo)
    titles = [c["title"] for c in commits if c["title"].startswith("Release ")]
    assert (len(titles), titles.count(f"Release {version}")) == (ours, 1)
    newest = commits[0]
    assert newest["title"] == f"Release {version}"
    refs = HfApi(endpoint=hub.url, token=TOKEN).list_repo_refs(repo, repo_type="dataset")
    assert {t.name: t.target_commit for t in refs.tags}[version] == newest["sha"]
    sums = hub.read(repo, "SHA256SUMS", kind="dataset").decode()
    listed = {path: digest for digest, path in (line.split("  ") for line in sums.splitlines())}
    for path, digest in listed.items():
        content = hub.read(repo, path, kind="dataset")
        assert hashlib.sha256(content).hexdigest() == digest, path
        if path.startswith(("data/", "paper/")):
            assert digest == file_digest(folder / path)
    parts = ("data/", "paper/")
    assert {p for p in newest["files"] if p.startswith(parts)} == {
        p for p in listed if p.startswith(parts)
    }
    assert {"README.md", "release.json"} < set(listed)


def card_of(hub: HubServer) -> tuple[str, dict[str, Any]]:
    """Return the card's text and its front matter."""
    text = hub.read(REPO, "README.md", kind="dataset").decode()
    return text, yaml.safe_load(text.split("---\n")[1])


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
