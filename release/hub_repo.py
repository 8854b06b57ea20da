"""A dataset repo on the Hub, through the Hub's own client."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, set_client_factory
from huggingface_hub.errors import (
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import hf_hub_url
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import (
    build_hf_headers,
    disable_progress_bars,
    http_stream_backoff,
    parse_ratelimit_headers,
)
from huggingface_hub.utils._http import default_client_factory

from modelstrata.errors import PublishFailed
from modelstrata.settings import HubSettings

#: Seconds before what failed in passing is tried again.
WAITS_S = (1.0, 2.0, 4.0)
#: The client waits for ever by default. The Hub may take its time over a large commit.
TIMEOUT = httpx2.Timeout(120.0, connect=20.0)
_DATASET = "dataset"
_PASSING = (408, 429, 500, 502, 503, 504)
_AGAIN = "What was uploaded is kept: run the same command again."
_T = TypeVar("_T")


@dataclass(frozen=True)
class RemoteFile:
    """A file of the repo: its size, and the SHA-256 of large ones or git's hash of the others."""

    size: int
    sha256: str | None
    git_oid: str


@dataclass(frozen=True)
class Head:
    """The newest commit of `main`, and who may see the repo."""

    sha: str
    is_private: bool


class BranchMoved(PublishFailed):
    """Someone else committed since the repo was looked at."""


def _client() -> httpx2.Client:
    client = default_client_factory()
    client.timeout = TIMEOUT
    client.event_hooks["request"].append(_bound)
    return client


def _bound(request: httpx2.Request) -> None:
    """Bound a request whose caller in the client asks for no time-out, as `dataset_info` does."""
    if not any(request.extensions.get("timeout", {}).values()):
        request.extensions["timeout"] = TIMEOUT.as_dict()


class HubRepo:
    """One dataset repo; every method raises `PublishFailed` with a sentence when the Hub refuses.

    Args:
        hub: the Hub's address and the token, which is sent there alone.
        repo_id: `owner/name`, validated.
    """

    def __init__(self, hub: HubSettings, repo_id: str) -> None:
        set_client_factory(_client)
        disable_progress_bars()
        self.id = repo_id
        self.endpoint = hub.endpoint
        # False: no token that the client may find on this machine.
        self._token = hub.token.get_secret_value() or False
        self._api = HfApi(endpoint=hub.endpoint, token=self._token)

    @property
    def url(self) -> str:
        """The repo's page."""
        return f"{self.endpoint}/datasets/{self.id}"

    def head(self) -> Head | None:
        """Return the newest commit; None if there is no such repo, or none that one may see."""
        try:
            info = self._tried(lambda: self._api.dataset_info(self.id), may_be_missing=True)
        except RepositoryNotFoundError as error:
            if error.response.status_code == 401 and self._token:
                self._stop(error)
            return None
        if info.id != self.id:
            raise PublishFailed(f"{self.id} was renamed to {info.id}: publish to that.")
        return Head(str(info.sha), bool(info.private))

    def files(self, sha: str) -> dict[str, RemoteFile]:
        """Return the files of a commit by path."""
        tree = self._tried(
            lambda: list(
                self._api.list_repo_tree(self.id, repo_type=_DATASET, revision=sha, recursive=True)
            )
        )
        return {
            entry.path: RemoteFile(
                entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id
            )
            for entry in tree
            if isinstance(entry, RepoFile)
        }

    def tags(self) -> dict[str, str]:
        """Return the commit of each tag."""
        refs = self._tried(lambda: self._api.list_repo_refs(self.id, repo_type=_DATASET))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def commits_titled(self, title: str) -> list[str]:
        """Return the commits of `main` with a title, newest first."""
        commits = self._tried(lambda: self._api.list_repo_commits(self.id, repo_type=_DATASET))
        return [commit.commit_id for commit in commits if commit.title == title]

    def read(self, path: str, sha: str) -> bytes:
        """Return a small file of a commit."""
        return self._tried(lambda: b"".join(self._stream(path, sha)))

    def digest(self, path: str, sha: str, target: Path | None = None) -> str:
        """Download a file of a commit, into `target` if given, and return its SHA-256."""

        def download() -> str:
            found = hashlib.sha256()
            with (target or Path("/dev/null")).open("wb") as copy:
                for piece in self._stream(path, sha):
                    found.update(piece)
                    copy.write(piece)
            return found.hexdigest()

        return self._tried(download)

    def _stream(self, path: str, sha: str) -> Iterator[bytes]:
        url = hf_hub_url(self.id, path, repo_type=_DATASET, revision=sha, endpoint=self.endpoint)
        headers = build_hf_headers(token=self._token)
        with http_stream_backoff("GET", url, headers=headers, max_retries=2) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise PublishFailed(
                    f"The Hub answers {answer.status_code} for {path} of {self.id} at {sha[:8]}."
                )
            yield from answer.iter_bytes()

    def create(self, *, is_private: bool) -> None:
        """Make the repo, if nobody has since."""
        self._tried(
            lambda: self._api.create_repo(
                self.id, repo_type=_DATASET, private=is_private, exist_ok=True
            )
        )

    def upload(self, file: CommitOperationAdd) -> None:
        """Send a file's content, if the Hub does not hold it; no commit shows it yet."""
        with self._sending(file.path_in_repo):
            self._api.preupload_lfs_files(self.id, [file], repo_type=_DATASET)

    def commit(
        self,
        operations: Sequence[CommitOperationAdd | CommitOperationDelete],
        title: str,
        text: str,
        parent: str,
        made: Callable[[], str | None],
    ) -> str:
        """Commit everything at once onto `parent` and return the commit's sha.

        Args:
            operations: files to write and to delete.
            title: first line of the commit's message.
            text: the rest of it.
            parent: the commit that must still be the newest.
            made: looks for the commit where the answer was lost; None if it is not there.

        Raises:
            BranchMoved: `parent` is no longer the newest commit; nothing was written.
        """
        for wait in (*WAITS_S, None):
            try:
                with self._sending("the commit"):
                    return self._api.create_commit(
                        self.id,
                        list(operations),
                        repo_type=_DATASET,
                        commit_message=title,
                        commit_description=text,
                        parent_commit=parent,
                    ).oid
            except PublishFailed as error:
                cause = error.__cause__
                moved = isinstance(cause, HfHubHTTPError) and cause.response.status_code == 412
                if not moved and not _is_passing(cause):
                    raise
                sha = made()
                if sha is not None:
                    return sha
                if moved:
                    raise BranchMoved(
                        f"Someone committed to {self.id} in the meantime: nothing of this release "
                        f"was committed and nothing overwritten. Look at {self.url}/commits/main, "
                        "then run the same command again."
                    ) from error
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("unreachable")

    def tag(self, name: str, sha: str) -> None:
        """Name a commit; a tag that is there already stays where it is."""
        self._tried(
            lambda: self._api.create_tag(
                self.id, repo_type=_DATASET, tag=name, revision=sha, exist_ok=True
            )
        )

    def _tried(self, call: Callable[[], _T], *, may_be_missing: bool = False) -> _T:
        """Call again after failures that pass."""
        for wait in (*WAITS_S, None):
            try:
                return call()
            except (httpx2.HTTPError, httpx2.StreamError, OfflineModeIsEnabled) as error:
                if may_be_missing and isinstance(error, RepositoryNotFoundError):
                    raise
                if wait is None or not _is_passing(error):
                    self._stop(error)
                time.sleep(max(wait, _told_to_wait(error)))
        raise AssertionError("unreachable")

    @contextmanager
    def _sending(self, what: str) -> Iterator[None]:
        try:
            yield
        except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
            self._stop(error)
        # The client wraps failures of uploads, and hf_xet raises its own.
        except (RuntimeError, OSError, ValueError) as error:
            cause = error.__cause__
            if isinstance(cause, httpx2.HTTPError):
                self._stop(cause)
            raise PublishFailed(
                f"Sending {what} failed ({_first_line(error)}). {_AGAIN}"
            ) from error

    def _stop(self, error: Exception) -> NoReturn:
        owner = self.id.split("/")[0]
        if not isinstance(error, HfHubHTTPError):
            raise PublishFailed(
                f"The Hub at {self.endpoint} does not answer ({_first_line(error)}). {_AGAIN}"
            ) from error
        status = error.response.status_code
        sentences = {
            401: "The Hub does not accept the token in HF_TOKEN: make a new one with write access.",
            403: f"The token in HF_TOKEN may not write to {self.id}: use one with write access to "
            f"{owner}.",
            404: f"There is no dataset {self.id} that the token in HF_TOKEN may see.",
        }
        told = sentences.get(status, f"The Hub answered {status} ({_first_line(error)}). {_AGAIN}")
        raise PublishFailed(told) from error


def _is_passing(error: BaseException | None) -> bool:
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING
    return isinstance(error, httpx2.TransportError)


def _told_to_wait(error: Exception) -> float:
    """Return the seconds until the Hub's rate limit permits requests again, as it says."""
    if not isinstance(error, HfHubHTTPError) or error.response.status_code != 429:
        return 0.0
    limit = parse_ratelimit_headers(error.response.headers)
    return limit.reset_in_seconds + 1.0 if limit and limit.remaining == 0 else 0.0


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
