"""Which models a crawl is about."""

import itertools
import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from extract.hub.errors import HubError
from modelstrata.model_ids import is_model_id

#: Models a page; the Hub gives no more.
PAGE_SIZE = 1000
#: What the marts read of a listing, and what tells a crawl whether and where there is a config.
EXPAND = (
    "author",
    "baseModels",
    "cardData",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "evalResults",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "model-index",
    "pipeline_tag",
    "safetensors",
    "sha",
    "siblings",
    "tags",
)


@dataclass(frozen=True)
class Scope:
    """What is asked for; without any part it is every model of the Hub.

    Attributes:
        pipeline_tag: only models of this task, such as `text-generation`.
        author: only models of this user or organisation.
        since: only models that were modified on or after this day (UTC).
        min_downloads: only models with at least so many downloads in 30 days.
        limit: the first so many models.
        ids_file: a text file with one model id a line; `#` begins a comment.
        page_size: models a page.

    Raises:
        HubError: a part cannot be meant, or does not go with another.
    """

    pipeline_tag: str | None = None
    author: str | None = None
    since: date | None = None
    min_downloads: int | None = None
    limit: int | None = None
    ids_file: Path | None = None
    page_size: int = PAGE_SIZE

    def __post_init__(self) -> None:
        if self.author is not None and (not is_model_id(self.author) or "/" in self.author):
            raise HubError(f"{self.author!r} is no name of a user or organisation.")
        for name in ("min_downloads", "limit", "page_size"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise HubError(f"{name} is {number}: it must be 1 or more.")
        filters = (self.pipeline_tag, self.author, self.since, self.min_downloads)
        if self.ids_file is not None and any(part is not None for part in filters):
            raise HubError(f"{self.ids_file} names the models: it goes with a limit only.")

    @property
    def key(self) -> str:
        """A text that is the same for the same scope, so that a stopped crawl is found again."""
        parts = {name: str(value) for name, value in asdict(self).items() if value is not None}
        del parts["page_size"]
        return json.dumps(parts, sort_keys=True)

    @property
    def is_closed(self) -> bool:
        """Whether a whole listing shows every model of the scope, so that absence means much."""
        open_ends = (self.since, self.min_downloads, self.limit, self.ids_file)
        return all(part is None for part in open_ends)

    @property
    def sort(self) -> str:
        """The order of pages.

        What does not change keeps pages from shifting under a crawl. Bounds that the Hub cannot
        filter by are its sort keys, so that the listing can end where they are passed.
        """
        if self.since is not None:
            return "lastModified"
        return "createdAt" if self.min_downloads is None else "downloads"

    def query(self, expand: tuple[str, ...] = EXPAND) -> list[tuple[str, str]]:
        """Return the query of the listing's first page."""
        query = [("expand", name) for name in expand]
        query += [("limit", str(min(self.page_size, self.limit or PAGE_SIZE))), ("sort", self.sort)]
        if self.author is not None:
            query.append(("author", self.author))
        if self.pipeline_tag is not None:
            query.append(("pipeline_tag", self.pipeline_tag))
        return query

    def holds(self, listed: dict[str, Any]) -> bool:
        """Tell whether a listed model is within the bounds that the Hub does not filter by."""
        if self.since is not None:
            modified = _time(listed.get("lastModified"))
            if modified is not None and modified.date() < self.since:
                return False
        if self.min_downloads is not None:
            downloads = listed.get("downloads")
            return isinstance(downloads, int) and downloads >= self.min_downloads
        return True

    def is_passed(self, page: list[dict[str, Any]]) -> bool:
        """Tell whether all further pages lie beyond a bound, because the page is in its order."""
        if not page or (self.since is None and self.min_downloads is None):
            return False
        keys = [listed.get(self.sort) for listed in page]
        if self.sort == "lastModified":
            keys = [_time(key) for key in keys]
        whole = [key for key in keys if key is not None]
        if len(whole) < len(keys) or any(a < b for a, b in itertools.pairwise(whole)):
            return False
        bound = {"lastModified": page[-1].get("lastModified"), "downloads": whole[-1]}
        return not Scope(
            since=self.since if self.sort == "lastModified" else None,
            min_downloads=self.min_downloads if self.sort == "downloads" else None,
        ).holds(bound)

    def describe(self) -> str:
        """Say it in words."""
        if self.ids_file is not None:
            return f"the ids in {self.ids_file}"
        words = [f"{self.pipeline_tag} models" if self.pipeline_tag else "models"]
        words += [f"of {self.author}"] if self.author else []
        words += [f"modified since {self.since}"] if self.since else []
        words += [f"with at least {self.min_downloads:,} downloads"] if self.min_downloads else []
        words = [f"the first {self.limit:,}", *words] if self.limit else ["all", *words]
        return " ".join(words)


def read_ids(path: Path) -> list[str]:
    """Return the ids of a list, one a line, without comments, blank lines and repetitions.

    Raises:
        HubError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise HubError(f"{path} cannot be read ({error.strerror}): check --ids.") from error
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def parse_day(text: str) -> date:
    """Return the day that a text such as `2026-11-01` names.

    Raises:
        HubError: it names none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HubError(f"since is {text!r}: give a day, such as 2026-11-01.") from None


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
