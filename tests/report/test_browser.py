"""The page as its readers see it, in Chromium: charts, search, claims, keyboard, print, names."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.report.browsing import (
    HOSTILE,
    changed_warehouse,
    chromium,
    columns,
    opened,
    written,
)

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
#: Tabs from the top of the page to its search, at most.
MANY_TABS = 400
#: What is wrong with a chart, told by the page; its legend does not count.
FAULTS = """charts => charts.flatMap(chart => {
    const figure = chart.closest("figure, section");
    const svg = chart.querySelector("svg"), canvas = chart.querySelector("canvas");
    const told = [];
    if (!figure.querySelector("h3, h2")?.textContent.trim()) told.push("has no title");
    const room = (svg ?? canvas)?.getBoundingClientRect();
    if (!room || room.width < 200 || room.height < 80) told.push("is not drawn");
    if (room && room.right > innerWidth + 1) told.push(`ends at ${room.right}`);
    const inside = one => !one.closest(".role-legend, .role-axis");
    const paths = [...(svg?.querySelectorAll("[class*=mark-] path") ?? [])].filter(inside);
    const seen = paths.filter(one => { const b = one.getBoundingClientRect(); return b.width + b.height > 1; });
    if (svg && seen.length === 0) told.push("has no marks");
    return told.map(fault => `${figure.id}: ${fault}`);
})"""  # noqa: E501

#: Leaves a few of the many rows and marks that are alike, of which axe would look at each.
FEWER = """() => {
    const alike = "tbody tr:nth-child(n+4), svg [class*=mark-] > :nth-child(n+4)";
    document.querySelectorAll(alike).forEach(one => one.remove());
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def data(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built warehouse in which the most liked and the best models have hostile names."""
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        liked = connection.execute(
            "select model_id from marts.most_liked_models join marts.structure_performance "
            "using (model_id) where structure_tier = 'exact' order by all limit ?",
            [len(HOSTILE) - 1],
        ).fetchall()
        ((best,),) = connection.execute(
            "select arg_max(model_id, mmlu) from marts.structure_performance "
            "where structure_tier = 'exact'"
        ).fetchall()
    old = [best, *(model for (model,) in liked)]
    assert len(set(old)) == len(HOSTILE)
    quoted = [name.replace("'", "''") for name in HOSTILE]
    places = columns(built, "model_id", "base_model", "best_model", "best_model_so_far")
    statements = [
        f"update marts.{mart} set {column} = '{new}' where {column} = '{name}'"
        for mart, column in places
        for name, new in zip(old, quoted, strict=True)
    ]
    return changed_warehouse(built, tmp_path_factory.mktemp("hostile") / "data", statements)


@pytest.fixture(scope="module")
def report(data: Path) -> Path:
    return written(data)


def rows(data: Path, query: str, *values: object) -> list[tuple]:
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query, values).fetchall()


def blank(page: Page, picture: Path) -> list[str]:
    """Take a picture of the whole page and list the figures whose charts are of one colour."""
    places = page.locator(".chart").evaluate_all(
        "charts => charts.map(one => { const b = one.getBoundingClientRect();"
        " return [one.closest('figure, section').id,"
        " [b.left, b.top + scrollY, b.right, b.bottom + scrollY]]; })"
    )
    page.screenshot(path=picture, full_page=True)
    with Image.open(picture) as whole:
        seen = whole.convert("RGB")
    return [figure for figure, box in places if len(seen.crop(box).getcolors(1 << 24) or []) < 3]


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(WIDE, "light"), (PHONE, "light"), (WIDE, "dark")],
    ids=["wide", "phone", "dark"],
)
def test_every_chart_is_drawn_and_nothing_shuts_a_reader_out(
    browser: Browser, report: Path, tmp_path: Path, size: dict[str, int], scheme: str
) -> None:
    with opened(browser, report, viewport=size, color_scheme=scheme) as page:
        assert page.locator("figure .chart").count() >= 8
        assert page.locator(".chart").evaluate_all(FAULTS) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert blank(page, tmp_path / "report.png") == []
        page.evaluate(FEWER)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    told = [(f["id"], [node["html"][:120] for node in f["nodes"][:3]]) for f in grave]
    assert told == []


def chosen(page: Page, name: str) -> str:
    """Search for a model by its whole name, choose it and return what the page says of it."""
    page.fill("#find-name", name)
    first = page.locator("#find-results button.choose").first
    page.wait_for_function(
        "name => document.querySelector('#find-results button.choose')?.textContent === name",
        arg=name,
    )
    assert page.locator("#find-results button.choose").count() == 1
    first.click()
    page.wait_for_function(
        "name => document.querySelector('#model-detail').textContent.includes(name)", arg=name
    )
    return page.locator("#model-detail").inner_text()


def test_names_are_text_whatever_they_hold_and_search_finds_them(
    browser: Browser, report: Path, data: Path
) -> None:
    with opened(browser, report, viewport=WIDE) as page:
        scripts = page.locator("script").count()
        for name in HOSTILE:
            text = chosen(page, name)
            ((layers, mmlu),) = rows(
                data,
                "select layers, score from marts.model_structures "
                "join marts.benchmark_scores using (model_id) "
                "where model_id = ? and benchmark = 'mmlu' and leaderboard = 'open_llm_v1'",
                name,
            )
            assert re.search(rf"^layers\t{layers}\t", text, flags=re.MULTILINE)
            (said,) = re.findall(r"^MMLU\t(\S+)\t", text, flags=re.MULTILINE)
            assert is_near(number(said), mmlu)
        assert page.evaluate("window.hacked") is None
        assert page.locator("img, main script").count() == 0
        assert page.locator("script").count() == scripts
        page.fill("#find-name", "no model is called this")
        page.wait_for_function("document.querySelector('#find-count').textContent.startsWith('0 ')")


def number(text: str) -> float | None:
    return None if text == "–" else float(text.replace(",", ""))


def is_near(said: float | None, value: float | None) -> bool:
    if said is None or value is None:
        return said is value
    # Four digits stand on the page, of thousands one after the point.
    return math.isclose(said, value, rel_tol=6e-4, abs_tol=1e-9)


def test_every_number_of_the_claims_is_the_mart_s(
    browser: Browser, report: Path, data: Path
) -> None:
    with opened(browser, report, viewport=WIDE) as page:
        said = page.locator("#claims tr[data-claim]").evaluate_all(
            "all => all.map(row => [row.dataset.claim, row.dataset.split,"
            " ...[...row.cells].map(cell => cell.textContent.trim())])"
        )
    stored = rows(
        data,
        "select claim, split, if(kind = 'number', paper_value, threshold), value, value_low, "
        "value_high, n, verdict from marts.paper_claims "
        "where is_as_printed and split in ('none', 'random', 'grouped_structure')",
    )
    assert len(said) == len(stored) > 0
    left = {}
    for claim, split, *values in stored:
        left.setdefault((claim, split), []).append(values)
    for claim, split, _, _, _, paper, here, interval, n, verdict in said:
        low, _, high = interval.partition(" to ")
        shown = [number(paper.strip("<> ")), number(here), number(low), number(high or low)]
        shown.append(number(n))
        matches = [
            values
            for values in left[claim, split]
            if all(map(is_near, shown, values[:5])) and values[5] in verdict
        ]
        assert matches, (claim, split, shown, left[claim, split])
        left[claim, split].remove(matches[0])
    assert not any(left.values())


def test_the_keyboard_alone_reaches_the_search_and_chooses(browser: Browser, report: Path) -> None:
    with opened(browser, report, viewport=WIDE) as page:
        for _ in range(MANY_TABS):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.id")
            if focused == "find-name":
                break
        assert focused == "find-name"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) != "none"
        page.keyboard.type("evil/😀")
        page.wait_for_function("document.querySelector('#find-count').textContent.startsWith('1 ')")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.className") == "choose":
                break
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('#model-detail').textContent.includes('😀')")


def test_paper_is_white_and_shows_charts_without_what_only_a_screen_needs(
    browser: Browser, report: Path
) -> None:
    with opened(browser, report, viewport=WIDE, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator("nav, #find, details table").locator("visible=true").count() == 0
        assert page.locator("figure svg").first.is_visible()
        assert page.locator("#claims table").first.is_visible()
        white = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(white) == "rgb(255, 255, 255)"
        # Labels upon dark marks may be white.
        texts = page.locator("figure svg :is(.role-axis, .role-legend, .role-title) text")
        inks = texts.evaluate_all("all => [...new Set(all.map(one => getComputedStyle(one).fill))]")
        for ink in inks:
            levels = [float(part) for part in ink.strip("rgba()").split(",")[:3]]
            assert sum(levels) / 3 < 130, f"{ink} on white"
        assert page.pdf(format="A4").count(b"/Type /Page") > 3
