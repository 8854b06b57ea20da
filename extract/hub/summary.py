"""What a run of the crawler did."""

from collections import Counter
from dataclasses import dataclass, field

from extract.hub.batches import Batches
from extract.hub.hub import Hub


@dataclass
class Summary:
    """What a run did.

    Attributes:
        is_resumed: whether it went on with a crawl that was stopped.
        models: models that the crawl has listed in all.
        news: models and ids by what came of them in this run: `new`, `changed`, `recounted` (only
            downloads and likes moved), `absent` (leads nowhere, or elsewhere), `failed`.
        outcomes: configs asked for in this run, by status; `again` are tries that will be repeated.
        due: configs of the crawl's models that are still to be asked for.
        landed: rows by landing table.
        requests: requests sent, by bucket.
        refused: requests refused for the rate limit, by bucket.
        windows: (permits used, permits) of each whole window, by bucket.
        seconds: how long it took.
    """

    is_resumed: bool = False
    models: int = 0
    news: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    due: int = 0
    landed: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    windows: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def landing(self) -> int:
        """Models of the listing that land."""
        return sum(self.news[name] for name in ("new", "changed", "recounted"))

    @property
    def failed(self) -> int:
        """Models and configs that could not be had in all tries of this run."""
        return self.news["failed"] + self.outcomes["error"]

    def close(self, hub: Hub, batches: Batches, seconds: float) -> None:
        """Take in what the run's parts have counted."""
        self.landed = batches.landed
        self.requests = {bucket: gate.sent for bucket, gate in hub.gates.items()}
        self.refused = {bucket: gate.refused for bucket, gate in hub.gates.items()}
        self.windows = {bucket: gate.windows for bucket, gate in hub.gates.items()}
        self.seconds = seconds

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        configs = ", ".join(f"{n:,} {status}" for status, n in sorted(self.outcomes.items()))
        landed = ", ".join(f"{table} {rows:,}" for table, rows in self.landed.items() if rows)
        requests = ", ".join(f"{n:,} {bucket}" for bucket, n in self.requests.items())
        said = [
            f"models: {self.models:,} listed, {self.landing:,} new or changed, "
            f"{self.news['absent']:,} gone or renamed",
            f"configs: {configs or 'none to ask for'}",
            f"rows landed: {landed or 'none'}",
            f"requests: {requests}; refused: {sum(self.refused.values()):,}",
        ]
        for bucket, windows in self.windows.items():
            if windows:
                share = sum(used for used, _ in windows) / sum(quota for _, quota in windows)
                count = f"{len(windows)} whole window{'s' if len(windows) > 1 else ''}"
                said.append(f"{bucket}: {share:.1%} of the permitted rate over {count}")
        return said
