"""What a crawl is about: where it stands, a model as it is listed, what came of its config."""

from dataclasses import dataclass


@dataclass
class Crawl:
    """One crawl of a scope.

    Attributes:
        number: counts up over all crawls.
        next_path: path and query of the next page; None before the first.
        is_listed: whether the last page was taken.
        pages: pages taken.
        models: models on them.
        is_resumed: whether an earlier run began it.
    """

    number: int
    next_path: str | None
    is_listed: bool
    pages: int
    models: int
    is_resumed: bool


@dataclass(frozen=True)
class Listed:
    """A model as a listing shows it.

    Attributes:
        key: its id, or for an object without a usable id a text that no model has.
        model_id: its id as stated.
        sha: commit of its main branch.
        facts: digest of the object without its counts.
        counts: digest of downloads and likes.
        pipeline_tag: its task.
        gated: how it is gated, as text.
        has_config: whether a config.json can be asked for.
        status: `ok`, or why the object cannot be used.
        body: the object's own bytes.
        is_text: whether they are UTF-8.
    """

    key: str
    model_id: str
    sha: str | None
    facts: bytes
    counts: bytes
    pipeline_tag: str | None
    gated: str
    has_config: bool
    status: str
    body: bytes
    is_text: bool


@dataclass(frozen=True)
class Outcome:
    """What came of asking for one config.

    Attributes:
        status: `ok`, `gated`, `missing`, `renamed`, `too_large`, `not_json`, `invalid_id` or
            `error`.
        body: the file; None where there is none.
        is_text: whether it is UTF-8.
        may_pass: whether asking again later could help.
        retry_after_s: seconds that the server asked to wait before that.
    """

    model_id: str
    sha: str
    status: str
    http_status: int | None = None
    error_code: str | None = None
    etag: str | None = None
    size: int | None = None
    body: bytes | None = None
    is_text: bool = True
    renamed_to: str | None = None
    may_pass: bool = False
    retry_after_s: float = 0.0
