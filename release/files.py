"""The files of a version: those of the release folder, and the texts made for its repo."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelstrata.errors import ModelstrataError
from release.card import data_card
from release.contents import CARD, CHECKSUMS, CONTENTS, Contents
from release.folder import checksums, read_checksums
from release.hub_repo import RemoteFile
from release.paper import PAPER_FILES


@dataclass(frozen=True)
class LocalFile:
    """A file to be in the repo: its bytes or where they are, and its hashes."""

    path: str
    data: Path | bytes
    size: int
    sha256: str
    git_oid: str

    def is_as(self, there: RemoteFile | None) -> bool:
        """Tell whether the Hub holds the same bytes."""
        if there is None:
            return False
        return there.sha256 == self.sha256 if there.sha256 else there.git_oid == self.git_oid


def checked_folder(folder: Path) -> dict[str, str]:
    """Return the folder's checksums after comparing each file with them."""
    try:
        listed = read_checksums((folder / CHECKSUMS).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelstrataError(
            f"{folder} is no release folder: run `python -m release`."
        ) from error
    for path, digest in listed.items():
        file = folder / path
        if not file.is_file() or hashed(path, file).sha256 != digest:
            raise ModelstrataError(
                f"{file} is not what {CHECKSUMS} lists: remove {folder} and run "
                "`python -m release`."
            )
    return listed


def version_files(
    folder: Path, listed: dict[str, str], contents: Contents
) -> tuple[LocalFile, ...]:
    """Return every file of a version, the texts made for its repo."""
    paths = [f"data/{mart.name}.parquet" for mart in contents.marts]
    paths += [f"paper/{name}" for name in PAPER_FILES] if contents.has_paper_files else []
    paths += contents.pages
    files = [hashed(path, folder / path) for path in paths]
    files.append(hashed(CARD, data_card(contents).encode()))
    files.append(hashed(CONTENTS, contents.to_json()))
    digests = {file.path: file.sha256 for file in files}
    if any(listed.get(path) != digests[path] for path in paths):
        raise ModelstrataError(f"{folder} changed while it was read: run the same command again.")
    files.append(hashed(CHECKSUMS, checksums(digests).encode()))
    return tuple(sorted(files, key=lambda file: file.path))


def hashed(path: str, data: Path | bytes) -> LocalFile:
    """Return a file with its size and hashes; `data` is its content or where that is."""
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    sha256 = hashlib.sha256()
    git = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    for piece in _pieces(data):
        sha256.update(piece)
        git.update(piece)
    return LocalFile(path, data, size, sha256.hexdigest(), git.hexdigest())


def _pieces(data: Path | bytes) -> Iterable[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
