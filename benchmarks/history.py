"""What Dagster's history costs a run: `python -m benchmarks.history`.

A run that yields as many tables and passed checks as the main job, and does nothing else, in an
instance of ours (`orchestration.history`) and in one of Dagster's own settings, in turn.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import dagster as dg

from modelstrata.settings import Settings
from orchestration.dbt_cli import manifest
from orchestration.instance import prepare_instance


def assets(n_tables: int, n_checks: int) -> dg.AssetsDefinition:
    """Return one asset definition of many tables, the checks dealt out among them."""
    specs = [dg.AssetSpec(f"table_{number}") for number in range(n_tables)]
    checks = [
        dg.AssetCheckSpec(f"check_{number}", asset=specs[number % n_tables].key)
        for number in range(n_checks)
    ]

    @dg.multi_asset(specs=specs, check_specs=checks, name="tables")
    def tables() -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        for spec in specs:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"dagster/row_count": 1})
        for check in checks:
            yield dg.AssetCheckResult(asset_key=check.asset_key, check_name=check.name, passed=True)

    return tables


def seconds(definition: dg.AssetsDefinition, home: Path) -> float:
    """Run it in an instance folder."""
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        start = time.perf_counter()
        assert dg.materialize([definition], instance=instance).success
        return time.perf_counter() - start


def main() -> None:
    """Measure and print the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    nodes = [node["resource_type"] for node in manifest()["nodes"].values()]
    definition = assets(len(nodes) - nodes.count("test"), nodes.count("test"))
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data=Path(name))
        prepare_instance(settings)
        theirs = Path(name) / "theirs"
        theirs.mkdir()
        (theirs / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        homes = (settings.dagster_home, theirs)
        for home in homes:
            seconds(definition, home)
        rounds = [[seconds(definition, home) for home in homes] for _ in range(repeats)]
    ours, own = zip(*rounds, strict=True)
    for label, taken in (("ours", ours), ("Dagster's own", own)):
        print(f"{label:<14}{median(taken):6.2f} s ({min(taken):.2f}-{max(taken):.2f})")
    print(f"ours / Dagster's own: {median(ours) / median(own):.2f}")


if __name__ == "__main__":
    main()
