"""Servers of the README, and the commands that need one."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import duckdb

from tests.builds import ROOT, environment
from tests.readme import CRAWL_HUB, PUBLISH, SERVE_HUB, run


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


def answer(request: urllib.request.Request | str) -> bytes:
    """Return what a server answers; it says that it serves a moment before it listens."""
    last = time.monotonic() + 60
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    while True:
        try:
            with browser.open(request, timeout=60) as response:
                return response.read()
        except urllib.error.URLError:
            if time.monotonic() > last:
                raise
            time.sleep(0.5)


def test_make_dev_serves_the_whole_graph(copy_of_built: Path) -> None:
    data = copy_of_built
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
        nodes = json.loads(answer(request))["data"]["assetNodes"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    groups = {node["groupName"] for node in nodes}
    assert groups >= {"extract", "staging", "intermediate", "marts", "ml", "gpu", "release"}


def test_make_notebook_opens_the_notebook(built: Path) -> None:
    process = subprocess.Popen(
        ["make", "notebook"],
        cwd=ROOT,
        # Nothing is to open a page here.
        env=environment(built, BROWSER="true"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        url = next(
            match[0]
            for line in process.stdout
            if (match := re.search(r"http://localhost:\d+\S*", line))
        )
        # The address holds a token, which the server gives back as a cookie.
        page = answer(url).decode()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert "<title>Five questions to modelstrata</title>" in page
