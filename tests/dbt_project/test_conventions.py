"""What the dbt project says of itself: who reads the marts, what merely warns, what is refused."""

import re
import shutil
import subprocess
from pathlib import Path

from modelstrata.settings import DBT_PROJECT
from orchestration.dbt_cli import manifest
from tests.builds import BIN, ROOT, environment

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
    rooms = ("ml", "gpu_jobs", "release", "report", "orchestration", "notebooks")
    files = [ROOT / "README.md", *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]
    reading = {str(path.relative_to(ROOT)) for path in files if read_by(path)}
    assert reading <= declared


def test_what_rests_on_results_is_built_whenever_they_change() -> None:
    """A model without the tag stays as it is where no batch of records is new."""
    models = {k: n for k, n in manifest()["nodes"].items() if n["resource_type"] == "model"}
    resting = {k for k, n in models.items() if "results" in n["tags"]}
    assert resting
    untagged = {
        n["name"]
        for k, n in models.items()
        if k not in resting and resting & set(n["depends_on"]["nodes"])
    }
    assert not untagged


def test_exactly_the_tests_of_plausibility_warn() -> None:
    """Everything else stops a build; `docs/how_it_works.md` says what they are."""
    tests = [n for n in manifest()["nodes"].values() if n["resource_type"] == "test"]
    assert {n["config"]["severity"] for n in tests} == {"error", "warn"}
    assert {n["name"].split("__")[0] for n in tests if n["config"]["severity"] == "warn"} == {
        "assert_column_medians_are_near_the_printed_ones",
        "assert_imputed_structures_are_those_of_some_model",
        "value_between_imputation_accuracy_accuracy_author_out",
        "value_between_inverse_regression_scores_r2",
        "value_between_regression_scores_mae",
        "value_between_regression_scores_r2",
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_make_check_refuses_models_against_the_conventions(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    for name in ("Makefile", "dbt-bouncer.yml"):
        shutil.copy(ROOT / name, tmp_path)
    marts, intermediate = project / "models" / "marts", project / "models" / "intermediate"
    edit(marts / "models.yml", "One\n      row per model.", "")
    edit(marts / "pretraining_compute.yml", "type: primary_key", "type: unique")
    edit(marts / "parameter_counts.sql", "select", "-- {{ source('landing', 'hub_configs') }}\nselect")
    edit(marts / "_exposures.yml", "- ref('structure_scores')\n", "- ref('int_scores')\n")
    edit(marts / "benchmark_scores.yml", "no_large_drop", "unique")
    described = "Owners who publish others' models again under the same name. One row per owner."
    edit(project / "seeds" / "_seeds.yml", described, "''")
    (intermediate / "scores_again.sql").write_text("select * from {{ ref('int_scores') }}")
    run = subprocess.run(
        [
            *["make", "--silent", "conventions", f"VENV={BIN.parent}", f"LINT={tmp_path / 'lint'}"],
            # Here, nothing is to be installed.
            *["--old-file", f"{BIN.parent}/.installed-all"],
        ],
        cwd=tmp_path,
        env=environment(tmp_path, COLUMNS="200"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    told = re.sub(r"\s+", " ", run.stdout + run.stderr)
    for check, name in (
        ("check_model_description_contains_regexp_pattern", "models"),
        ("check_model_has_constraints", "pretraining_compute"),
        ("check_lineage_source_cannot_be_used", "parameter_counts"),
        ("check_exposure_based_on_non_public_models", "score_regressions"),
        ("check_model_has_tests_by_name", "benchmark_scores"),
        ("check_seed_description_populated", "mirror_owners"),
        ("check_model_names", "scores_again"),
    ):
        assert re.search(rf"\b{check}:\d+:{name}\b", told), (check, told)
