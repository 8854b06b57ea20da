"""Dataset repositories of the Hub: their commit, their files, one file's bytes."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from extract.hub.errors import PassingError, Refused
from extract.hub.hub import Answer, Hub
from extract.hub.listing import get_page


@dataclass(frozen=True)
class File:
    """A file of a dataset: its path and git's or LFS's hash of its content."""

    path: str
    oid: str


def head(hub: Hub, dataset: str) -> str:
    """Return the commit of a dataset's main branch.

    Raises:
        HubError: there is no such dataset, or the Hub does not answer.
    """

    def ask() -> str:
        answer = hub.get(f"/api/datasets/{quote(dataset)}?expand=sha", "api", max_bytes=1 << 22)
        fields = json_of(answer, f"dataset {dataset}")
        sha = fields.get("sha") if isinstance(fields, dict) else None
        if not isinstance(sha, str):
            raise PassingError("no_sha", answer.status)
        return sha

    return hub.insist(ask, f"The commit of dataset {dataset}")


def files(hub: Hub, dataset: str, sha: str) -> list[File]:
    """List all files of a dataset at a commit.

    Raises:
        HubError: the Hub refuses or does not answer.
    """

    def keep(_text: str, entry: Any) -> File | None:
        if not isinstance(entry, dict) or entry.get("type") != "file":
            return None
        lfs = entry.get("lfs")
        oid = lfs.get("oid") if isinstance(lfs, dict) else None
        return File(str(entry.get("path")), str(oid or entry.get("oid")))

    path: str | None = f"/api/datasets/{quote(dataset)}/tree/{sha}?recursive=true"
    found: list[File] = []
    while path is not None:
        page = get_page(hub, path, keep)
        found += [file for file in page.objects if file is not None]
        path = page.next_path
    return found


def read(hub: Hub, dataset: str, sha: str, path: str, max_bytes: int) -> bytes:
    """Return a file of a dataset at a commit.

    Raises:
        HubError: it is missing, gated or too large, or the Hub does not answer.
    """

    def ask() -> bytes:
        place = f"/api/resolve-cache/datasets/{quote(dataset)}/{sha}/{quote(path)}"
        answer = hub.follow(place, "resolvers", max_bytes=max_bytes)
        return whole(answer, f"{path} of dataset {dataset}").body

    return hub.insist(ask, f"{path} of dataset {dataset}")


def whole(answer: Answer, what: str) -> Answer:
    """Return an answer if it is what was asked for.

    Raises:
        PassingError: it is a page for people.
        Refused: it is an error, or too large.
    """
    if answer.status != 200 or answer.is_too_large:
        code = answer.error_code or ("too large" if answer.is_too_large else "no reason given")
        raise Refused(f"{what}: {answer.status} ({code}) from {answer.url}", answer.status)
    if answer.is_html:
        raise PassingError("html", answer.status)
    return answer


def json_of(answer: Answer, what: str) -> Any:
    """Return the value of a JSON answer.

    Raises:
        PassingError: it is cut off or a page for people.
        Refused: it is an error.
    """
    try:
        return json.loads(whole(answer, what).body)
    except (ValueError, RecursionError) as error:
        raise PassingError("not_json", answer.status) from error
