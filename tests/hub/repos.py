"""Repos as git keeps them: commits that hold whole trees, branches and tags that name commits."""

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from tests.hub.encoding import git_oid
from tests.hub.errors import HubError, entry_not_found, revision_not_found

Kind = Literal["model", "dataset"]
Gate = Literal["auto", "manual", False]

#: What a new repo's first commit holds: the files that the Hub stores as LFS by their names.
GITATTRIBUTES = "".join(
    f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n"
    for suffix in (
        *("7z", "arrow", "avro", "bin", "bz2", "ckpt", "ftz", "gguf", "gz", "h5", "joblib"),
        *("lz4", "model", "msgpack", "npy", "npz", "onnx", "ot", "parquet", "pb", "pickle"),
        *("pkl", "pt", "pth", "rar", "safetensors", "tar", "tflite", "tgz", "wasm", "xz"),
        *("zip", "zst"),
    )
).encode()


@dataclass(frozen=True)
class Blob:
    """A file's content. `content` is None for weights whose bytes nobody needs."""

    size: int
    content: bytes | None
    lfs_oid: str | None = None

    @classmethod
    def of(cls, content: bytes, *, lfs: bool = False) -> "Blob":
        """Return the blob of a content, as an LFS object if asked for."""
        return cls(len(content), content, hashlib.sha256(content).hexdigest() if lfs else None)

    @cached_property
    def pointer(self) -> bytes:
        """The text that git holds in place of an LFS object."""
        version = "version https://git-lfs.github.com/spec/v1"
        return f"{version}\noid sha256:{self.lfs_oid}\nsize {self.size}\n".encode()

    @cached_property
    def oid(self) -> str:
        """The SHA-1 of the git blob, which for an LFS object is that of its pointer."""
        return git_oid(self.pointer if self.lfs_oid else self.content or b"")

    @property
    def etag(self) -> str:
        """What changes when the file does: the SHA-256 of an LFS object, else the git SHA-1."""
        return self.lfs_oid or self.oid


@dataclass(frozen=True)
class Commit:
    """A whole tree with its message; `time` is milliseconds since 1970."""

    sha: str
    files: Mapping[str, Blob]
    title: str
    message: str
    author: str
    time: int
    parent: str | None


def now_ms() -> int:
    """Return the milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass
class Repo:
    """A model or dataset repo. `info` holds the API's fields that its files do not tell."""

    kind: Kind
    id: str
    ordinal: int
    info: dict[str, Any] = field(default_factory=dict)
    private: bool = False
    gated: Gate = False
    disabled: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def head(self) -> Commit:
        """The newest commit of the branch `main`."""
        return self.commits[self.branches["main"]]

    def commit_at(self, revision: str) -> Commit:
        """Return the commit that a branch, tag or (at least 7 digits of a) sha names.

        Raises:
            HubError: RevisionNotFound.
        """
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        if sha in self.commits:
            return self.commits[sha]
        short = [full for full in self.commits if len(sha) >= 7 and full.startswith(sha)]
        if len(short) != 1:
            raise revision_not_found(revision)
        return self.commits[short[0]]

    def blob_at(self, revision: str, path: str) -> tuple[Commit, Blob]:
        """Return a commit and one of its files.

        Raises:
            HubError: RevisionNotFound or EntryNotFound.
        """
        commit = self.commit_at(revision)
        blob = commit.files.get(path)
        if blob is None:
            raise entry_not_found(commit.sha)
        return commit, blob

    def commit(
        self,
        files: Mapping[str, Blob],
        *,
        branch: str = "main",
        parent: str | None = None,
        title: str = "Update",
        message: str = "",
        author: str = "system",
        sha: str | None = None,
        at: int | None = None,
    ) -> Commit:
        """Make `files` the whole tree of a branch.

        Args:
            files: every file of the new tree.
            branch: the branch to move; a new one starts here.
            parent: the commit that must still be the branch's newest, if given.
            title: the first line of the message.
            message: the rest of it.
            author: the user's name.
            sha: the commit's id, by default made from what it holds.
            at: its time in milliseconds since 1970, by default now.

        Raises:
            HubError: 412, the branch has moved past `parent`.
        """
        with self.lock:
            newest = self.branches.get(branch)
            if parent is not None and newest is not None and not newest.startswith(parent):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            at = now_ms() if at is None else at
            if sha is None:
                tree = "".join(f"{path}\0{blob.etag}\n" for path, blob in sorted(files.items()))
                unique = f"{tree}{newest}\n{len(self.commits)}\n{title}\n{message}\n{self.id}"
                sha = git_oid(unique.encode(), "commit")
            commit = Commit(sha, dict(files), title, message, author, at, newest)
            self.commits[sha] = commit
            self.info.pop("lastModified", None)
            self.branches[branch] = sha
            return commit
