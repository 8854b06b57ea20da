"""`/api/datasets/{id}/leaderboard`: models ranked by the results that their repos hold."""

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.encoding import json_response
from tests.hub.errors import HubError
from tests.hub.listing import caller_of, repo_field
from tests.hub.repos import Repo
from tests.hub.state import AnyModel, State


class Leaderboards:
    """The handler of leaderboards."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of this concern."""
        return [Route("/api/datasets/{id:repo}/leaderboard", self.leaderboard)]

    async def leaderboard(self, request: Request) -> Response:
        """Rank models; those made from another are left out unless `base_model=false`."""
        dataset_id = request.path_params["id"]
        account = caller_of(request).account
        dataset = self.state.readable("dataset", dataset_id, account, content=True)
        if not isinstance(dataset, Repo) or "eval.yaml" not in dataset.head.files:
            raise HubError(404, f"Dataset {dataset_id} has no leaderboard")
        base_only = request.query_params.get("base_model", "true") in ("true", "True", "1")
        entries = [
            entry
            for model in self._evaluated()
            if not (base_only and _value(model, "baseModels"))
            for entry in _entries(model, dataset_id)
        ]
        entries.sort(key=lambda entry: -entry["value"])
        ranked = [{"rank": rank, **entry} for rank, entry in enumerate(entries, start=1)]
        return json_response(ranked)

    def _evaluated(self) -> Iterator[AnyModel]:
        generated, taken = self.state.generated, self.state.taken
        yield from (generated[i] for i in generated.evaluated() if i not in taken)
        for repo in list(self.state.repos.values()):
            if repo.kind == "model" and not repo.private:
                yield repo


def _value(model: AnyModel, name: str) -> Any:
    return repo_field(model, name, model.head) if isinstance(model, Repo) else model.field(name)


def _entries(model: AnyModel, dataset_id: str) -> Iterator[dict[str, Any]]:
    for result in _value(model, "evalResults") or []:
        data = result.get("data", {})
        value = data.get("value")
        if data.get("dataset", {}).get("id") != dataset_id or not isinstance(value, int | float):
            continue
        owner = model.id.split("/")[0]
        entry = {
            "modelId": model.id,
            "value": value,
            "filename": result["filename"],
            "verified": result.get("verified", False),
            "author": {"type": "org", "name": owner, "fullname": owner, "avatarUrl": ""},
        }
        optional = {"source": data.get("source"), "notes": data.get("notes")}
        yield entry | {name: kept for name, kept in optional.items() if kept is not None}
