"""Servers of the README, and the commands that need one."""

import socket
import subprocess
from pathlib import Path

import duckdb

from tests.builds import ROOT
from tests.readme import CRAWL_HUB, PUBLISH, SERVE_HUB, run
from tests.servers import DAGSTER, answer, ask, served


def test_the_hub_of_the_readme_is_crawled_and_published_to(copy_of_built: Path) -> None:
    data = copy_of_built
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


def test_make_dev_serves_the_whole_graph(copy_of_built: Path) -> None:
    with served(["make", "dev"], DAGSTER, copy_of_built) as page:
        nodes = ask(page, "{ assetNodes { groupName } }")["assetNodes"]
    groups = {node["groupName"] for node in nodes}
    assert groups >= {"extract", "staging", "intermediate", "marts", "ml", "gpu", "release"}


def test_make_notebook_opens_the_notebook(built: Path) -> None:
    # Nothing is to open a page here.
    with served(["make", "notebook"], r"(http://localhost:\d+\S*)", built, BROWSER="true") as url:
        # The address holds a token, which the server gives back as a cookie.
        page = answer(url).decode()
    assert "<title>Five questions to modelstrata</title>" in page
