"""What tests do to a running Hub: add, change, remove and gate repos, set faults, read the log."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.encoding import json_response
from tests.hub.faults import Fault
from tests.hub.generated import GeneratedModel
from tests.hub.limits import Bucket
from tests.hub.listing import MODEL_FIELDS, described
from tests.hub.repos import Gate, Kind, Repo
from tests.hub.state import Account, State

File = bytes | str


class Control:
    """The Hub's owner. Every method takes and gives plain data, so that it works from afar too."""

    def __init__(self, state: State) -> None:
        self.state = state

    # Repos

    def add_model(
        self,
        model_id: str,
        config: Mapping[str, Any] | File | None = None,
        *,
        files: Mapping[str, File] | None = None,
        gated: Gate = False,
        private: bool = False,
        **info: Any,
    ) -> str:
        """Add a model and return its sha.

        Args:
            model_id: its id.
            config: config.json, as an object or as it is to be served; None for no such file.
            files: further files.
            gated: False, `auto` or `manual`.
            private: whether only its owner sees it.
            **info: fields of the API, under their names there with `_` for `-`: `downloads`,
                `lastModified`, `tags`, `evalResults`, `model_index`, `safetensors`, `sha`, …
        """
        content = {path: _bytes(data) for path, data in (files or {}).items()}
        if config is not None:
            raw = config if isinstance(config, bytes | str) else orjson.dumps(dict(config))
            content["config.json"] = _bytes(raw)
        named = {
            name if name in MODEL_FIELDS else name.replace("_", "-"): v for name, v in info.items()
        }
        return self.state.add(
            "model", model_id, content, gated=gated, private=private, info=named
        ).head.sha

    def add_dataset(
        self,
        dataset_id: str,
        files: Mapping[str, File] | None = None,
        *,
        gated: Gate = False,
        private: bool = False,
        **info: Any,
    ) -> str:
        """Add a dataset and return its sha; the tag `benchmark:official` makes it a benchmark."""
        content = {path: _bytes(data) for path, data in (files or {}).items()}
        return self.state.add(
            "dataset", dataset_id, content, gated=gated, private=private, info=info
        ).head.sha

    def commit(
        self, repo_id: str, files: Mapping[str, File | None], *, kind: Kind = "model"
    ) -> str:
        """Write files of a repo, or delete those whose content is None; return the new sha."""
        repo = self.state.own(kind, repo_id)
        with repo.lock:
            tree = dict(repo.head.files)
            for path, data in files.items():
                if data is None:
                    tree.pop(path, None)
                else:
                    tree[path] = self.state.blob(path, _bytes(data))
            return repo.commit(tree).sha

    def update(self, repo_id: str, *, kind: Kind = "model", **info: Any) -> None:
        """Set fields of the API (`downloads=7`), or `gated`, `private`, `disabled`."""
        repo = self.state.own(kind, repo_id)
        for name, value in info.items():
            if name in ("gated", "private", "disabled"):
                setattr(repo, name, value)
            else:
                repo.info[name if name in MODEL_FIELDS else name.replace("_", "-")] = value

    def remove(self, repo_id: str, *, kind: Kind = "model") -> None:
        """Remove a repo."""
        self.state.remove(kind, repo_id)

    def rename(self, old: str, new: str, *, kind: Kind = "model") -> None:
        """Rename a repo; the old id redirects."""
        self.state.rename(kind, old, new)

    def model_ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return ids of generated models by index; also of those removed since."""
        generated = self.state.generated
        stop = generated.count if stop is None else stop
        return [generated[index].id for index in range(start, stop)]

    def describe(self, repo_id: str, *, kind: Kind = "model") -> dict[str, Any]:
        """Return every field of the API that the repo has, and its file names."""
        found = self.state.find(kind, repo_id)
        if found is None:
            raise KeyError(repo_id)
        return described(self.state, found, sorted(MODEL_FIELDS))

    def read(
        self, repo_id: str, path: str, *, kind: Kind = "model", revision: str = "main"
    ) -> bytes:
        """Return a file's content, also of LFS objects that were uploaded."""
        found = self.state.find(kind, repo_id)
        if found is None:
            raise KeyError(repo_id)
        repo = found.to_repo() if isinstance(found, GeneratedModel) else found
        _, blob = repo.blob_at(revision, path)
        return self.state.lfs.get(blob.lfs_oid or "", blob.content or b"")

    def commits(self, repo_id: str, *, kind: Kind = "dataset") -> list[dict[str, Any]]:
        """List the commits of `main`, newest first: sha, title, author, and paths with etags."""
        repo: Repo = self.state.own(kind, repo_id)
        chain, sha = [], repo.branches.get("main")
        while sha is not None:
            commit = repo.commits[sha]
            files = {path: blob.etag for path, blob in commit.files.items()}
            chain.append(
                {"sha": sha, "title": commit.title, "author": commit.author, "files": files}
            )
            sha = commit.parent
        return chain

    # Accounts

    def add_account(
        self,
        name: str,
        token: str,
        *,
        tier: str = "free",
        orgs: Sequence[str] = (),
        role: str = "write",
        granted: Sequence[str] = (),
    ) -> None:
        """Add a user with a token; `granted` are the gated repos that it may read."""
        self.state.accounts[token] = Account(name, token, tier, tuple(orgs), role, set(granted))

    def grant(self, token: str, repo_id: str) -> None:
        """Let an account read a gated repo."""
        self.state.accounts[token].granted.add(repo_id)

    # Faults

    def add_fault(self, kind: str, match: str = "", **values: Any) -> None:
        """Add a rule; `faults.Fault` tells the kinds and the values."""
        self.state.faults.append(Fault.from_dict({"kind": kind, "match": match, **values}))

    def faults(self) -> list[dict[str, Any]]:
        """List the rules, with how often each matched and fired."""
        return [fault.as_dict() for fault in self.state.faults]

    def clear_faults(self) -> None:
        """Remove all rules."""
        self.state.faults.clear()

    # What was seen

    def requests(self, match: str | None = None) -> list[dict[str, Any]]:
        """List the requests seen, oldest first; `match` is a part of the path."""
        log = [entry.as_dict() for entry in list(self.state.log)]
        return log if match is None else [entry for entry in log if match in entry["path"]]

    def clear_log(self) -> None:
        """Forget the requests seen."""
        self.state.log.clear()

    def counters(self) -> dict[str, dict[str, int]]:
        """Return the requests permitted and refused by the rate limit, by bucket."""
        limits = self.state.limits
        return {
            bucket: {"permitted": limits.permitted[bucket], "refused": limits.refused[bucket]}
            for bucket in get_args(Bucket)
        }

    def leaked_tokens(self) -> list[dict[str, Any]]:
        """List the requests to the other host that carried an `Authorization` header."""
        return [r for r in self.requests() if r["host"] == "other" and r["authorization"]]

    def set(self, **values: Any) -> None:
        """Set sizes and habits: `lfs_threshold`, `multipart_threshold`, `part_size`, …"""
        for name, value in values.items():
            if callable(getattr(self.state, name)):
                raise AttributeError(name)
            setattr(self.state, name, value)


METHODS = frozenset(name for name in vars(Control) if not name.startswith("_"))


def _bytes(data: File) -> bytes:
    return data.encode() if isinstance(data, str) else data


def pack(value: Any) -> bytes:
    """Return plain data as JSON; bytes become `{"$bytes": base64}`."""
    return orjson.dumps(_packed(value))


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {key: _packed(item) for key, item in value.items()}
    return [_packed(item) for item in value] if isinstance(value, list | tuple) else value


def unpack(data: bytes) -> Any:
    """Return what `pack` was given."""
    return _unpacked(orjson.loads(data))


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {key: _unpacked(item) for key, item in value.items()}
    return [_unpacked(item) for item in value] if isinstance(value, list) else value


class Admin:
    """Routes by which the Hub's owner works from afar; they are neither logged nor limited."""

    def __init__(self, control: Control) -> None:
        self.control = control

    def routes(self) -> list[Route]:
        """Return the routes of this concern."""
        return [
            Route("/_faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_requests", self.requests),
            Route("/_counters", self.counters),
            Route("/_call/{method:segment}", self.call, methods=["POST"]),
        ]

    async def faults(self, request: Request) -> Response:
        """GET lists the rules, POST adds one or a list of them, DELETE removes all."""
        if request.method == "POST":
            rules = orjson.loads(await request.body())
            try:
                for rule in rules if isinstance(rules, list) else [rules]:
                    self.control.state.faults.append(Fault.from_dict(rule))
            except (TypeError, ValueError) as error:
                return json_response({"error": str(error)}, 400)
        elif request.method == "DELETE":
            self.control.clear_faults()
        return json_response(self.control.faults())

    async def requests(self, request: Request) -> Response:
        """List the requests seen."""
        return json_response(self.control.requests(request.query_params.get("match")))

    async def counters(self, request: Request) -> Response:
        """Return the counters."""
        return json_response(self.control.counters())

    async def call(self, request: Request) -> Response:
        """Call a method of `Control`."""
        name = request.path_params["method"]
        if name not in METHODS:
            return json_response({"error": f"no method {name}"}, 404)
        arguments = unpack(await request.body())
        try:
            result = getattr(self.control, name)(*arguments["args"], **arguments["kwargs"])
        except Exception as error:
            return json_response({"error": f"{type(error).__name__}: {error}"}, 400)
        return Response(pack(result), media_type="application/json")
