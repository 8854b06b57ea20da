"""What can go wrong between the crawler and the Hub."""

from modelstrata.errors import ModelstrataError


class HubError(ModelstrataError):
    """The crawl cannot go on; what it has is kept."""


class HubDown(HubError):
    """The Hub has not answered for longer than the crawl's patience."""


class CrawlInProgress(HubError):
    """Another crawl holds the crawl folder's lock."""


class Stopped(HubError):
    """The crawl was asked to stop."""

    def __init__(self) -> None:
        super().__init__("The crawl was stopped; run the same command again to go on.")


class Refused(HubError):
    """The Hub refuses a request for good.

    Attributes:
        http_status: the answer's status.
    """

    def __init__(self, message: str, http_status: int):
        super().__init__(message)
        self.http_status = http_status


class PassingError(Exception):
    """One request failed in a way that may pass.

    Attributes:
        code: a short name of what happened, such as `http_503`, `timeout` or `cut_body`.
        http_status: the answer's status, if there was an answer.
        retry_after_s: seconds that the server asked to wait; 0 if it did not.
    """

    def __init__(self, code: str, http_status: int | None = None, retry_after_s: float = 0.0):
        super().__init__(code)
        self.code = code
        self.http_status = http_status
        self.retry_after_s = retry_after_s
