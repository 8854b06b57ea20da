"""The figures as files for papers: SVG and PNG on white, without a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import vl_convert

from modelstrata.errors import storage_errors
from modelstrata.landing import write_atomically
from report.figure import Figure, Spec
from report.style import CONFIG

_WIDTH = 640
#: vl-convert brings the first one along; in PNG files one of that name on the machine goes before.
_FONT = "Liberation Sans, Arial, sans-serif"
#: Pixels a unit of the drawing: fine enough for print at the width of a column.
_SCALE = 2.0


def svg(chart: Spec) -> str:
    """Return a chart as SVG."""
    width = {} if "facet" in chart else {"width": _WIDTH}
    return vl_convert.vegalite_to_svg(
        {**chart, **width, "config": {**CONFIG, "background": "white", "font": _FONT}}
    )


def png(drawing: str, scale: float = _SCALE) -> bytes:
    """Return an SVG as PNG."""
    return vl_convert.svg_to_png(drawing, scale=scale)


def drawings(figures: list[Figure]) -> Iterator[tuple[Figure, str]]:
    """Yield the figures that are charts, each with its SVG."""
    for figure in figures:
        if figure.chart is not None:
            yield figure, svg(figure.chart)


def write_images(
    figures: list[Figure],
    folder: Path,
    advance: Callable[[str], None] = lambda _: None,
) -> dict[str, Path]:
    """Write each chart as `<id>.svg` and `<id>.png`, and return the SVG files by figure.

    Files of figures that have no rows any more are removed.

    Raises:
        StorageError: the disk is full or not writable.
    """
    written: dict[str, Path] = {}
    for figure, text in drawings(figures):
        written[figure.id] = folder / f"{figure.id}.svg"
        _write(written[figure.id], text.encode())
        _write(written[figure.id].with_suffix(".png"), png(text))
        advance(figure.id)
    with storage_errors(folder):
        for pattern in ("*.svg", "*.png"):
            for file in folder.glob(pattern):
                if file.stem not in written:
                    file.unlink()
    return written


def _write(target: Path, content: bytes) -> None:
    write_atomically(target, lambda path: path.write_bytes(content))
