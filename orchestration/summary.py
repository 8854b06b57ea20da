"""What `make build` ends with: rows, what was set aside, R², what is old, where things are."""

from datetime import UTC, datetime

import duckdb
from rich.console import Console
from rich.table import Table

from modelstrata.settings import Settings
from orchestration.dbt_cli import manifest
from orchestration.docs import docs_page
from orchestration.freshness import freshness
from release.catalog import marts
from release.folder import warehouse_version

QUERIES = (
    "select model_id, layers, d_model, heads, mmlu from marts.structure_performance "
    "where structure_tier = 'exact' order by mmlu desc limit 5",
    "select reason, count(*) from marts.rejected_records group by all order by 2 desc",
    "select benchmark, split, round(r2, 2) as r2, round(mae, 1) as mae "
    "from marts.regression_scores order by all",
)


def print_summary(settings: Settings, seconds: float) -> None:
    """Print the summary of the published warehouse."""
    console = Console(width=100)
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        console.print(_rows(connection))
        console.print(_set_aside(connection))
        console.print(_r2(connection))
        release = settings.releases / warehouse_version(connection)
    measured = freshness(settings.landing, manifest(), datetime.now(UTC))
    if old := [facts for facts in measured if facts.is_old]:
        console.print("[bold]Old facts[/bold]")
        for facts in old:
            console.print(f"  {facts}", soft_wrap=True, highlight=False)
    console.print("[bold]Where things are[/bold]")
    for label, path in (
        ("warehouse", settings.warehouse),
        ("release", release),
        ("docs", docs_page(settings)),
        ("report", settings.report / "index.html"),
    ):
        console.print(f"  {label:<10} {path}", soft_wrap=True, highlight=False)
    console.print("[bold]Three queries to try[/bold]")
    for query in QUERIES:
        command = f'  .venv/bin/duckdb -readonly {settings.warehouse} "{query}"'
        console.print(command, soft_wrap=True, highlight=False, markup=False)
    console.print(f"Done in {seconds:.0f} s.", highlight=False)


def _rows(connection: duckdb.DuckDBPyConnection) -> Table:
    table = Table(title="Rows per mart", title_justify="left")
    table.add_column("mart")
    table.add_column("rows", justify="right")
    table.add_column("one row per")
    for mart in marts(connection):
        grain = mart.description.rsplit("One row per ", 1)[-1].rstrip(".")
        table.add_row(mart.name, f"{mart.rows:,}", grain)
    return table


def _set_aside(connection: duckdb.DuckDBPyConnection) -> Table:
    total = connection.execute("select count(*) from marts.rejected_records").fetchone()
    table = Table(
        title=f"Set aside: {total[0] if total else 0:,} records and values, top five reasons",
        title_justify="left",
    )
    table.add_column("reason")
    table.add_column("kept out of")
    table.add_column("number", justify="right")
    table.add_column("meaning", overflow="fold")
    rows = connection.execute(
        "select reason, rejected_from, count(*), any_value(meaning) from marts.rejected_records "
        "group by reason, rejected_from order by 3 desc, 1, 2 limit 5"
    ).fetchall()
    for reason, place, number, meaning in rows:
        table.add_row(reason, place, f"{number:,}", meaning)
    return table


def _r2(connection: duckdb.DuckDBPyConnection) -> Table:
    table = Table(
        title="R² of a random forest on size, date, layers, d_model, d_ffn, heads, of held-out "
        "models; 95 % interval",
        title_justify="left",
    )
    for column in ("benchmark", "random split", "grouped by structure", "by family", "temporal"):
        table.add_column(column, justify="left" if column == "benchmark" else "right")
    rows = connection.execute(
        """
        select
            benchmark,
            max(shown) filter (split = 'random'),
            max(shown) filter (split = 'grouped_structure'),
            max(shown) filter (split = 'grouped_family'),
            max(shown) filter (split = 'temporal'),
            max(n) filter (split = 'grouped_structure'),
            max(n_groups) filter (split = 'grouped_structure')
        from (
            select *, format('{:.2f} [{:.2f}, {:.2f}]', r2, r2_low, r2_high) as shown
            from marts.regression_scores
            where regressor = 'random_forest' and feature_set = 'key' and tier = 'exact'
        )
        semi join (from marts.structure_scores where leaderboard = 'open_llm_v1') using (benchmark)
        group by benchmark
        order by benchmark
        """
    ).fetchall()
    for *cells, _, _ in rows:
        table.add_row(*[cell or "not fitted" for cell in cells])
    if rows and rows[0][5]:
        table.caption = (
            f"{rows[0][5]:,} models in {rows[0][6]} structure groups, which the intervals draw "
            "whole. The random split leaks: fine-tunes of one base model stand on both sides."
        )
        table.caption_justify = "left"
    return table
