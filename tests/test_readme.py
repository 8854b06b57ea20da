"""Every command of the README is run, as it stands there, on a data folder of the test's own."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import duckdb
import pytest

from tests.builds import ROOT, environment

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.strip().splitlines()]
SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
SERVE_HUB, CRAWL_HUB, PUBLISH = (c for c in COMMANDS if "tests.hub" in c or "HF_ENDPOINT" in c)
#: Servers and what needs one, which have tests of their own, and the command that runs this test.
NOT_HERE = ("make dev", "make refresh", "make study", "make test", SERVE_HUB, CRAWL_HUB, PUBLISH)


@pytest.fixture(scope="module")
def data(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "data"
    shutil.copytree(built, folder)
    return folder


def run(command: list[str], data: Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=environment(data), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_two_commands_come_first_and_ci_runs_the_second() -> None:
    assert COMMANDS[:2] == ["make build", "make test"]
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in NOT_HERE])
def test_command_of_the_readme_runs(command: str, data: Path) -> None:
    assert run(["bash", "-c", command.replace("data/", f"{data}/")], data)


def test_the_hub_of_the_readme_is_crawled_and_published_to(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    serve, crawl, publish = (c.replace("8733", port) for c in (SERVE_HUB, CRAWL_HUB, PUBLISH))
    assert serve != SERVE_HUB
    server = subprocess.Popen(
        ["bash", "-c", f"exec {serve}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert f":{port}" in server.stdout.readline()
        said = run(["bash", "-c", crawl.replace("data/", f"{data}/")], data)
        assert "1,000 listed, 1,000 new or changed" in said
        assert "(private): " in run(["bash", "-c", publish], data)
        assert "nothing was sent" in run(["bash", "-c", publish], data)
    finally:
        server.terminate()
        server.communicate(timeout=20)
    landed = data / "trial" / "landing" / "hub_configs"
    assert duckdb.sql(f"select count(*) > 500 from '{landed}/hub-*.parquet'").fetchone() == (True,)


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_of_the_readme_runs(script: str, data: Path) -> None:
    assert run([sys.executable, "-c", script.replace("data/", f"{data}/")], data)


def test_make_gpu_measured_a_real_model(data: Path) -> None:
    # The commands above ran in the README's order, `make gpu` among them.
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select model_id, weights_format, benchmark, count(*), min(block_influence) "
            "from marts.block_influence group by all"
        ).fetchall()
    ((model, weights_format, benchmark, layers, least),) = rows
    assert (model, layers) == ("HuggingFaceTB/SmolLM2-135M-Instruct", 30)
    assert (weights_format, benchmark) == ("gguf:Q4_1", "gsm8k")
    assert 0 < least < 0.2


def answer(request: urllib.request.Request) -> dict:
    """Return what the page answers; it says that it serves a moment before it listens."""
    last = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.URLError:
            if time.monotonic() > last:
                raise
            time.sleep(0.5)


def test_make_dev_serves_the_whole_graph(data: Path) -> None:
    process = subprocess.Popen(
        ["make", "dev"],
        cwd=ROOT,
        env=environment(data),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        served = next(
            match[1]
            for line in process.stdout
            if (match := re.search(r"Serving dagster-webserver on (http://127\.0\.0\.1:\d+)", line))
        )
        query = {"query": "{ assetNodes { groupName } }"}
        request = urllib.request.Request(
            f"{served}/graphql",
            data=json.dumps(query).encode(),
            headers={"Content-Type": "application/json"},
        )
        nodes = answer(request)["data"]["assetNodes"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    groups = {node["groupName"] for node in nodes}
    assert groups >= {"extract", "staging", "intermediate", "marts", "ml", "gpu", "release"}


def test_marts_table_of_the_readme_lists_every_mart(data: Path) -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.MULTILINE))
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        marts = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
    assert listed == {name for (name,) in marts}


def test_numbers_of_the_readme_are_the_warehouse_s(data: Path) -> None:
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        (models,) = connection.execute("select count(*) from marts.models").fetchall()[0]
        scores = connection.execute(
            "select benchmark, split, format('{:.2f} [{:.2f}, {:.2f}]', r2, r2_low, r2_high) "
            "from marts.regression_scores"
        ).fetchall()
        n, n_groups = connection.execute(
            "select distinct n, n_groups from marts.regression_scores "
            "where split = 'grouped_structure'"
        ).fetchall()[0]
        (imputed,) = connection.execute(
            "select count(*) from marts.structure_performance where structure_tier = 'imputed'"
        ).fetchall()[0]
    assert f"{models:,} models" in TEXT
    assert f"{n:,} models are `exact`" in TEXT
    assert f"{imputed:,} have no config at hand" in TEXT
    assert f"{n:,} models in {n_groups} structure groups" in TEXT
    rows = {line.split(" | ")[0].strip("| "): line for line in TEXT.splitlines() if "[" in line}
    splits = ("random", "grouped_structure", "grouped_family", "temporal")
    assert {split for _, split, _ in scores} == set(splits)
    for benchmark, split, shown in scores:
        column = 1 + splits.index(split)
        assert rows[benchmark].strip("| ").split(" | ")[column].strip() == shown
