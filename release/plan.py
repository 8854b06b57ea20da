"""What publishing a release folder would do, decided by reading alone."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from modelstrata.errors import ModelstrataError, PublishFailed, storage_errors
from modelstrata.model_ids import is_model_id
from release.changes import count_changes
from release.contents import (
    CARD,
    CHECKSUMS,
    CONTENTS,
    LICENSED_SUFFIX,
    Contents,
    TableChanges,
    read_contents,
)
from release.files import LocalFile, checked_folder, hashed, version_files
from release.folder import read_checksums
from release.hub_repo import HubRepo, RemoteFile
from release.pages import DOCS, REPORT
from release.paper import PAPER_MARTS


@dataclass(frozen=True)
class PublishOptions:
    """What a user decides.

    Attributes:
        repo: the dataset repo, `owner/name`.
        public: anyone may see it; a repo that is there must be so already.
        without_unlicensed: leave out the tables that quote a source without a stated license.
    """

    repo: str
    public: bool = False
    without_unlicensed: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        contents: the version as it will be published.
        parent: the newest commit of `main`; empty if the repo is to be made.
        files: every file of the version.
        send: those that the repo does not hold in these bytes.
        delete: files of the last version that this one has not.
        replaced: files that others edited since the last version; they are replaced.
        published: the commit that is this version already; empty if there is none.
        is_tagged: the version's tag names it.
        is_newest: it is what `main` holds.
    """

    options: PublishOptions
    url: str
    contents: Contents
    parent: str
    files: tuple[LocalFile, ...]
    send: tuple[LocalFile, ...] = ()
    delete: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    published: str = ""
    is_tagged: bool = False
    is_newest: bool = True

    @property
    def title(self) -> str:
        return _title(self.contents.version)

    @property
    def size(self) -> int:
        """Bytes to send."""
        return sum(file.size for file in self.send)

    def lines(self) -> list[str]:
        """Describe the plan, with sizes."""
        version, who = self.contents.version, "public" if self.options.public else "private"
        left = [f"left out: {left.table} ({left.reason})" for left in self.contents.left_out]
        if self.published:
            done = "is published" if self.is_tagged else "is committed, and is checked and tagged"
            moved = [] if self.is_newest else ["main has moved on since: it holds other commits"]
            where = f"{version} {done}: {self.url}/tree/{self.published}"
            return [where, *moved, "nothing to send"]
        kept = len(self.files) - len(self.send)
        lines = [f"{self.url} ({who}{'' if self.parent else ', is made'})"]
        if self.options.public:
            lines.append("PUBLIC: anyone can see and download what is published there")
        lines.append(
            f"one commit and the tag {version}; {len(self.send)} files, {_size(self.size)}:"
        )
        lines += [f"  {file.path}  {_size(file.size)}" for file in self.send]
        lines += [f"unchanged: {kept} files"] if kept else []
        lines += [f"delete: {path}" for path in self.delete]
        lines += [f"edited on the Hub, is replaced: {path}" for path in self.replaced]
        return lines + left + self.changes()

    def changes(self) -> list[str]:
        """Describe what changed against the last version."""
        if not self.contents.previous:
            return ["first version"]
        return [f"changes against {self.contents.previous}:"] + [
            f"  {c.table}: {c.added:,} rows added, {c.changed:,} changed, {c.removed:,} removed"
            + (f" ({c.note})" if c.note else "")
            for c in self.contents.changes
        ]


def validate_repo_id(text: str) -> str:
    """Return `text` if it is a dataset repo's id.

    Raises:
        ModelstrataError: it is not; the message quotes it.
    """
    if not is_model_id(text) or "/" not in text:
        raise ModelstrataError(
            f"{text!r} is no dataset repo: give --repo owner/name, or set MODELSTRATA_RELEASE_REPO."
        )
    return text


def plan_publication(folder: Path, repo: HubRepo, options: PublishOptions) -> Plan:
    """Decide what publishing would do; nothing is written to the Hub.

    Args:
        folder: a release folder, as `write_release` makes it.
        repo: where it is to be published.
        options: what the user decided.

    Raises:
        ModelstrataError: the folder is not whole.
        PublishFailed: the repo cannot be used as it is: other visibility, the version's tag on
            something else, files of others in the way; or the Hub refuses.
    """
    listed = checked_folder(folder)
    contents = replace(read_contents(folder), repo=options.repo)
    if options.without_unlicensed:
        contents = _licensed_only(contents)
    head = repo.head()
    if head is None:
        files = version_files(folder, listed, contents)
        return Plan(options, repo.url, contents, "", files, files)
    if head.is_private == options.public:
        raise PublishFailed(_other_visibility(repo, options.public))
    published = _find(folder, listed, repo, options, contents)
    if published:
        return replace(published, is_newest=published.published == head.sha)
    there = repo.files(head.sha)
    last = _last(repo, head.sha, there)
    if last is not None:
        changes = _count(folder, repo, head.sha, there, last, contents)
        contents = replace(contents, previous=last.version, changes=changes)
    files = version_files(folder, listed, contents)
    known = read_checksums(repo.read(CHECKSUMS, head.sha).decode(errors="replace")) if last else {}
    send = tuple(file for file in files if not file.is_as(there.get(file.path)))
    ours = {path for path in (*known, CHECKSUMS) if last and path in there and _may_be_ours(path)}
    foreign = [file.path for file in send if file.path in there and file.path not in ours]
    if foreign:
        raise PublishFailed(
            f"{repo.id} holds files that no release wrote ({', '.join(foreign)}), which would be "
            "overwritten: remove them there, or publish to a repo of its own."
        )
    new = {file.path for file in files}
    delete = tuple(sorted(ours - new))
    edited = tuple(sorted(p for p in ours & set(known) if there[p].sha256 not in (None, known[p])))
    edited += _edited_texts(repo, head.sha, there, known)
    return Plan(options, repo.url, contents, head.sha, files, send, delete, edited)


def find_version(repo: HubRepo, version: str) -> tuple[str, bool]:
    """Return the commit that is this version, or empty text, and whether its tag names it."""
    tagged = repo.tags().get(version)
    if tagged:
        return tagged, True
    return next(iter(repo.commits_titled(_title(version))), ""), False


def _find(
    folder: Path, listed: dict[str, str], repo: HubRepo, options: PublishOptions, new: Contents
) -> Plan | None:
    """Return the plan for a version whose commit is there, which is to send nothing."""
    sha, is_tagged = find_version(repo, new.version)
    if not sha:
        return None
    there = repo.files(sha)
    old = _last(repo, sha, there)
    # What the version's card says of changes depends on what was there when it was published.
    then = replace(new, previous=old.previous, changes=old.changes) if old else new
    files = version_files(folder, listed, then)
    differing = [file.path for file in files if not file.is_as(there.get(file.path))]
    if differing:
        what = f"The tag {new.version}" if is_tagged else f"A commit titled {_title(new.version)!r}"
        raise PublishFailed(
            f"{what} of {repo.id} names {sha[:8]}, which holds something else "
            f"({', '.join(differing[:3])}). Nothing was sent. If the program has changed since, "
            f"`make build` makes a new version; a tag or commit that is wrong can be "
            f"removed on {repo.url}."
        )
    return Plan(options, repo.url, then, sha, files, published=sha, is_tagged=is_tagged)


def _last(repo: HubRepo, sha: str, there: dict[str, RemoteFile]) -> Contents | None:
    """Return what the release at a commit holds; None if no release wrote it."""
    if CONTENTS not in there or CHECKSUMS not in there:
        return None
    return Contents.from_json(repo.read(CONTENTS, sha), f"{repo.id} at {sha[:8]}")


def _licensed_only(contents: Contents) -> Contents:
    left = contents.unlicensed()
    names = {table.table for table in left}
    kept = tuple(mart for mart in contents.marts if mart.name not in names)
    return replace(
        contents,
        version=contents.version + LICENSED_SUFFIX,
        marts=kept,
        left_out=left,
        has_paper_files=contents.has_paper_files and not PAPER_MARTS & names,
        # The report shows single records of every source.
        pages=tuple(p for p in contents.pages if not (left and p.startswith(f"{REPORT}/"))),
        figures={} if left else contents.figures,
    )


def _count(
    folder: Path,
    repo: HubRepo,
    sha: str,
    there: dict[str, RemoteFile],
    last: Contents,
    new: Contents,
) -> tuple[TableChanges, ...]:
    """Compare each table that differs with the published one, which is downloaded for it."""
    changes = []
    before = {mart.name: mart for mart in last.marts}
    scratch = folder.parent / ".previous"
    with storage_errors(scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            for mart in new.marts:
                old = there.get(f"data/{mart.name}.parquet")
                if mart.name not in before or old is None:
                    changes.append(TableChanges(mart.name, mart.rows, 0, 0, "new table"))
                    continue
                local = hashed(f"data/{mart.name}.parquet", folder / f"data/{mart.name}.parquet")
                if local.is_as(old):
                    continue
                copy = scratch / f"{mart.name}.parquet"
                found = repo.digest(local.path, sha, copy)
                if old.sha256 and found != old.sha256:
                    raise PublishFailed(_other_bytes(repo, local.path, sha))
                changes.append(count_changes(copy, folder / local.path, mart))
                copy.unlink()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    names = {mart.name for mart in new.marts}
    left_out = {left.table for left in new.left_out}
    changes += [
        TableChanges(
            mart.name, 0, 0, mart.rows, "left out" if mart.name in left_out else "table removed"
        )
        for mart in last.marts
        if mart.name not in names
    ]
    return tuple(sorted(changes, key=lambda change: change.table))


def _edited_texts(
    repo: HubRepo, sha: str, there: dict[str, RemoteFile], known: dict[str, str]
) -> tuple[str, ...]:
    """Return the release's texts that others edited since."""
    texts = [path for path in (CARD, CONTENTS) if path in known and path in there]
    return tuple(path for path in texts if repo.digest(path, sha) != known[path])


def _may_be_ours(path: str) -> bool:
    """Tell whether a release writes files of this path, whatever a list on the Hub says."""
    ours = ("data/", "paper/", f"{REPORT}/", f"{DOCS}/")
    return path.startswith(ours) or path in (CARD, CONTENTS, CHECKSUMS)


def _title(version: str) -> str:
    return f"Release {version}"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def _other_visibility(repo: HubRepo, public: bool) -> str:
    if public:
        return (
            f"{repo.id} is private, and --public was asked for: make it public in its settings "
            f"({repo.url}/settings), or leave --public out. Nothing was changed."
        )
    return (
        f"{repo.id} is public, and without --public nothing is published where anyone sees it: "
        f"give --public, or make it private in its settings ({repo.url}/settings)."
    )


def _other_bytes(repo: HubRepo, path: str, sha: str) -> str:
    return f"The Hub serves other bytes for {path} of {repo.id} at {sha[:8]} than it lists."
