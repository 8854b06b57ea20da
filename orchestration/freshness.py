"""How old the landed facts are, against the limits that the dbt project sets its sources.

`make freshness` asks the same of dbt; this is for runs, which do not wait for another dbt.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from modelstrata.landing import check_file
from modelstrata.scratch import scratch


@dataclass(frozen=True)
class Freshness:
    """Age of a landing table's newest row.

    Attributes:
        newest: when it was loaded; None where the table is empty.
        warn_after: age from which it is old.
        error_after: age from which it is much too old; None if there is no such limit.
    """

    table: str
    newest: datetime | None
    age: timedelta
    warn_after: timedelta
    error_after: timedelta | None

    @property
    def is_old(self) -> bool:
        return self.age > self.warn_after

    @property
    def is_much_too_old(self) -> bool:
        return self.error_after is not None and self.age > self.error_after

    def __str__(self) -> str:
        if self.newest is None:
            return f"{self.table} is empty."
        return (
            f"{self.table}: the newest row is of {self.newest:%Y-%m-%d}, {self.age.days} days ago "
            f"(old from {self.warn_after.days} on)."
        )


def limited_tables(manifest: dict[str, Any]) -> list[str]:
    """List the landing tables that have a limit."""
    return [node["name"] for node in _limited(manifest)]


def freshness(landing: Path, manifest: dict[str, Any], now: datetime) -> list[Freshness]:
    """Measure the landing tables that have a limit.

    Args:
        landing: the landing zone, with its schema files.
        manifest: the dbt project's.
        now: the time that ages are counted to.

    Raises:
        LandingError: a file is damaged; it is named.
    """
    return [_measure(landing, node, now) for node in _limited(manifest)]


def _limited(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["sources"].values()
        if node["source_name"] == "landing" and _limit(node, "warn_after") is not None
    ]


def _limit(node: dict[str, Any], name: str) -> timedelta | None:
    limit = (node["freshness"] or {}).get(name) or {}
    return timedelta(**{f"{limit['period']}s": limit["count"]}) if limit.get("count") else None


def _measure(landing: Path, node: dict[str, Any], now: datetime) -> Freshness:
    newest = _newest(landing / node["name"], node["loaded_at_field"], now)
    warn_after = _limit(node, "warn_after")
    assert warn_after is not None
    return Freshness(
        table=node["name"],
        newest=newest,
        age=now - newest if newest else timedelta.max,
        warn_after=warn_after,
        error_after=_limit(node, "error_after"),
    )


def _newest(folder: Path, loaded_at_field: str, now: datetime) -> datetime | None:
    files = str(folder).replace("[", "[[]") + "/*.parquet"
    try:
        with scratch() as connection:
            connection.execute("set TimeZone = 'UTC'")
            rows = connection.read_parquet(files, union_by_name=True)
            loaded = rows.project(f"epoch({loaded_at_field}::timestamptz) as loaded_at")
            # Rows of the future do not count, as in dbt's filter.
            past = loaded.filter(f"loaded_at <= {now.timestamp()}")
            ((seconds,),) = past.max("loaded_at").fetchall()
    except duckdb.Error:
        for path in folder.glob("*.parquet"):
            check_file(folder.name, path)
        raise
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
