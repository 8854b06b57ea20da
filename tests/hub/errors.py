"""What the Hub answers when it refuses: a status, `X-Error-Code` and `X-Error-Message`."""

from starlette.responses import Response

from tests.hub.encoding import json_response


class HubError(Exception):
    """A refusal that becomes a response with the Hub's error headers."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}
        self.body = body or {}

    def response(self) -> Response:
        """Return the response: the message stands in a header and in the body, as on the Hub."""
        latin = self.message.encode("latin-1", "replace").decode("latin-1")
        headers = {"X-Error-Message": latin, **self.headers}
        if self.code is not None:
            headers["X-Error-Code"] = self.code
        return json_response({"error": self.message, **self.body}, self.status, headers)


class Moved(Exception):
    """The repo has another id now; the answer is a redirect to the same path under that id."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"{old} is {new} now")
        self.old = old
        self.new = new


def repo_not_found(status: int = 404) -> HubError:
    """Return the refusal for a repo that is missing, or private and not the asker's."""
    return HubError(status, "Repository not found", "RepoNotFound")


def revision_not_found(revision: str) -> HubError:
    """Return the refusal for a branch, tag or commit that the repo does not have."""
    return HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(sha: str, message: str = "Entry not found") -> HubError:
    """Return the refusal for a file that the commit does not have; it names the commit."""
    return HubError(404, message, "EntryNotFound", {"X-Repo-Commit": sha})


def invalid_credentials() -> HubError:
    """Return the refusal of a token that the Hub does not know, also on public repos."""
    return HubError(401, "Invalid credentials in Authorization header")


def gated_repo(kind: str, repo_id: str, *, anonymous: bool) -> HubError:
    """Return the refusal of a gated repo's file: 401 without a token, 403 without a grant."""
    start = f"Access to {kind} {repo_id} is restricted"
    if anonymous:
        rest = " You must have access to it and be authenticated to access it. Please log in."
        return HubError(401, f"{start}.{rest}", "GatedRepo")
    rest = f"and you are not in the authorized list. Visit the page of {repo_id} to ask for access."
    return HubError(403, f"{start} {rest}", "GatedRepo")
