"""Publish a release folder as a dataset repo on the Hub.

Content goes up first, where no one sees it; then one commit onto the commit that was looked at
shows all of it at once; then everything that was sent is downloaded and compared; then the
version's tag is set, which so says that the check has passed. A run that is killed anywhere is
made up for by the next one: content that is there is not sent again, a commit that is there is
found by its title, checked and tagged.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from modelstrata.errors import PublishFailed, storage_errors
from modelstrata.progress import progress
from modelstrata.settings import HubSettings
from release.files import LocalFile
from release.hub_repo import HubRepo
from release.plan import (
    Plan,
    PublishOptions,
    find_version,
    plan_publication,
    validate_repo_id,
)


@dataclass(frozen=True)
class Publication:
    """A version on the Hub.

    Attributes:
        repo: the dataset repo.
        url: page of the version.
        version: the version, which is the tag's name too.
        commit: sha of its commit.
        files_sent: files that the commit wrote; 0 if the version was there already.
        bytes_sent: their bytes.
        files_deleted: files that it deleted.
        is_public: whether anyone sees it.
    """

    repo: str
    url: str
    version: str
    commit: str
    files_sent: int
    bytes_sent: int
    files_deleted: int
    is_public: bool


def publish(
    folder: Path,
    hub: HubSettings,
    options: PublishOptions,
    tell: Callable[[str], None] = lambda _: None,
) -> Publication:
    """Publish a release folder; a version that is there already is left as it is.

    Args:
        folder: a release folder, as `write_release` makes it.
        hub: the Hub's address and a token with write access.
        options: repo, visibility, what to leave out.
        tell: called with each line of the plan before anything is sent.

    Raises:
        ModelstrataError: the repo's id is no id, or the folder is not whole.
        PublishFailed: the repo cannot be used as it is, someone committed in the meantime, the Hub
            refuses or does not answer, or it serves other bytes than were sent.
    """
    repo = HubRepo(hub, validate_repo_id(options.repo))
    if not hub.token.get_secret_value():
        raise PublishFailed("Publishing needs a token with write access: set HF_TOKEN.")
    with storage_errors(folder.parent), _alone(folder.parent):
        plan = plan_publication(folder, repo, options)
        for line in plan.lines():
            tell(line)
        if plan.published:
            if not plan.is_tagged:
                _check(repo, plan, plan.published, plan.files)
                _tag(repo, plan, plan.published)
            return _publication(plan, plan.published, ())
        if not plan.parent:
            plan = _made(repo, plan)
        sha = _commit(repo, plan, _upload(repo, plan))
        _check(repo, plan, sha, plan.send)
        _tag(repo, plan, sha)
    return _publication(plan, sha, plan.send)


def dry_run(folder: Path, hub: HubSettings, options: PublishOptions) -> Plan:
    """Return what `publish` would do, by reading only; without a token private repos look missing.

    Raises:
        ModelstrataError: as `publish`.
    """
    repo = HubRepo(hub, validate_repo_id(options.repo))
    with storage_errors(folder.parent), _alone(folder.parent):
        return plan_publication(folder, repo, options)


@contextmanager
def _alone(releases: Path) -> Iterator[None]:
    """Hold the lock of publishing from this data folder; it ends with the process."""
    lock = FileLock(releases / ".publish.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise PublishFailed(f"Another run is publishing from {releases}: wait for it.") from error
    try:
        yield
    finally:
        lock.release()


def _made(repo: HubRepo, plan: Plan) -> Plan:
    """Make the repo, and look at it anew: someone else may have made it meanwhile."""
    repo.create(is_private=not plan.options.public)
    head = repo.head()
    if head is None:
        raise PublishFailed(f"{repo.id} was made and is not there: run the same command again.")
    if head.is_private == plan.options.public:
        raise PublishFailed(
            f"{repo.id} was made with another visibility than asked for: nothing was sent. Set it "
            f"on {repo.url}/settings, then run the same command again."
        )
    there = repo.files(head.sha)
    taken = [file.path for file in plan.files if file.path in there]
    if taken:
        raise PublishFailed(f"{repo.id} was filled by someone else meanwhile: look at {repo.url}.")
    return replace(plan, parent=head.sha)


def _upload(repo: HubRepo, plan: Plan) -> list[CommitOperationAdd]:
    """Send the content of the files to send, and return what a commit is to write."""
    operations = []
    with progress("upload", plan.size, is_bytes=True) as advance:
        for file in plan.send:
            operation = CommitOperationAdd(file.path, file.data)
            # The few texts travel in the commit itself.
            if isinstance(file.data, Path):
                repo.upload(operation)
            operations.append(operation)
            advance(file.path, file.size)
    return operations


def _commit(repo: HubRepo, plan: Plan, additions: list[CommitOperationAdd]) -> str:
    def made() -> str | None:
        sha, _ = find_version(repo, plan.contents.version)
        there = repo.files(sha) if sha else {}
        return sha if sha and all(f.is_as(there.get(f.path)) for f in plan.files) else None

    deletions = [CommitOperationDelete(path, is_folder=False) for path in plan.delete]
    text = "\n".join(plan.changes())
    return repo.commit([*additions, *deletions], plan.title, text, plan.parent, made)


def _check(repo: HubRepo, plan: Plan, sha: str, sent: tuple[LocalFile, ...]) -> None:
    """Compare what the Hub lists of every file, and serves of those sent, with what was sent."""
    there = repo.files(sha)
    wrong = [file.path for file in plan.files if not file.is_as(there.get(file.path))]
    wrong += [path for path in plan.delete if path in there]
    with progress("check", sum(file.size for file in sent), is_bytes=True) as advance:
        for file in sent:
            if file.path not in wrong and repo.digest(file.path, sha) != file.sha256:
                wrong.append(file.path)
            advance(file.path, file.size)
    if wrong:
        raise PublishFailed(
            f"What {repo.id} serves at {sha[:8]} is not what was sent: {', '.join(wrong)}. It was "
            f"committed and not tagged. Run the same command again to check again; if it stays, "
            f"revert the commit on {repo.url}/commits/main."
        )


def _tag(repo: HubRepo, plan: Plan, sha: str) -> None:
    version = plan.contents.version
    repo.tag(version, sha)
    tagged = repo.tags().get(version)
    if tagged != sha:
        raise PublishFailed(
            f"The tag {version} of {repo.id} names {str(tagged)[:8]} and not {sha[:8]}, which was "
            f"committed: remove the tag on {repo.url} and run the same command again."
        )


def _publication(plan: Plan, sha: str, sent: tuple[LocalFile, ...]) -> Publication:
    return Publication(
        repo=plan.options.repo,
        url=f"{plan.url}/tree/{plan.contents.version}",
        version=plan.contents.version,
        commit=sha,
        files_sent=len(sent),
        bytes_sent=sum(file.size for file in sent),
        files_deleted=len(plan.delete) if sent else 0,
        is_public=plan.options.public,
    )
