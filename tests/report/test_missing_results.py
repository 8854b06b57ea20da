"""The page of a warehouse without results of layer jobs and without the second leaderboard."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from modelstrata.landing_schema import LAYER_TABLES
from tests.builds import ROOT
from tests.report.browsing import changed_warehouse, chromium, columns, opened, written

LAYER_MARTS = ("pruning_comparisons", *LAYER_TABLES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def report(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    statements = [f"delete from marts.{mart}" for mart in LAYER_MARTS]
    statements += [
        f"delete from marts.{mart} where leaderboard = 'open_llm_v2'"
        for mart, _ in columns(built, "leaderboard")
    ]
    return written(
        changed_warehouse(built, tmp_path_factory.mktemp("missing") / "data", statements)
    )


def test_each_figure_without_rows_says_what_is_missing_and_what_fills_it(
    browser: Browser, report: Path
) -> None:
    with opened(browser, report, viewport={"width": 375, "height": 800}) as page:
        missing = page.locator("figure:has(.missing)").evaluate_all(
            "all => all.map(one => [one.id, one.querySelector('.missing').textContent, "
            "one.querySelector('.missing code').textContent])"
        )
        drawn = page.locator("figure .chart").count()
        offered = page.locator("#find-benchmark option").all_inner_texts()
    told = {figure: (text, command) for figure, text, command in missing}
    for figure in ("figure-9", "figure-10", "figure-14", "figure-17"):
        text, command = told[figure]
        assert re.search(r"\b(pruning_\w+|layer_gradients|block_influence)\b", text), text
        assert command.startswith("make gpu"), command
    targets = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for text, command in told.values():
        first, *rest = command.split()
        there = rest[0] in targets if first == "make" else find_spec(rest[1]) is not None
        assert first in ("make", "python") and there, text
    # What does not rest on them stands.
    assert drawn >= 6
    assert "IFEval" not in offered and "MMLU" in offered
