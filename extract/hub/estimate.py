"""What a crawl costs: requests, and hours on each kind of token."""

from collections.abc import Iterator
from typing import Any

from extract.hub.display import duration
from extract.hub.hub import Hub
from extract.hub.listing import first_path, get_page, listed_model
from extract.hub.scope import Scope, read_ids
from extract.hub.session import crawl_lock, open_state
from extract.hub.state import State
from modelstrata.settings import Settings

#: Requests in five minutes for listings and for files, by kind of token, as the Hub's documentation
#: gave them on 2026-11-21. A crawl itself follows the headers.
TIERS = {
    "anonymous": (500, 3_000),
    "free": (1_000, 5_000),
    "PRO": (2_500, 12_000),
    "Team": (3_000, 20_000),
    "Enterprise": (6_000, 50_000),
}
_WINDOW_S = 300.0
#: Models on the Hub in November 2026, and the share of text generation, until a crawl tells.
_ALL_MODELS = 2_750_000
_TEXT_GENERATION = 0.15
#: Share of repositories with a config.json, where no page has told yet.
_WITH_CONFIG = 0.9
#: Pages that an estimate itself may cost.
_PAGES = 10
_EXPAND = ("sha", "siblings", "lastModified", "downloads", "gated")


def estimate(settings: Settings, hub: Hub, scope: Scope) -> list[str]:
    """Say what a crawl of a scope costs, in lines of text.

    Up to ten pages are asked for; a larger scope is extrapolated from them.

    Raises:
        HubError: the Hub does not answer; another crawl is running.
    """
    with crawl_lock(settings):
        state = open_state(settings, hub)
        try:
            pages, configs, how = _count(state, hub, scope)
        finally:
            state.close()
    said = [
        f"{scope.describe()}: {pages:,} requests for the listing, about {configs:,} for configs",
        how,
        f"{'token':<12}{'listing':>12}{'configs':>12}{'together':>12}",
    ]
    for tier, (api, resolvers) in TIERS.items():
        listing_s, configs_s = pages / api * _WINDOW_S, configs / resolvers * _WINDOW_S
        spans = (listing_s, configs_s, listing_s + configs_s)
        said.append(f"{tier:<12}" + "".join(f"{duration(span):>12}" for span in spans))
    return said


def _count(state: State, hub: Hub, scope: Scope) -> tuple[int, int, str]:
    """Return requests for the listing and for configs, and how they were counted."""
    if scope.ids_file is not None:
        ids = read_ids(scope.ids_file)[: scope.limit]
        return len(ids), sum(not state.has_config(i) for i in ids), "one request each, as listed"
    seen = new = 0
    whole = False
    for number, page in enumerate(_pages(hub, scope), start=1):
        for key, sha, has_config, is_within in page:
            if is_within and (scope.limit is None or seen < scope.limit):
                seen += 1
                new += has_config and not state.has_config(key, sha)
        whole = number < _PAGES
    if whole or (scope.limit is not None and seen >= scope.limit):
        return max(1, -(-seen // scope.page_size)), new, f"counted: {seen:,} models"
    total = scope.limit or state.earlier_models(scope.key)
    source = "models as in the last crawl"
    if total is None:
        source = "models assumed for the whole scope, as of November 2026"
        total = round(_ALL_MODELS * (_TEXT_GENERATION if scope.pipeline_tag else 1))
    share = new / seen if seen else _WITH_CONFIG
    how = f"extrapolated: {total:,} {source}; {share:.0%} of the first {seen:,} need a config"
    return -(-total // scope.page_size), round(total * share), how


def _pages(hub: Hub, scope: Scope) -> Iterator[list[tuple[str, str | None, bool, bool]]]:
    def keep(text: str, value: Any) -> tuple[tuple[str, str | None, bool, bool], dict[str, Any]]:
        listed = listed_model(text, value)
        fields = value if isinstance(value, dict) else {}
        bounds = {name: fields.get(name) for name in ("lastModified", "downloads")}
        return (listed.key, listed.sha, listed.has_config, scope.holds(fields)), bounds

    path: str | None = first_path(scope, _EXPAND)
    for _ in range(_PAGES):
        if path is None:
            return
        page = get_page(hub, path, keep)
        yield [facts for facts, _ in page.objects]
        path = None if scope.is_passed([bounds for _, bounds in page.objects]) else page.next_path
