"""Everything the Hub knows: repos, accounts, uploads, requests seen."""

import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from tests.hub.encoding import from_iso, iso
from tests.hub.errors import HubError, Moved, gated_repo, repo_not_found
from tests.hub.families import BENCHMARKS
from tests.hub.faults import Fault
from tests.hub.generated import GeneratedModel, GeneratedModels
from tests.hub.limits import Bucket, Limits
from tests.hub.repos import GITATTRIBUTES, Blob, Gate, Kind, Repo, now_ms

#: Half a kilobyte each; what is older is forgotten.
LOG_LENGTH = 300_000

AnyModel = Repo | GeneratedModel


@dataclass
class Account:
    """A user with one token.

    Attributes:
        name: the user's name, and namespace.
        token: what stands after `Bearer` in the header `Authorization`.
        tier: a key of `limits.TIERS`.
        orgs: namespaces beside the own one that the token may write to.
        role: `read` or `write`.
        granted: ids of gated repos that the user may read.
    """

    name: str
    token: str
    tier: str = "free"
    orgs: tuple[str, ...] = ()
    role: str = "write"
    granted: set[str] = field(default_factory=set)

    def may_write(self, repo_id: str) -> bool:
        """Tell whether the token may write to a repo's namespace."""
        return self.role == "write" and repo_id.split("/")[0] in (self.name, *self.orgs)

    def may_read(self, repo: AnyModel) -> bool:
        """Tell whether the account passes the repo's gate."""
        return repo.id in self.granted or self.may_write(repo.id)


@dataclass(slots=True)
class Seen:
    """One request, as the log holds it.

    `authorization` is the header as it came; `authorised` tells whether its token is known.
    """

    time: float
    host: str
    method: str
    path: str
    query: str
    bucket: Bucket
    status: int = 0
    authorization: str | None = None
    authorised: bool = False
    fault: str | None = None
    user_agent: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


class State:
    """The Hub's memory. Handlers read it on the server's thread, tests change it from theirs."""

    def __init__(self, models: int, seed: int, limits: Limits) -> None:
        self.seed = seed
        self.limits = limits
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.generated = GeneratedModels(models, seed)
        self.repos: dict[tuple[Kind, str], Repo] = {}
        #: Indices of generated models that were removed, renamed or became repos of their own.
        self.taken: set[int] = set()
        self.renamed: dict[tuple[Kind, str], str] = {}
        self.accounts: dict[str, Account] = {}
        #: Downloads that this server has counted itself.
        self.downloads: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.log: deque[Seen] = deque(maxlen=LOG_LENGTH)
        self.lfs: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.lfs_threshold = 10_000_000
        self.multipart_threshold = 50_000_000
        self.part_size = 20_000_000
        #: 404, or 401 as the Hub answers some who bring no token.
        self.status_of_missing_to_anonymous = 404
        self.xet_folder: str | None = None
        self.closing = False
        self.url = ""
        self.other_url = ""
        self._ordinal = models
        self._add_benchmarks()

    def _add_benchmarks(self) -> None:
        for dataset_id, task in BENCHMARKS:
            text = f"name: {task}\ntasks:\n  - id: {task}\n    config: default\n"
            gate: Gate = "auto" if dataset_id == "Idavidrein/gpqa" else False
            info = {"tags": ["benchmark:official", "region:us"]}
            files = {"eval.yaml": text.encode(), "README.md": f"# {dataset_id}\n".encode()}
            self.add("dataset", dataset_id, files, gated=gate, info=info)

    def add(
        self,
        kind: Kind,
        repo_id: str,
        files: dict[str, bytes] | None = None,
        *,
        gated: Gate = False,
        private: bool = False,
        info: dict[str, Any] | None = None,
        author: str = "system",
    ) -> Repo:
        """Add a repo with one commit.

        Raises:
            HubError: 409, there is one of this id.
        """
        with self.lock:
            if self.find(kind, repo_id) is not None:
                url = f"{self.url}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"
                message = f"You already created this {kind} repo: {repo_id}"
                raise HubError(409, message, body={"url": url})
            known = {"createdAt": iso(now_ms()), "downloads": 0, "likes": 0, "tags": []}
            repo = Repo(kind, repo_id, self._ordinal, known | (info or {}), private, gated)
            content = {".gitattributes": GITATTRIBUTES} | (files or {})
            blobs = {path: self.blob(path, data) for path, data in content.items()}
            modified, sha = repo.info.pop("lastModified", None), repo.info.pop("sha", None)
            at = None if modified is None else from_iso(modified)
            repo.commit(blobs, title="initial commit", author=author, at=at, sha=sha)
            self._ordinal += 1
            self.renamed.pop((kind, repo_id), None)
            self.repos[kind, repo_id] = repo
            return repo

    def blob(self, path: str, content: bytes) -> Blob:
        """Return the blob of a file, and keep its bytes if the Hub holds such files as LFS."""
        blob = Blob.of(content, lfs=self.is_lfs(path, len(content)))
        if blob.lfs_oid is not None:
            self.lfs[blob.lfs_oid] = content
        return blob

    def is_lfs(self, path: str, size: int) -> bool:
        """Tell whether a file is stored as LFS by its size or, as a new repo says, its name."""
        suffix = path.rsplit(".", 1)[-1].lower() if "." in path else ""
        return size > self.lfs_threshold or f"*.{suffix} ".encode() in GITATTRIBUTES

    def find(self, kind: Kind, repo_id: str) -> AnyModel | None:
        """Return a repo or generated model, or None."""
        repo = self.repos.get((kind, repo_id))
        if repo is not None or kind == "dataset":
            return repo
        model = self.generated.find(repo_id)
        return None if model is None or model.ordinal in self.taken else model

    def own(self, kind: Kind, repo_id: str) -> Repo:
        """Return a repo that can be changed; a generated model becomes one.

        Raises:
            HubError: RepoNotFound.
        """
        with self.lock:
            found = self.find(kind, repo_id)
            if found is None:
                raise repo_not_found()
            if isinstance(found, GeneratedModel):
                repo = found.to_repo()
                self.repos[kind, repo_id] = repo
                self.taken.add(found.ordinal)
                return repo
            return found

    def remove(self, kind: Kind, repo_id: str) -> Repo:
        """Remove a repo and return it.

        Raises:
            HubError: RepoNotFound.
        """
        with self.lock:
            self.own(kind, repo_id)
            return self.repos.pop((kind, repo_id))

    def rename(self, kind: Kind, old: str, new: str) -> Repo:
        """Rename a repo; its old id redirects from now on.

        Raises:
            HubError: RepoNotFound, or 409 where the new id is taken.
        """
        with self.lock:
            if self.find(kind, new) is not None:
                raise HubError(409, f"There is a {kind} repo {new} already")
            repo = self.remove(kind, old)
            repo.id = new
            repo.info.pop("author", None)
            self.repos[kind, new] = repo
            self.renamed[kind, old] = new
            self.renamed.pop((kind, new), None)
            return repo

    def account_of(self, authorization: str | None) -> Account | None:
        """Return the account that an `Authorization` header belongs to."""
        if authorization is None or not authorization.lower().startswith("bearer "):
            return None
        return self.accounts.get(authorization[7:].strip())

    def readable(
        self, kind: Kind, repo_id: str, account: Account | None, *, content: bool = False
    ) -> AnyModel:
        """Return a repo that an account (or nobody) may see, and read the files of if asked.

        Raises:
            Moved: the repo has been renamed.
            HubError: RepoNotFound or GatedRepo.
        """
        if (kind, repo_id) in self.renamed:
            raise Moved(repo_id, self.renamed[kind, repo_id])
        found = self.find(kind, repo_id)
        hidden = isinstance(found, Repo) and found.private
        if hidden and (
            account is None or repo_id.split("/")[0] not in (account.name, *account.orgs)
        ):
            found = None
        if found is None:
            missing = self.status_of_missing_to_anonymous if account is None else 404
            raise repo_not_found(missing)
        if found.disabled and content:
            raise HubError(403, "Access to this resource is disabled.")
        if found.gated and content and (account is None or not account.may_read(found)):
            raise gated_repo(kind, repo_id, anonymous=account is None)
        return found

    def writable(self, kind: Kind, repo_id: str, account: Account | None) -> Repo:
        """Return a repo that an account may write to.

        Raises:
            HubError: 401 without a token, RepoNotFound, or 403 in another's namespace.
        """
        if account is None:
            raise HubError(401, "Invalid username or password.")
        self.readable(kind, repo_id, account)
        if not account.may_write(repo_id):
            raise HubError(403, f"Forbidden: pass a token with write access to {repo_id}")
        return self.own(kind, repo_id)

    def seen(self, **values: Any) -> Seen:
        """Add a request to the log."""
        entry = Seen(time=time.time(), **values)
        self.log.append(entry)
        return entry
