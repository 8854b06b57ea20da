"""`release.json`: what a release holds, for programs; the data card says the same to people."""

from dataclasses import field
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from modelstrata.errors import ModelstrataError
from release.catalog import Mart, Source

CONTENTS = "release.json"
CARD = "README.md"
CHECKSUMS = "SHA256SUMS"
#: Left out by the switch; a version without these tables is a version of its own.
LICENSED_SUFFIX = "-licensed"
#: As the seed `data_sources` writes it.
NO_LICENSE = "none stated"


@dataclass(frozen=True)
class TableChanges:
    """Rows of a table that differ from the previous version's, by primary key.

    Attributes:
        table: the mart.
        added: rows whose key is new.
        changed: rows whose key was there with other values.
        removed: rows whose key is gone.
        note: what else is to know, such as columns that came or went.
    """

    table: str
    added: int
    changed: int
    removed: int
    note: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A table that is not in the release, and why."""

    table: str
    reason: str


@dataclass(frozen=True)
class Contents:
    """A release: its version, tables, sources, what was left out, and what changed.

    Attributes:
        repo: the dataset repo `owner/name`; empty for a folder of this machine.
        previous: the version that `changes` compares with; empty for the first one.
        pages: paths of the report, its figures and the documentation, as far as they ship.
        figures: titles of the figures, by id.
    """

    version: str
    marts: tuple[Mart, ...]
    sources: tuple[Source, ...]
    has_paper_files: bool
    repo: str = ""
    previous: str = ""
    changes: tuple[TableChanges, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    pages: tuple[str, ...] = ()
    figures: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the file's text; the same contents give the same bytes."""
        return _CONTENTS.dump_json(self, indent=1) + b"\n"

    @classmethod
    def from_json(cls, raw: bytes, where: str) -> Self:
        """Read the file.

        Raises:
            ModelstrataError: it is no such file; the message names `where`.
        """
        try:
            return _CONTENTS.validate_json(raw)  # type: ignore[return-value]
        except ValidationError as error:
            raise ModelstrataError(
                f"{CONTENTS} of {where} cannot be read ({error.errors()[0]['msg']}): restore it, "
                "from the repo's history or by `python -m release`."
            ) from error

    def unlicensed(self) -> tuple[LeftOut, ...]:
        """List the tables that quote a source without a stated license, each with the reason."""
        silent = {s.landing_table: s.source for s in self.sources if s.license == NO_LICENSE}
        left = []
        for mart in self.marts:
            if mart.quotes is None:
                left.append(LeftOut(mart.name, "nothing says what it quotes"))
                continue
            found = [f"{silent[name]} ({name})" for name in mart.quotes if name in silent]
            if found:
                left.append(LeftOut(mart.name, f"quotes {', '.join(found)}"))
        return tuple(left)


_CONTENTS = TypeAdapter(Contents)


def read_contents(folder: Path) -> Contents:
    """Read `release.json` of a release folder.

    Raises:
        ModelstrataError: there is none, or it cannot be read.
    """
    try:
        raw = (folder / CONTENTS).read_bytes()
    except OSError as error:
        raise ModelstrataError(
            f"{folder} holds no {CONTENTS} and is no whole release folder: remove it and run "
            "`python -m release`."
        ) from error
    return Contents.from_json(raw, str(folder))
