"""The report in a real browser: warehouses to write it of, and pages that are watched."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.builds import ROOT, environment

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Schemes that reach no other machine.
HERE = ("file:", "data:", "blob:")
#: Names that someone may give a model, to break a page that shows them.
HOSTILE = (
    "evil/<script>window.hacked='script'</script>",
    "evil/</script><img src=x onerror=\"window.hacked='image'\">",
    "evil/\"double\" 'single' `back` &amp; \\ ${window.hacked='template'} {{ 7 * 7 }}",
    "evil/😀-emoji-👩‍👩‍👧",
    "evil/‮نموذج-مرحبا",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser that is installed; as root it has no sandbox."""
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """Open a page, wait until all is drawn, and let nothing be told wrong while it is used."""
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(f"error: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith(HERE):
            wrong.append(f"asked for {request.url}")

    context = browser.new_context(**options)
    page = context.new_page()
    page.on("console", said)
    page.on("request", asked)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-charts=drawn][data-models=ready]", timeout=60_000)
    yield page
    context.close()
    assert not wrong, "\n".join(wrong)


def changed_warehouse(built: Path, folder: Path, statements: Sequence[str]) -> Path:
    """Copy a built data folder's warehouse, change the copy, and return the new data folder."""
    folder.mkdir()
    warehouse = folder / "warehouse.duckdb"
    shutil.copyfile(built / "warehouse.duckdb", warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        for statement in statements:
            connection.execute(statement)
    return folder


def columns(built: Path, *names: str) -> list[tuple[str, str]]:
    """List the marts that have a column of these names, with the column."""
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = 'marts' and list_contains(?, column_name) order by all",
            [names],
        ).fetchall()


def written(data: Path) -> Path:
    """Write the page of a data folder's warehouse as a user does, and return its path."""
    run = subprocess.run(
        [sys.executable, "-m", "report", "--page-only"],
        cwd=ROOT,
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return Path(run.stdout.strip())
