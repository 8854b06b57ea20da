"""The token routes of Xet storage, with a folder of this machine in place of its servers.

`local://` as the storage's address is an undocumented habit of hf_xet (seen with 1.8.0).
"""

import struct
import tempfile
import time
from pathlib import Path

import hf_xet
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


def stored(folder: str, oid: str, size: int) -> bytes | None:
    """Return the content of SHA-256 `oid` that was uploaded into the folder; None if none was."""
    found = next((h for p in Path(folder).rglob("*.mdb") if (h := _file_hash(p, oid))), None)
    if found is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "content"
        with hf_xet.XetSession().new_file_download_group(endpoint=f"local://{folder}") as group:
            group.start_download_file(hf_xet.XetFileInfo(found, size), str(target))
        return target.read_bytes()


def _file_hash(shard: Path, oid: str) -> str | None:
    """Look up Xet's hash of a file by its SHA-256 in a shard's section of files.

    Records are 48 bytes. A file is a head (hash, flags, number of segments), its segments, as many
    verifications if flag 31 is set, and the SHA-256 if flag 30 is; 32 times 0xff end the section.
    """
    raw, start = shard.read_bytes(), 48
    while raw[start : start + 32] != b"\xff" * 32:
        flags, segments = struct.unpack("<II", raw[start + 32 : start + 40])
        end = start + 48 * (1 + segments * (1 + (flags >> 31)))
        if flags >> 30 & 1:
            if _hex(raw[end : end + 32]) == oid:
                return _hex(raw[start : start + 32])
            end += 48
        start = end
    return None


def _hex(raw: bytes) -> str:
    """Write a hash as Xet does, which keeps it as four little-endian numbers."""
    return b"".join(raw[i : i + 8][::-1] for i in range(0, 32, 8)).hex()
