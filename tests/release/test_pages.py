"""The report and the documentation in a release folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelstrata.errors import ModelstrataError
from modelstrata.landing import file_digest
from release.files import checked_folder
from release.folder import write_release
from tests.release.warehouses import write_pages, write_warehouse


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_warehouse(tmp_path / "warehouse.duckdb")
    return tmp_path


def release(data: Path) -> Path:
    folders = {"report": data / "report", "docs": data / "docs"}
    return write_release(data / "warehouse.duckdb", data / "release", **folders)


def test_pages_and_figures_are_copied_listed_and_told_in_the_card(data: Path) -> None:
    files = write_pages(data)
    folder = release(data)
    listed = checked_folder(folder)
    for path, content in files.items():
        assert (folder / path).read_bytes() == content
        assert listed[path] == file_digest(folder / path)
    assert json.loads((folder / "release.json").read_text())["pages"] == sorted(files)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "- `report/index.html`: the report" in card and "- `docs/index.html`: columns" in card
    assert "[Figure 1. How models score](report/figures/figure-1.png)" in card
    assert "[Figure 2. A \\| B](report/figures/figure-2.png)" in card


def test_without_pages_there_is_a_release_that_names_none(data: Path) -> None:
    folder = release(data)
    assert json.loads((folder / "release.json").read_text())["pages"] == []
    assert "report/" not in (folder / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in folder.iterdir()} >= {"data", "README.md"}
    assert not (folder / "report").exists() and not (folder / "docs").exists()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: write_pages(data, "f" * 64), "report/index.html is not of the published"),
        (lambda data: (data / "docs/index.html").write_text("old"), "docs/index.html is not of"),
        (lambda data: (data / "report/figures/figure-2.png").unlink(), "figure-2.png is gone"),
        (
            lambda data: (data / "report/figures/figures.json").write_text("{"),
            "figures.json cannot be read",
        ),
    ],
)
def test_pages_of_another_warehouse_or_not_whole_are_refused_in_one_sentence(
    data: Path, spoil: Callable[[Path], object], says: str
) -> None:
    write_pages(data)
    spoil(data)
    with pytest.raises(ModelstrataError, match=says) as told:
        release(data)
    assert "run `make" in str(told.value) and "\n" not in str(told.value)
    assert not list((data / "release").glob("*"))
