"""Reading the report's page as a browser does."""

import base64
import gzip
import json
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "br", "input", "img"}


class Page(HTMLParser):
    """What a browser reads of a page: figures with their texts and tables, claims, scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.figures: dict[str, dict[str, str]] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.claims: list[tuple[str, str, list[str]]] = []
        self.sentences: list[str] = []
        self.scripts: dict[str, str] = {}
        self.n_scripts = 0
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.elsewhere = [""]
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag in VOID:
            return
        self.open.append((tag, found))
        if tag == "figure":
            self.figures[str(found["id"])] = {}
        if tag == "script":
            self.n_scripts += 1
        if tag == "tr":
            if "data-claim" in found:
                self.claims.append((str(found["data-claim"]), str(found["data-split"]), []))
            elif figure := self._figure():
                self.tables.setdefault(figure, []).append([])
        if tag in ("td", "th"):
            self._cells().append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self.open]
        if tags and tags[-1] == "script":
            self.scripts[str(self.open[-1][1].get("id"))] = data
        elif "td" in tags or "th" in tags:
            cells = self._cells()
            cells[-1] += data
        elif self.open and (kind := self.open[-1][1].get("class")):
            figure = self._figure()
            if figure:
                texts = self.figures[figure]
                texts[str(kind)] = texts.get(str(kind), "") + data
            elif kind == "sentence":
                self.sentences.append(data)

    def _figure(self) -> str | None:
        return next((str(one["id"]) for tag, one in self.open if tag == "figure"), None)

    def _cells(self) -> list[str]:
        if any("data-claim" in one for _, one in self.open):
            return self.claims[-1][2]
        figure = self._figure()
        return self.tables[figure][-1] if figure else self.elsewhere

    def models(self) -> dict:
        return json.loads(gzip.decompress(base64.b64decode(self.scripts["model-data"])))
