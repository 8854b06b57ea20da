"""The token routes of Xet storage, with a folder of this machine in place of its servers.

`local://` as the storage's address is an undocumented habit of hf_xet (seen with 1.8.0).
"""

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.encoding import json_response
from tests.hub.errors import HubError
from tests.hub.listing import caller_of, kind_of
from tests.hub.state import State


class Xet:
    """Handlers of Xet tokens; without `xet_folder` there is no Xet here."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of this concern."""
        repo = "/api/{kind:segment}/{id:repo}"
        return [
            Route(f"{repo}/xet-write-token/{{revision:segment}}", self.write_token),
            Route(f"{repo}/xet-read-token/{{revision:segment}}", self.read_token),
        ]

    async def write_token(self, request: Request) -> Response:
        """Give a token for uploads."""
        account = caller_of(request).account
        self.state.writable(kind_of(request), request.path_params["id"], account)
        return self._token()

    async def read_token(self, request: Request) -> Response:
        """Give a token for downloads."""
        account = caller_of(request).account
        self.state.readable(kind_of(request), request.path_params["id"], account, content=True)
        return self._token()

    def _token(self) -> Response:
        if self.state.xet_folder is None:
            raise HubError(404, "Xet is not enabled for this repo")
        expires = int(time.time()) + 3600
        url = f"local://{self.state.xet_folder}"
        headers = {
            "X-Xet-Cas-Url": url,
            "X-Xet-Access-Token": "xet",
            "X-Xet-Token-Expiration": str(expires),
        }
        return json_response({"casUrl": url, "exp": expires, "accessToken": "xet"}, headers=headers)
