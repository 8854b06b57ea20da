"""The notebook, run as its readers run it: on a warehouse, on a release folder, on neither."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.builds import BIN, ROOT, environment

NOTEBOOK = ROOT / "notebooks" / "explore.py"
#: Marts of results, which may be empty, and what fills them.
RESULTS = {"regression_scores": "make build", "pruning_comparisons": "make gpu ANALYSIS=pruning"}


def run(*command: str | Path, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
    )


def exported(page: Path, data: Path, *arguments: str) -> str:
    """Export the notebook without its code and return the text that its cells show."""
    command = [BIN / "marimo", "export", "html", NOTEBOOK, "--no-include-code", "--output", page]
    done = run(*command, *arguments, data=data)
    assert done.returncode == 0, done.stdout + done.stderr
    text, before = page.read_text(encoding="utf-8"), ""
    # The page holds JSON that holds HTML, whose attributes hold both again.
    while text != before:
        before = text
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), html.unescape(text))
    return re.sub(r"</?[a-z][^<>]*>", "", text)


def test_every_cell_runs_and_answers_with_the_warehouse_s_numbers(
    built: Path, tmp_path: Path
) -> None:
    text = exported(tmp_path / "explore.html", built)
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        ((disputed, field),) = connection.execute(
            "select count(distinct if(has_conflict, model_id, null)) as n, field "
            "from marts.structure_values group by field "
            "order by n / count(distinct model_id) desc limit 1"
        ).fetchall()
        ((structures,),) = connection.execute(
            "select count(distinct structure_group) from marts.structure_performance "
            "where structure_tier = 'exact' and size is not null"
        ).fetchall()
        drops = connection.execute(
            "select max(r2) filter (split = 'random') "
            "- max(r2) filter (split = 'grouped_structure') as drop "
            "from marts.regression_scores group by benchmark order by drop"
        ).fetchall()
        smallest = connection.execute(
            "select distinct arg_max(model_id, month) over (partition by threshold) "
            "from marts.smallest_models_to_reach where benchmark = 'mmlu' "
            "and leaderboard = 'open_llm_v1' and population = 'official' and is_record"
        ).fetchall()
    assert f"Most often on {field}: for {disputed:,} of" in text
    assert f"It is {structures} structures in all" in text
    assert re.search(
        rf"Between {drops[0][0]:.2f} \(\w+\) and {drops[-1][0]:.2f} \(\w+\) of R² goes", text
    )
    (named,) = re.findall(r"on mmlu is (\S+), of", text)
    assert (named,) in smallest
    assert "There are no rows yet" not in text


def test_a_release_folder_without_results_says_what_fills_them(built: Path, tmp_path: Path) -> None:
    (release,) = (built / "release").glob("[!.]*")
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    for mart in RESULTS:
        empty = duckdb.read_parquet(str(release / "data" / f"{mart}.parquet")).limit(0)
        empty.write_parquet(str(folder / "data" / f"{mart}.parquet"))
    # There is no warehouse: the rows can be the folder's alone.
    text = exported(tmp_path / "explore.html", tmp_path, "--", "--release", str(folder))
    assert text.count("There are no rows yet") == len(RESULTS)
    for remedy in RESULTS.values():
        assert f"There are no rows yet: {remedy}" in text
    assert "Most often on" in text


def test_a_cell_that_fails_is_told(built: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "explore.py"
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count("marts.structure_values") == 1
    spoilt.write_text(text.replace("marts.structure_values", "marts.gone"), encoding="utf-8")
    done = run(sys.executable, spoilt, data=built)
    assert done.returncode != 0
    assert "gone" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "error: There is no warehouse at {data}/warehouse.duckdb: run `make build` first."),
        (["--release", "{data}"], "error: {data} is no release folder: it holds no data/*.parquet"),
    ],
)
def test_what_cannot_be_opened_is_named_in_one_sentence(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    arguments = [part.format(data=tmp_path) for part in arguments]
    done = run(sys.executable, NOTEBOOK, *arguments, data=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(says.format(data=tmp_path))
    assert len(done.stderr.splitlines()) == 1
