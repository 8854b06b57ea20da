"""The Hub as two ASGI applications: its own host, and the other host that serves LFS objects."""

from starlette.routing import Router
from starlette.types import ASGIApp

from tests.hub.control import Admin, Control
from tests.hub.gate import Gate
from tests.hub.leaderboards import Leaderboards
from tests.hub.lfs import Lfs
from tests.hub.listing import Listing
from tests.hub.resolve import Resolve
from tests.hub.state import State
from tests.hub.trees import Trees
from tests.hub.writes import Writes
from tests.hub.xet import Xet


def hub_app(state: State) -> ASGIApp:
    """Return the Hub's host."""
    # Starlette tries routes in this order; what a crawl asks for most comes first.
    resolve, listing = Resolve(state), Listing(state)
    routes = [
        *resolve.routes(),
        *Admin(Control(state)).routes(),
        *Lfs(state).routes(),
        *Writes(state).routes(),
        *Trees(state).routes(),
        *Xet(state).routes(),
        *Leaderboards(state).routes(),
        *listing.routes(),
    ]
    return Gate(Router(routes), state, "hub", limited=True)


def other_app(state: State) -> ASGIApp:
    """Return the other host, which has no rate limit and must never see a token."""
    routes = [*Resolve(state).other_routes(), *Lfs(state).other_routes()]
    return Gate(Router(routes), state, "other", limited=False)
