"""The report of a real build, and of warehouses that lack rows, marts or good manners."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from modelstrata.settings import ROOT
from report.__main__ import main
from report.images import write_images
from report.write import read_figures, write_page
from tests.builds import environment
from tests.report.pages import Page

LARGEST_BYTES = 6_000_000
FIGURES = [
    "figure-1",
    "figure-2",
    "figure-3a",
    "figure-3b",
    "figure-4",
    "figure-5",
    "figure-6",
    "figure-7",
    "figure-8a",
    "figure-8b",
    "figure-9",
    "figure-10",
    "figure-12a",
    "figure-12b",
    "figure-13",
    "figure-14",
    "figure-15",
    "figure-16",
    "figure-17",
    "figure-relevance-tasks",
    "figure-relevance-criteria",
    "figure-relevance-ends",
    "figure-relevance-healing",
    "figure-relevance-paths",
    "figure-relevance-agreement",
    "table-1",
    "table-2",
    "table-3",
    "table-5",
    "table-set-aside",
    "table-results-set-aside",
    "table-conflicts",
    "table-imputation",
    "table-freshness",
    "table-marts",
]
HOSTILE = "</script><script>alert(1)</script>/\"'&amp;<img src=x onerror=alert(2)>😀\u202eעברית"


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def written(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the page of a build."""
    folder = tmp_path_factory.mktemp("report")
    return Page(write_page(built / "warehouse.duckdb", folder, built / "docs" / "index.html"))


@pytest.fixture
def warehouse(built: Path, tmp_path: Path) -> Path:
    """Return a copy of a build's warehouse that a test may change."""
    return Path(shutil.copy(built / "warehouse.duckdb", tmp_path / "warehouse.duckdb"))


def changed(warehouse: Path, *statements: str) -> Path:
    with duckdb.connect(str(warehouse)) as connection:
        for statement in statements:
            connection.execute(statement)
    return warehouse


def read(warehouse: Path) -> Page:
    folder = warehouse.parent / "report"
    return Page(write_page(warehouse, folder, warehouse.parent / "none"))


def test_a_build_writes_the_page_and_names_it(built: Path) -> None:
    page = built / "report" / "index.html"
    assert page.exists()
    assert str(page) in (built / "build.out").read_text()
    assert '<a href="../docs/index.html">' in page.read_text(encoding="utf-8")


def test_page_is_small_whole_and_asks_no_network(written: Page) -> None:
    assert len(written.text.encode()) < LARGEST_BYTES
    assert sorted(written.figures) == sorted(FIGURES)
    assert len(written.ids) == len(set(written.ids))
    assert {"claims", "data-quality", "models", "main"} <= set(written.ids)
    for tag, name, value in written.attributes:
        if name in ("src", "href", "srcset", "action", "data") and tag != "a":
            assert value == "data:,", (tag, name, value)
        if tag == "a":
            assert value[0] == "#" or name != "href" or value.startswith("../"), value
            assert value[0] != "#" or value[1:] in written.ids, value
    assert not re.search(r"@import|url\(|fetch\(.http", written.text.split("<body>")[0])
    assert "default-src 'none'" in written.text
    for name, texts in written.figures.items():
        if "missing" in texts:
            assert texts["missing"].strip()
        else:
            assert texts["sentence"] and texts["caveat"] and len(written.tables[name]) > 1, name


def test_every_chart_has_its_numbers_in_a_table(written: Page) -> None:
    charts = {
        value.removeprefix("spec-") for _, name, value in written.attributes if name == "data-spec"
    }
    assert {"figure-1", "figure-4", "figure-9", "figure-14", "table-set-aside"} <= charts
    for name in charts:
        spec = json.loads(written.scripts[f"spec-{name}"])
        assert spec["description"].endswith(written.figures[name]["sentence"])
        assert len(written.tables[name]) > 2


def test_figures_state_what_the_marts_hold(written: Page, built: Path) -> None:
    warehouse = built / "warehouse.duckdb"
    ((name, n),) = query(
        warehouse, "select architecture, n_models from marts.architecture_counts where rank = 1"
    )
    assert (
        f"{name} is the most frequent class with {n:,}" in written.figures["figure-3a"]["sentence"]
    )
    best = query(
        warehouse,
        "select spearman from marts.score_correlations where population = 'all' and "
        "leaderboard_a = 'open_llm_v1' and leaderboard_b = 'open_llm_v1' "
        "and benchmark_a < benchmark_b order by spearman",
    )
    sentence = written.figures["figure-6"]["sentence"]
    assert f"most ({best[-1][0]:.2f})" in sentence and f"least ({best[0][0]:.2f})" in sentence
    counts = query(
        warehouse,
        "select n_new from marts.monthly_model_counts where population = 'all' "
        "and class in ('all', 'moe', 'multimodal') order by class, month",
    )
    told = [cells[2] for cells in written.tables["figure-2"][1:]]
    assert told == [f"{n:,}" for (n,) in counts]
    ((total,),) = query(warehouse, "select count(*) from marts.rejected_records")
    assert written.figures["table-set-aside"]["sentence"].startswith(f"{total:,} records")


def test_claims_are_those_of_the_mart(written: Page, built: Path) -> None:
    rows = query(
        built / "warehouse.duckdb",
        "select claim, split, sentence, printed_in, value, value_low, value_high, n, verdict "
        "from marts.paper_claims where is_as_printed "
        "and split in ('none', 'random', 'grouped_structure')",
    )
    expected = {(row[0], row[1]): row[2:] for row in rows}
    assert len(written.claims) == len(rows) and rows
    for claim, split, cells in written.claims:
        sentence, printed, value, low, high, n, verdict = expected[claim, split]
        assert cells[:2] == [sentence, printed]
        assert verdict in cells[7]
        for text, number in ((cells[4], value), (cells[6], n)):
            if number is None:
                assert text == "–"
            else:
                assert float(text.replace(",", "")) == pytest.approx(number, rel=1e-3, abs=1e-4)
        if low is not None:
            ends = [float(one.replace(",", "")) for one in cells[5].split(" to ")]
            assert ends == pytest.approx([low, high], rel=1e-3, abs=1e-4)
    holding = query(
        built / "warehouse.duckdb",
        "select count(distinct claim) from marts.paper_claims where is_as_printed "
        "and overall_verdict = 'holds'",
    )[0][0]
    assert f" {holding} hold" in written.sentences[0]


def test_search_holds_structures_with_origins_and_scores(written: Page, built: Path) -> None:
    models = written.models()
    columns = models["columns"]
    place = columns["model_id"].index("mistralai/Mistral-7B-v0.1")
    ((source, found),) = query(
        built / "warehouse.duckdb",
        "select source, found from marts.structure_values where is_chosen and field = 'd_ffn' "
        "and model_id = 'mistralai/Mistral-7B-v0.1'",
    )
    assert columns["d_ffn"][place] == 14336
    assert models["origins"][columns["d_ffn_origin"][place]] == f"{found}, {source}"
    mmlu = next(one for one in models["benchmarks"] if one["name"] == "MMLU")
    assert mmlu["scores"][mmlu["models"].index(place)] == 64.16
    imputed = columns["model_id"].index("openchat/openchat-3.5-1210")
    assert "imputed" in models["origins"][columns["layers_origin"][imputed]]
    assert len(models["layers"]["HuggingFaceTB/SmolLM2-135M-Instruct"][0]["values"]) == 30


def test_names_are_text_whatever_they_hold(warehouse: Path, written: Page) -> None:
    quoted = HOSTILE.replace("'", "''")
    changed(
        warehouse,
        f"update marts.most_liked_models set model_id = '{quoted}' where rank = 1",
        *(
            f"update marts.{mart} set model_id = '{quoted}' "
            "where model_id = 'mistralai/Mistral-7B-v0.1'"
            for mart in ("models", "model_structures")
        ),
        f"update marts.block_influence set model_id = '{quoted}'",
        "delete from marts.models where model_id between 'a' and 'z'",
    )
    page = read(warehouse)
    assert page.n_scripts == written.n_scripts
    assert not [one for one in page.attributes if one[0] == "img" or one[1].startswith("on")]
    assert "<script>alert" not in page.text
    assert page.tables["figure-3b"][1][0] == HOSTILE
    assert HOSTILE in page.figures["figure-14"]["sentence"]
    assert HOSTILE in page.models()["columns"]["model_id"]
    spec = json.loads(page.scripts["spec-figure-3b"])
    assert HOSTILE in json.dumps(spec, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("how", ["delete from", "drop table"])
def test_what_has_no_rows_says_what_fills_it(warehouse: Path, how: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        for (mart,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall():
            connection.execute(f"{how} marts.{mart}")
    page = read(warehouse)
    for name in FIGURES:
        if name != "table-marts":
            assert "fills it" in page.figures[name]["missing"], name
    assert page.claims == [] and page.models()["columns"]["model_id"] == []
    assert write_images(read_figures(warehouse), warehouse.parent / "figures") == {}


def test_one_missing_mart_leaves_the_other_figures(warehouse: Path) -> None:
    changed(
        warehouse,
        "delete from marts.score_correlations",
        "delete from marts.benchmark_scores where leaderboard = 'open_llm_v2'",
        "drop table marts.paper_claims",
    )
    page = read(warehouse)
    assert page.text.count("There are no scores of") == 1
    assert "There are no scores of the second Open LLM Leaderboard." in page.text
    missing = {name for name, texts in page.figures.items() if "missing" in texts}
    assert {"figure-6", "table-2", "table-3"} <= missing
    assert not {"figure-1", "figure-2", "figure-5", "figure-14", "table-1"} & missing


def test_study_and_relevance_are_drawn_where_there_are_rows(warehouse: Path) -> None:
    copies = [
        f"insert into marts.{mart} select * replace ('structure' as feature_set) "
        f"from marts.{mart} where feature_set = 'key' and split = 'random'"
        for mart in ("regression_scores", "feature_importances")
    ]
    changed(
        warehouse,
        *copies,
        "update marts.feature_importances set importance = 0.9 "
        "where feature_set = 'structure' and feature = 'layers'",
        "create or replace table marts.layer_relevance as select 'a/b' as model_id, task, "
        "criterion, 0 as step, layer, layer / 10.0 as relevance, layer + 1 as relevance_rank, "
        "'exact' as method, 'block' as unit, "
        "100 as n_items, 4 as n_layers, 'safetensors' as weights_format, 'float32' as dtype, "
        "'k' as result_key from (from range(4) as r(layer)), "
        "(values ('piqa'), ('boolq')) as t(task), "
        "(values ('accuracy'), ('cosine')) as c(criterion)",
    )
    changed(
        warehouse,
        "create or replace table marts.pruning_paths as select 'a/b' as model_id, "
        "'iterative' as path, criterion, null as path_seed, criterion as path_id, step, "
        "task, task as calibration, 200 as calibration_items, 'exact' as method, "
        "'train' as calibration_split, "
        "step as layer, step::varchar as removed_layers, "
        "70::double as before, 70::double - step * cost as after, -step * cost as difference, "
        "null::double as difference_low, null::double as difference_high, 50::double as chance, "
        "false as is_at_chance, false as is_healed, 100 as n_items, 4 as n_layers, "
        "'block' as unit, 'key' as result_key, null::double as healing_loss_before, "
        "null::double as healing_loss, null::integer as healing_best_step, "
        "null::integer as healing_items, "
        "'safetensors' as weights_format, 'float32' as dtype from (from range(1, 3) as r(step)), "
        "(values ('piqa'), ('boolq')) as t(task), "
        "(values ('accuracy', 2::double), ('cosine', 9::double)) as c(criterion, cost)",
        # A path that was found on another task is not drawn; random draws are one row.
        "insert into marts.pruning_paths select * replace ('boolq' as calibration, 'x' as path_id, "
        "99::double as after) from marts.pruning_paths where task = 'piqa'",
        "insert into marts.pruning_paths select * exclude (seed) replace ('random' as path, "
        "path_id || 'r' as path_id, 'random' as criterion, seed as path_seed, "
        "null as calibration, null as calibration_items, 40::double + seed as after) "
        "from marts.pruning_paths, (values (0), (1)) as s(seed) "
        "where criterion = 'accuracy' and calibration = task",
        # One path goes further than the others; two are healed.
        "insert into marts.pruning_paths select * replace (3 as step, 30::double as after) "
        "from marts.pruning_paths where path_id = 'accuracy' and task = 'piqa' and step = 2",
        "insert into marts.pruning_paths select * replace (true as is_healed, after + 4 as after, "
        "3::double as healing_loss_before, 2::double as healing_loss, 50 as healing_items) "
        "from marts.pruning_paths where task = 'piqa' and path_id in ('accuracy', 'accuracyr')",
        "create or replace table marts.relevance_agreement as select 'a/b' as model_id, 'all' as "
        "layers_compared, 'block' as unit, 4 as n_layers, 1 as n_quarter, "
        "1 as n_quarter_shared, * from (values ('accuracy', 'cosine', 0.25), "
        "('accuracy', 'taylor', 0.75)) "
        "as v(criterion, reference, spearman)",
    )
    page = read(warehouse)
    said = "and 2 on PIQA by accuracy, iterative (66.0 of 70.0, random 40.5)"
    assert said in page.figures["figure-relevance-ends"]["sentence"]
    said = "and 3 on PIQA by accuracy, iterative (30.0 of 70.0)"
    assert said in page.figures["figure-relevance-paths"]["sentence"]
    for name, n in (("ends", 8), ("paths", 17)):
        assert (
            "on 100 items of the test split, found on 200 others of train"
            in (page.figures[f"figure-relevance-{name}"]["caveat"])
        )
        assert len(page.tables[f"figure-relevance-{name}"]) == 1 + n
    assert (
        "accuracy and Taylor agree most (0.75)"
        in (page.figures["figure-relevance-agreement"]["sentence"])
    )
    healed = page.figures["figure-relevance-healing"]["sentence"]
    for said in (
        "without 2 layers on PIQA (70.0 whole) by accuracy, iterative 66.0 to 70.0 and random 40.5 "
        "to 44.5",
        "without 3 layers on PIQA (70.0 whole) by accuracy, iterative 30.0 to 34.0",
    ):
        assert said in healed
    # Two paths of two steps, one of a third, and two draws of two.
    assert len(page.tables["figure-relevance-healing"]) == 1 + 3 + 4
    sentence = page.figures["figure-8a"]["sentence"]
    assert sentence.startswith("The most important feature is layers for ARC-Challenge")
    for name in ("figure-relevance-tasks", "figure-relevance-criteria"):
        assert "layer 0" in page.figures[name]["sentence"]
        assert len(page.tables[name]) == 1 + 2 * 4


def test_twice_the_same_and_unchanged_left_alone(
    built: Path, tmp_path: Path, stays_as_it_was: Callable[[Path], Callable[[], None]]
) -> None:
    page = tmp_path / "index.html"
    run = subprocess.run(
        [sys.executable, "-m", "report", "--page-only", "--output", str(tmp_path)],
        cwd=ROOT,
        env=environment(built),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(page)
    again = tmp_path.parent / f"{tmp_path.name}-again"
    docs = built / "docs" / "index.html"
    anew = write_page(built / "warehouse.duckdb", again, docs).read_text(encoding="utf-8")
    # The two lie in different folders, so that the link to the documentation differs.
    assert _without_links(page.read_text(encoding="utf-8")) == _without_links(anew)
    unchanged = stays_as_it_was(page)
    write_page(built / "warehouse.duckdb", tmp_path, docs)
    unchanged()


def _without_links(text: str) -> str:
    return re.sub(r'<a href="[^"#]*docs/index.html">|modelstrata report \w+', "", text)


def test_figures_are_svg_and_png_files(built: Path, tmp_path: Path) -> None:
    (tmp_path / "figure-99.png").touch()
    figures = [
        one
        for one in read_figures(built / "warehouse.duckdb")
        if one.id in ("figure-3a", "figure-8a")
    ]
    assert list(write_images(figures, tmp_path)) == ["figure-3a"]
    assert {path.name for path in tmp_path.iterdir()} == {"figure-3a.svg", "figure-3a.png"}
    assert (tmp_path / "figure-3a.png").read_bytes().startswith(b"\x89PNG")
    assert "LlamaForCausalLM" in (tmp_path / "figure-3a.svg").read_text(encoding="utf-8")


def test_after_a_kill_the_files_are_the_same(built: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "report", "--output", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(built))
    while not list(tmp_path.glob("figures/*.png")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (tmp_path / "figures" / "figures.json").exists()
    subprocess.run(command, cwd=ROOT, env=environment(built), check=True)
    left, whole = (
        {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
        for folder in (tmp_path, built / "report")
    )
    assert left == whole


def test_errors_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELSTRATA_DATA", str(tmp_path))
    file = tmp_path / "warehouse.duckdb"

    def error() -> str:
        assert main(["--page-only"]) == 1
        assert not (tmp_path / "report").exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "run `make build` first" in error()
    file.write_text("no database")
    assert str(file) in error() and "anew" in error()
    file.unlink()
    duckdb.connect(str(file)).close()
    assert "built in part only" in error()
