"""What the dbt project says of itself: who reads the marts, what merely warns."""

import re
from pathlib import Path

from orchestration.dbt_cli import manifest
from tests.builds import ROOT

NAMED = re.compile(r"""\bmarts\.(\w+)|\["marts", "(\w+)"\]""")
#: Code that reads whatever marts there are: by the catalog's list, or by dbt's.
EVERY = re.compile(r'\bmarts\.\{|from release\.catalog import .*\bmarts\b|"docs", "generate"')


def read_by(path: Path) -> set[str]:
    """Return the marts that a file reads, by the way it names them."""
    text = path.read_text(encoding="utf-8")
    if EVERY.search(text):
        nodes = manifest()["nodes"].values()
        return {
            node["name"]
            for node in nodes
            if node["resource_type"] == "model" and node["schema"] == "marts"
        }
    return {one or other for one, other in NAMED.findall(text)}


def test_exposures_rest_on_what_their_code_reads() -> None:
    for exposure in manifest()["exposures"].values():
        files = [ROOT / name for name in exposure["meta"]["code"]]
        read = set().union(*(read_by(path) for path in files))
        declared = {node.split(".")[-1] for node in exposure["depends_on"]["nodes"]}
        assert declared == read, exposure["name"]


def test_all_code_that_reads_marts_is_an_exposure_s() -> None:
    declared = {
        name for exposure in manifest()["exposures"].values() for name in exposure["meta"]["code"]
    }
    rooms = ("ml", "gpu_jobs", "release", "orchestration")
    files = [ROOT / "README.md", *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]
    reading = {str(path.relative_to(ROOT)) for path in files if read_by(path)}
    assert reading <= declared


def test_exactly_the_tests_of_plausibility_warn() -> None:
    """Everything else stops a build; `docs/how_it_works.md` says what these four are."""
    tests = [n for n in manifest()["nodes"].values() if n["resource_type"] == "test"]
    assert {n["config"]["severity"] for n in tests} == {"error", "warn"}
    assert {n["name"].split("__")[0] for n in tests if n["config"]["severity"] == "warn"} == {
        "assert_imputed_structures_are_those_of_some_model",
        "value_between_imputation_accuracy_accuracy_author_out",
        "value_between_regression_scores_mae",
        "value_between_regression_scores_r2",
    }
