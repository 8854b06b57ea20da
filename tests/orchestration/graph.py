"""The asset graph as JSON: `python -m tests.orchestration.graph > tests/orchestration/graph.json`.

The committed file is compared with the graph by a test, so that a change of shape shows in review.
"""

import json
from typing import Any

import dagster as dg

from orchestration.definitions import defs


def upkeep(node: Any) -> dict:
    """Describe pool, retries, partitions and freshness of an asset that has them."""
    policy = node.freshness_policy_or_from_metadata
    said = {
        "pools": sorted(node.pools or ()),
        "partitions": partitions(node.partitions_def) if node.partitions_def else 0,
        "fresh_for": str(policy.fail_window.to_timedelta()) if policy else None,
    }
    return {name: value for name, value in said.items() if value}


def partitions(found: dg.PartitionsDefinition) -> int | str | None:
    """Return how many there are, or the name of those that users add."""
    if isinstance(found, dg.DynamicPartitionsDefinition):
        return found.name
    return len(found.get_partition_keys())


def shape() -> dict:
    """Describe assets (group, dependencies, checks, pool, …), jobs, schedules and sensors."""
    graph = defs.resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
            **upkeep(graph.get(key)),
        }
        for key in sorted(graph.get_all_asset_keys())
        if graph.get(key).is_materializable
    }
    jobs = {
        name: sorted(
            key.to_user_string()
            for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys
        )
        for name in (
            "build",
            "gpu",
            "study",
            "study_inverse",
            "refresh",
            "hub_configs",
            "publish_release",
            "report",
        )
    }
    repository = defs.get_repository_def()
    sensors = sorted(sensor.name for sensor in repository.sensor_defs)
    schedules = {
        schedule.name: [schedule.cron_schedule, schedule.job_name, schedule.default_status.value]
        for schedule in repository.schedule_defs
    }
    return {"assets": assets, "jobs": jobs, "schedules": schedules, "sensors": sensors}


if __name__ == "__main__":
    print(json.dumps(shape(), indent=1))
