"""Settings are the environment's, all of them listed, and the data folder moves as a whole."""

import re
from pathlib import Path

import pytest

from modelstrata.settings import ROOT, Settings


def test_env_example_lists_exactly_the_settings() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^#? ?MODELSTRATA_(\w+)=", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


def test_everything_that_is_written_lies_below_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELSTRATA_DATA", "elsewhere")
    settings = Settings()
    places = {
        name: getattr(settings, name)
        for name, value in vars(Settings).items()
        if isinstance(value, property)
    }
    places = {name: place for name, place in places.items() if isinstance(place, Path)}
    assert {"landing", "warehouse", "builds", "releases", "dagster_home"} <= set(places)
    for place in places.values():
        assert place.is_relative_to(tmp_path / "elsewhere")
    assert len(set(places.values())) == len(places)


def test_an_empty_setting_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSTRATA_DATA", "")
    monkeypatch.setenv("MODELSTRATA_THREADS", "")
    assert Settings().data == ROOT / "data"
    assert Settings().threads >= 1
