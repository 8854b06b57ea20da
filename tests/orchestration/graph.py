"""The asset graph as JSON: `python -m tests.orchestration.graph > tests/orchestration/graph.json`.

The committed file is compared with the graph by a test, so that a change of shape shows in review.
"""

import json

from orchestration.definitions import defs


def shape() -> dict:
    """Describe assets (group, dependencies, checks), jobs and sensors."""
    graph = defs.resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
        }
        for key in sorted(graph.get_all_asset_keys())
        if graph.get(key).is_materializable
    }
    jobs = {
        name: sorted(
            key.to_user_string()
            for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys
        )
        for name in ("build", "gpu")
    }
    sensors = sorted(sensor.name for sensor in defs.get_repository_def().sensor_defs)
    return {"assets": assets, "jobs": jobs, "sensors": sensors}


if __name__ == "__main__":
    print(json.dumps(shape(), indent=1))
