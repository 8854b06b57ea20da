"""dbt's documentation of the warehouse, as one self-contained page.

It ships with the release, so that it names neither the machine nor the moment of the build: the
same code gives the same page.
"""

import json
from pathlib import Path
from typing import Any

from modelstrata.landing import write_atomically
from modelstrata.settings import Settings
from orchestration.dbt_cli import run_dbt

PAGE = "index.html"
#: What dbt notes of a run and of its folders, in its artifacts.
_OF_A_RUN = frozenset({
    "build_path", "compiled", "compiled_code", "compiled_path", "created_at", "extra_ctes",
    "extra_ctes_injected", "generated_at", "invocation_id", "invocation_started_at",
    "root_path", "run_started_at", "user_id",
})  # fmt: skip


def docs_page(settings: Settings) -> Path:
    """Return where the documentation lies."""
    return settings.docs / PAGE


def generate_docs(target_path: Path, fingerprint: str, data: Path) -> str:
    """Generate the page for the build file and return its text.

    Args:
        target_path: target folder of the build's last dbt run, whose manifest is used.
        fingerprint: what the warehouse was built from; it stands in the page.
        data: the data folder, whose place on this machine does not.

    Raises:
        BuildFailed: dbt could not generate it.
    """
    run_dbt(["docs", "generate", "--no-compile"], target_path)
    page = (target_path / PAGE).read_text(encoding="utf-8")
    for name in ("manifest", "catalog"):
        artifact = json.loads((target_path / f"{name}.json").read_text(encoding="utf-8"))
        text = json.dumps(_normalized(artifact), separators=(",", ":"))
        text = text.replace(json.dumps(str(data))[1:-1], "data")
        # Where dbt's own `--static` puts it.
        page = page.replace(f'"{name.upper()}.JSON INLINE DATA"', text.replace("</", "<\\/"))
    return page.replace("<head>", f'<head><meta name="fingerprint" content="{fingerprint}">', 1)


def publish_docs(page: str, settings: Settings) -> Path:
    """Put a generated page in the documentation's place and return its path.

    Raises:
        StorageError: the disk is full or not writable.
    """
    target = docs_page(settings)
    write_atomically(target, lambda path: path.write_text(page, encoding="utf-8"))
    return target


def _normalized(value: Any) -> Any:
    if isinstance(value, dict):
        # A column may be called anything. dbt's catalog lists schemas as their threads end.
        return {
            k: v if k == "columns" else _normalized(v)
            for k, v in sorted(value.items())
            if k not in _OF_A_RUN
        }
    return [_normalized(one) for one in value] if isinstance(value, list) else value
