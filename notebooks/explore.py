"""Five questions to the warehouse, answered in SQL: `make notebook` opens it in the browser.

It reads the published warehouse, or a release folder after `-- --release FOLDER`. It runs as a
script too: a cell that fails ends it with an error.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Five questions to modelstrata", sql_output="pandas")

with app.setup:
    import sys
    from collections.abc import Callable
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo
    import pandas as pd

    from modelstrata.errors import ModelstrataError, WarehouseError
    from modelstrata.settings import Settings
    from modelstrata.warehouse import open_warehouse


@app.function
def opened(release: str) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse, or the Parquet files of a release folder as the same tables."""
    if not release:
        return open_warehouse(Settings().warehouse)
    files = sorted(Path(release).expanduser().glob("data/*.parquet"))
    if not files:
        raise WarehouseError(f"{release} is no release folder: it holds no data/*.parquet.")
    connection = duckdb.connect()
    connection.execute("create schema marts; use marts")
    for file in files:
        connection.read_parquet(str(file)).create_view(file.stem)
    return connection


@app.function
def answered(frame: pd.DataFrame, remedy: str, answer: Callable[[], list[object]]) -> mo.Html:
    """Show an answer and its picture, or what to run where there are no rows yet."""
    if frame.empty:
        return mo.callout(mo.md(f"There are no rows yet: {remedy}."), kind="warn")
    return mo.vstack(answer())


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Five questions to modelstrata

    Each is asked in SQL of the marts, and answered in a sentence that is computed and a picture.
    Change a query or a choice, and what depends on it follows. What every column means, `from
    duckdb_columns()` says, and so does the data card of the release.
    """)
    return


@app.cell
def _():
    try:
        warehouse = opened(str(mo.cli_args().get("release") or ""))
    except ModelstrataError as error:
        # One sentence, also where a script or an export runs this.
        sys.exit(f"error: {error}")
    return (warehouse,)


@app.cell
def _(warehouse):
    benchmarks = mo.sql(
        """
        select distinct benchmark from marts.smallest_models_to_reach
        where leaderboard = 'open_llm_v1' order by all
        """,
        engine=warehouse,
        output=False,
    )
    names = benchmarks["benchmark"].tolist() or ["mmlu"]
    benchmark = mo.ui.dropdown(
        names, value="mmlu" if "mmlu" in names else names[0], label="Benchmark"
    )
    benchmark
    return (benchmark,)


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 1. What is the smallest model that reaches a score?

    For one who has little memory. Models of organisations that make base models (`official`), on
    the first Open LLM Leaderboard.
    """)
    return


@app.cell
def _(benchmark, warehouse):
    smallest = mo.sql(
        f"""
        select threshold, month, size, model_id, score
        from marts.smallest_models_to_reach
        where leaderboard = 'open_llm_v1' and population = 'official'
            and benchmark = '{benchmark.value}' and is_record
        order by threshold, month
        """,
        engine=warehouse,
    )
    return (smallest,)


@app.cell
def _(benchmark, smallest):
    def _answer() -> list[object]:
        last = smallest.groupby("threshold").last()
        first = smallest.groupby("threshold").first()
        middle = last.index[len(last) // 2]
        now, then = last.loc[middle], first.loc[middle]
        shown = smallest[smallest["threshold"] % 10 == 0]
        chart = alt.Chart(shown, title=f"Smallest model that reaches a score on {benchmark.value}")
        return [
            mo.md(
                f"The smallest that scores {middle} on {benchmark.value} is **{now.model_id}**, of "
                f"{now['size']:.1f} billion parameters. The first that did, {then.model_id}, has "
                f"{then['size']:.1f}."
            ),
            chart.mark_line(interpolate="step-after", point=True)
            .encode(
                alt.X("month:T", title="Month"),
                alt.Y("size:Q", title="Billions of parameters").scale(type="log"),
                alt.Color("threshold:O", title="Score reached"),
                tooltip=["threshold", "model_id", "size", "score", "month"],
            )
            .properties(width=600, height=320),
        ]

    answered(smallest, "`make build` fills it from the leaderboards", _answer)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 2. Deep or wide, at a given size?

    Fine-tunes are near copies of one base model, so that each structure counts once, with the
    median score of its models; only structures of a model's own config (`exact`).
    """)
    return


@app.cell
def _(benchmark, warehouse):
    structures = mo.sql(
        f"""
        with
        structures as (
            select
                structure_group, any_value(layers) as layers, any_value(d_model) as d_model,
                median(size) as size, median({benchmark.value}) as score, count(*) as n_models
            from marts.structure_performance
            where structure_tier = 'exact' and size is not null
            group by structure_group
        )
        select
            case
                when size < 2 then '1: below 2' when size < 5 then '2: 2 to 5'
                when size < 9 then '3: 5 to 9' when size < 20 then '4: 9 to 20'
                else '5: 20 and more'
            end as billions,
            *, d_model / layers as width_per_layer
        from structures
        order by size
        """,
        engine=warehouse,
    )
    return (structures,)


@app.cell
def _(structures, warehouse):
    # `structures` is the frame above: DuckDB reads it by its name.
    warehouse.register("structures_shown", structures)
    depth = mo.sql(
        """
        with ranked as (
            select
                *, rank() over (partition by billions order by width_per_layer) as by_shape,
                rank() over (partition by billions order by score) as by_score
            from structures_shown
        )
        select
            billions, count(*) as n_structures, sum(n_models) as n_models,
            round(-corr(by_shape, by_score), 2) as deeper_and_better
        from ranked group by billions order by billions
        """,
        engine=warehouse,
    )
    return (depth,)


@app.cell
def _(benchmark, depth, structures):
    def _answer() -> list[object]:
        told = depth.dropna(subset=["deeper_and_better"])
        better = int((told["deeper_and_better"] > 0).sum())
        chart = alt.Chart(structures, title=f"Shape and {benchmark.value}, one point a structure")
        return [
            mo.md(
                f"In {better} of {len(told)} size classes the narrower and deeper structures score "
                f"higher (rank correlation). It is {len(structures)} structures in all, and newer "
                "models are deeper as well as better trained: this is no proof of a cause."
            ),
            chart.mark_circle(size=70)
            .encode(
                alt.X("width_per_layer:Q", title="Width per layer (d_model / layers)"),
                alt.Y("score:Q", title="Median score").scale(zero=False),
                alt.Color("billions:O", title="Billions of parameters"),
                tooltip=["structure_group", "layers", "d_model", "size", "score", "n_models"],
            )
            .properties(width=600, height=320),
        ]

    answered(structures, "`make build` fills it from configs and leaderboards", _answer)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 3. How much of a score does structure explain, once copies are kept apart?

    A random forest on size, date, layers, d_model, d_ffn and heads. At random, near copies of one
    base model stand on both sides of the split; grouped by structure, they never do.
    """)
    return


@app.cell
def _(warehouse):
    explained = mo.sql(
        """
        select benchmark, split, r2, r2_low, r2_high, n, n_groups
        from marts.regression_scores
        where regressor = 'random_forest' and feature_set = 'key' and tier = 'exact'
        order by benchmark, split
        """,
        engine=warehouse,
    )
    return (explained,)


@app.cell
def _(explained):
    def _answer() -> list[object]:
        wide = explained.pivot(index="benchmark", columns="split", values="r2")
        drop = (wide["random"] - wide["grouped_structure"]).dropna().sort_values()
        base = alt.Chart().encode(
            alt.Y("split:N", title=None),
            alt.X("r2:Q", title="R² with 95 % interval").scale(domain=(-0.5, 1), clamp=True),
            alt.Color("split:N", legend=None),
        )
        ends = {"x": alt.X("r2_low:Q", title="R² with 95 % interval"), "x2": "r2_high:Q"}
        return [
            mo.md(
                f"Between {drop.iloc[0]:.2f} ({drop.index[0]}) and {drop.iloc[-1]:.2f} "
                f"({drop.index[-1]}) of R² goes when structures that were seen are kept out."
            ),
            alt.layer(
                base.mark_rule().encode(**ends),
                base.mark_point(filled=True, size=60),
                data=explained,
            )
            .properties(width=400, height=70)
            .facet(row=alt.Row("benchmark:N", title=None), title="R² of held-out models"),
        ]

    answered(explained, "`make build` fits it", _answer)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 4. Which layers can go, and is the choice better than chance?

    Layers with the least block influence were removed, and beside them random draws of as many.
    """)
    return


@app.cell
def _(warehouse):
    removed = mo.sql(
        """
        select
            model_id, benchmark, n_removed, removed_layers, before, after, difference_low,
            difference, difference_high, mean_drawn_difference, n_draws, n_draws_beaten
        from marts.pruning_comparisons
        where not is_at_chance and n_draws > 0
        order by model_id, benchmark, n_removed
        """,
        engine=warehouse,
    )
    return (removed,)


@app.cell
def _(removed):
    def _answer() -> list[object]:
        beaten, draws = removed["n_draws_beaten"].sum(), removed["n_draws"].sum()
        kinds = {
            "difference": "least influence",
            "mean_drawn_difference": "mean of random draws",
        }
        long = removed.melt(["model_id", "benchmark", "n_removed"], list(kinds), "layers removed")
        long["layers removed"] = long["layers removed"].map(kinds)
        return [
            mo.md(
                f"The chosen layers cost less than the random ones in {beaten} of {draws} draws, "
                f"over {len(removed)} removals of {removed['model_id'].nunique()} model."
            ),
            alt.Chart(long)
            .mark_line(point=True)
            .encode(
                alt.X("n_removed:O", title="Layers removed"),
                alt.Y("value:Q", title="Points lost or won"),
                alt.Color("layers removed:N", title=None),
                tooltip=["model_id", "benchmark", "n_removed", "layers removed", "value"],
            )
            .properties(width=260, height=220)
            .facet(column=alt.Column("benchmark:N", title=None), title="Score after a removal"),
        ]

    answered(removed, "`make gpu ANALYSIS=pruning` measures it", _answer)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## 5. Where do sources disagree on what a model is?

    For one who mends the data: every value that was seen is in `structure_values`, with its source
    and whether it was chosen.
    """)
    return


@app.cell
def _(warehouse):
    disputed = mo.sql(
        """
        select
            field, count(distinct model_id) as n_models,
            count(distinct model_id) filter (where has_conflict) as n_disputed,
            round(100 * n_disputed / n_models, 2) as percent
        from marts.structure_values
        group by field
        order by percent desc, field
        """,
        engine=warehouse,
    )
    return (disputed,)


@app.cell
def _(disputed):
    def _answer() -> list[object]:
        worst = disputed.iloc[0]
        return [
            mo.md(
                f"Most often on **{worst.field}**: for {worst.n_disputed:,} of the "
                f"{worst.n_models:,} models that state one ({worst.percent:.1f} %)."
            ),
            alt.Chart(disputed, title="Models on which sources disagree")
            .mark_bar()
            .encode(
                alt.X("percent:Q", title="Per cent of the models with a value"),
                alt.Y("field:N", title=None).sort("-x"),
                tooltip=["field", "n_models", "n_disputed", "percent"],
            )
            .properties(width=600, height=260),
        ]

    answered(disputed, "`make build` fills it", _answer)
    return


if __name__ == "__main__":
    app.run()
