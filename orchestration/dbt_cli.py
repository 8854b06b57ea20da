"""dbt as Dagster sees it: the manifest, parsed once, and the command-line resource."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_dbt import DagsterDbtTranslator, DbtCliResource
from packaging.version import Version

from modelstrata.errors import BuildFailed
from modelstrata.landing import write_atomically
from modelstrata.settings import DBT_PROJECT, Settings

#: Beside what dbt by itself writes below `target`, and not in one step: it may run at any time.
MANIFEST = DBT_PROJECT / "target" / "orchestration" / "manifest.json"
_PARTIAL_PARSE = MANIFEST.with_name("partial_parse.msgpack")
#: dbt, tied to the life of the run that starts it.
DBT = Path(sys.executable).with_name("modelstrata-dbt")
_SOURCES = ("models", "seeds", "macros", "tests")


@cache
def manifest() -> dict[str, Any]:
    """Return the project's manifest; parse the project first if the manifest is out of date.

    A process keeps the one that it read first, whatever is edited while it runs.

    The parse is for target `build` and this data folder, so that dbt finds it valid in a build
    and does not parse again.

    Raises:
        BuildFailed: dbt cannot parse the project.
    """
    if not MANIFEST.exists() or MANIFEST.stat().st_mtime < _changed_at():
        _parse()
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


def primary_keys() -> list[tuple[str, list[str]]]:
    """List each mart that states a key, with its columns.

    Small marts state it as a constraint, those with a row a model as a test.
    """
    nodes = manifest()["nodes"]
    keys = {
        node["name"]: constraint["columns"]
        for node in nodes.values()
        for constraint in node.get("constraints") or []
        if constraint["type"] == "primary_key"
    }
    for node in nodes.values():
        if (node.get("test_metadata") or {}).get("name") == "primary_key":
            tested = nodes[node["attached_node"]]
            if tested["schema"] == "marts":
                keys[tested["name"]] = node["test_metadata"]["kwargs"]["columns"]
    return sorted(keys.items())


def work_tables() -> list[str]:
    """List the tables, as `schema.name`, that hold only what one build changed.

    They are published empty: what they held says how a build came about, not what it gave.
    """
    nodes = manifest()["nodes"].values()
    return sorted(f"{n['schema']}.{n['name']}" for n in nodes if "work" in n["tags"])


def _parse() -> None:
    Settings().export()
    with tempfile.TemporaryDirectory() as target:
        run_dbt(["parse", "--no-partial-parse"], Path(target))
        # The manifest last: its time says that both are up to date.
        for path in (_PARTIAL_PARSE, MANIFEST):
            write_atomically(path, partial(shutil.copyfile, Path(target) / path.name))


def lend_parse(target_path: Path) -> None:
    """Put the project's parse where a dbt run with this target folder looks for its own."""
    own = target_path / _PARTIAL_PARSE.name
    if _PARTIAL_PARSE.exists() and not own.exists():
        target_path.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PARTIAL_PARSE, own)


def run_dbt(arguments: list[str], target_path: Path) -> None:
    """Run dbt on target `build`, its artifacts below `target_path`.

    Raises:
        BuildFailed: dbt failed; the message holds what it printed.
    """
    command = [str(DBT), "--quiet", *arguments, "--target", "build"]
    command += ["--target-path", str(target_path)]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=DBT_PROJECT, check=False)
    if run.returncode != 0:
        raise BuildFailed(f"`dbt {arguments[0]}` failed:\n{run.stdout}{run.stderr}")


def _changed_at() -> float:
    files = [DBT_PROJECT / "dbt_project.yml", DBT_PROJECT / "profiles.yml"]
    for folder in _SOURCES:
        files.extend((DBT_PROJECT / folder).rglob("*.*"))
    return max(path.stat().st_mtime for path in files)


class QuickDbtCliResource(DbtCliResource):
    """dbt's command line without two look-ups that dagster-dbt makes before each call.

    It runs `dbt --version`, and it loads dbt's adapter into this process for `fetch_row_counts`
    and the like, which we do not use (the build file is locked while dbt writes it). Together
    they took 7 s of CPU a call (dagster-dbt 0.29.27, two cores, 2026-11-22).
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def dbt_resource() -> DbtCliResource:
    """Return the dbt command line on the run's build file."""
    return QuickDbtCliResource(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(DBT_PROJECT),
        dbt_executable=str(DBT),
        target="build",
        # Dagster keeps the log; dbt's own debug file costs a tenth of the run.
        global_config_flags=["--log-level-file", "none"],
    )


class Translator(DagsterDbtTranslator):
    """Groups follow the folders: staging, intermediate, marts; rule seeds belong to staging."""

    def get_group_name(self, dbt_resource_props: Any) -> str:
        """Return the group of a dbt node."""
        folder = dbt_resource_props["fqn"][1]
        return folder if folder in ("intermediate", "marts") else "staging"
