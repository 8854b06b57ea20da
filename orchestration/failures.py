"""Failures as people should read them: one clear sentence, without a traceback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb

from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings


@contextmanager
def clear_failures(settings: Settings) -> Iterator[None]:
    """Turn an expected error inside a step into a Dagster failure that is not retried."""
    try:
        yield
    except ModelstrataError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"data_folder": str(settings.data)},
            allow_retries=False,
        ) from error


def failed_nodes(run_results: Path, warehouse: Path) -> list[str]:
    """List dbt's failed nodes, one line each: the name, and what went wrong.

    A test whose rows tell their `problem` and `remedy` is quoted, in place of dbt's number of rows.

    Args:
        run_results: dbt's artifact; without it the list is empty.
        warehouse: the file that dbt wrote and tested, which nobody writes now.
    """
    if not run_results.exists():
        return []
    results = json.loads(run_results.read_text(encoding="utf-8"))["results"]
    return [
        f"{result['unique_id'].split('.')[2]}: "
        f"{_told(result, warehouse) or ' '.join((result['message'] or '').split())}"
        for result in results
        if result["status"] in ("error", "fail")
    ]


def _told(result: dict, warehouse: Path) -> str:
    query = result.get("compiled_code")
    if result["status"] != "fail" or not query:
        return ""
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            rows = connection.sql(query)
            if not {"problem", "remedy"} <= set(rows.columns):
                return ""
            told = rows.project("problem, remedy").fetchall()
    except duckdb.Error:
        return ""
    problems = "; ".join(problem for problem, _ in told)
    remedies = " ".join(dict.fromkeys(remedy for _, remedy in told))
    return f"{problems}. {remedies}"
