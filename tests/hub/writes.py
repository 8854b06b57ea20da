"""Writing: repos, card validation, preupload, commits, settings, and who asks."""

from typing import Any

import orjson
import pathspec
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modelstrata.model_ids import is_model_id
from tests.hub.encoding import json_response
from tests.hub.errors import HubError, entry_not_found
from tests.hub.listing import caller_of, kind_of
from tests.hub.repos import Blob, Kind, Repo
from tests.hub.state import Account, State
from tests.hub.trees import decoded
from tests.hub.xet import stored

#: As the Hub: what a preupload call may ask about at once.
MAX_PREUPLOAD_FILES = 256


class Writes:
    """Handlers of everything that changes a repo."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of this concern."""
        repo = "/api/{kind:segment}/{id:repo}"
        return [
            Route("/api/whoami-v2", self.whoami),
            Route("/api/validate-yaml", self.validate_yaml, methods=["POST"]),
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route("/api/repos/delete", self.delete, methods=["DELETE"]),
            Route("/api/repos/move", self.move, methods=["POST"]),
            Route(f"{repo}/settings", self.settings, methods=["PUT"]),
            Route(f"{repo}/auth-check", self.auth_check),
            Route(f"{repo}/preupload/{{revision:segment}}", self.preupload, methods=["POST"]),
            Route(f"{repo}/commit/{{revision:segment}}", self.commit, methods=["POST"]),
        ]

    def _account(self, request: Request) -> Account:
        account = caller_of(request).account
        if account is None:
            raise HubError(401, "Invalid username or password.")
        return account

    def _writable(self, request: Request) -> Repo:
        account = caller_of(request).account
        return self.state.writable(kind_of(request), request.path_params["id"], account)

    async def whoami(self, request: Request) -> Response:
        """Tell whose token it is."""
        account = self._account(request)
        return json_response(
            {
                "type": "user",
                "name": account.name,
                "fullname": account.name.title(),
                "isPro": account.tier == "pro",
                "orgs": [{"type": "org", "name": org, "fullname": org} for org in account.orgs],
                "auth": {
                    "type": "access_token",
                    "accessToken": {"displayName": "test", "role": account.role},
                },
            }
        )

    async def validate_yaml(self, request: Request) -> Response:
        """Check the metadata on top of a README.md."""
        content = orjson.loads(await request.body())["content"]
        errors: list[dict[str, str]] = []
        warnings: list[dict[str, str]] = []
        parts = content.split("---\n", 2)
        try:
            card = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
            if card is None:
                warnings.append({"message": "empty or missing yaml metadata in repo card"})
            elif not isinstance(card, dict):
                errors.append({"message": "metadata must be an object"})
        except yaml.YAMLError as error:
            errors.append({"message": str(error)})
        return json_response({"errors": errors, "warnings": warnings}, 400 if errors else 200)

    async def create(self, request: Request) -> Response:
        """Create a repo; 409 with its url if there is one."""
        account = self._account(request)
        asked = orjson.loads(await request.body())
        kind: Kind = asked.get("type") or "model"
        if kind not in ("model", "dataset"):
            raise HubError(400, f"This Hub has no {kind} repos")
        repo_id = f"{asked.get('organization') or account.name}/{asked['name']}"
        if not is_model_id(repo_id):
            raise HubError(400, f"Invalid repo name: {repo_id}")
        if not account.may_write(repo_id):
            space = repo_id.split("/")[0]
            message = f'You don\'t have the rights to create a {kind} under the namespace "{space}"'
            raise HubError(403, message)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.state.add(kind, repo_id, private=private, author=account.name)
        url = f"{self.state.url}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"
        return json_response({"url": url, "name": repo_id, "private": private})

    async def delete(self, request: Request) -> Response:
        """Remove a repo."""
        account = self._account(request)
        asked = orjson.loads(await request.body())
        kind: Kind = asked.get("type") or "model"
        repo_id = f"{asked.get('organization') or account.name}/{asked['name']}"
        self.state.writable(kind, repo_id, account)
        self.state.remove(kind, repo_id)
        return Response("OK")

    async def move(self, request: Request) -> Response:
        """Rename a repo."""
        account = self._account(request)
        asked = orjson.loads(await request.body())
        kind: Kind = asked.get("type") or "model"
        self.state.writable(kind, asked["fromRepo"], account)
        self.state.rename(kind, asked["fromRepo"], asked["toRepo"])
        return Response("OK")

    async def settings(self, request: Request) -> Response:
        """Set visibility and gate."""
        repo = self._writable(request)
        asked = orjson.loads(await request.body())
        if "visibility" in asked or "private" in asked:
            repo.private = asked.get("visibility") == "private" or bool(asked.get("private"))
        repo.gated = asked.get("gated", repo.gated)
        return json_response({"private": repo.private, "gated": repo.gated})

    async def auth_check(self, request: Request) -> Response:
        """Say whether the asker may read the repo's files."""
        account = caller_of(request).account
        self.state.readable(kind_of(request), request.path_params["id"], account, content=True)
        return Response("OK")

    async def preupload(self, request: Request) -> Response:
        """Say of each file how to send it, whether to ignore it, and what lies there now."""
        repo = self._writable(request)
        commit = repo.commit_at(request.path_params["revision"])
        asked = orjson.loads(await request.body())
        if len(asked["files"]) > MAX_PREUPLOAD_FILES:
            raise HubError(400, f"At most {MAX_PREUPLOAD_FILES} files a call")
        there = commit.files.get(".gitignore")
        lines = asked.get("gitIgnore") or (there.content or b"" if there else b"").decode()
        ignored = pathspec.GitIgnoreSpec.from_lines(lines.splitlines())
        files = []
        for file in asked["files"]:
            blob = commit.files.get(file["path"])
            lfs = self.state.is_lfs(file["path"], file["size"])
            answer: dict[str, Any] = {
                "path": file["path"],
                "uploadMode": "lfs" if lfs else "regular",
                "shouldIgnore": ignored.match_file(file["path"]),
            }
            files.append(answer if blob is None else {**answer, "oid": blob.etag})
        return json_response({"files": files, "commitOid": commit.sha})

    async def commit(self, request: Request) -> Response:
        """Apply all operations of a commit, or none."""
        account = self._account(request)
        repo = self._writable(request)
        branch = request.path_params["revision"]
        if request.query_params.get("create_pr"):
            raise HubError(501, "This Hub has no pull requests")
        lines = [orjson.loads(line) for line in (await request.body()).splitlines() if line]
        header = lines[0]["value"]
        with repo.lock:
            if branch not in repo.branches:
                raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
            base = repo.commit_at(branch)
            files = dict(base.files)
            for line in lines[1:]:
                self._apply(files, line["key"], line["value"], base.sha)
            commit = repo.commit(
                files,
                branch=branch,
                parent=header.get("parentCommit"),
                title=header["summary"],
                message=header.get("description", ""),
                author=account.name,
            )
        prefix = "datasets/" if repo.kind == "dataset" else ""
        url = f"{self.state.url}/{prefix}{repo.id}/commit/{commit.sha}"
        body = {"success": True, "commitOid": commit.sha, "commitUrl": url, "hookOutput": ""}
        return json_response(body)

    def _apply(self, files: dict[str, Blob], key: str, value: dict[str, Any], sha: str) -> None:
        path = value["path"]
        if key == "file":
            files[path] = Blob.of(decoded(value["content"], value.get("encoding", "utf-8")))
        elif key == "lfsFile":
            content = self.state.lfs.get(value["oid"])
            if content is None and self.state.xet_folder is not None:
                content = stored(self.state.xet_folder, value["oid"], value["size"])
                if content is not None:
                    self.state.lfs[value["oid"]] = content
            if content is None:
                raise HubError(400, f"LFS pointer pointed to a file that does not exist: {path}")
            files[path] = Blob(len(content), content, value["oid"])
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise entry_not_found(sha, f"A file with this name doesn't exist: {path}")
        elif key == "deletedFolder":
            below = [name for name in files if name.startswith(f"{path.rstrip('/')}/")]
            if not below:
                raise entry_not_found(sha, f"A folder with this name doesn't exist: {path}")
            for name in below:
                del files[name]
        else:
            raise HubError(400, f"Unknown operation {key}")
