"""The structure paper's three CSV files, for those who have its notebooks.

The paper (arXiv 2509.18136) and its data card name the files; the names of their columns are those
of its tables (Table 1, Table 5) and texts. Not stated there, and so by assumption: that the id's
column is `model`, as in Table 5; that `date` is a day; `architecture` beside the structure; and the
order of the columns. Scores are of the first Open LLM Leaderboard, without those it flagged.
"""

from pathlib import Path

import duckdb

from modelstrata.errors import ModelstrataError
from modelstrata.landing import write_atomically

_STRUCTURE = (
    "size, d_model, d_ffn, heads, layers, kv_heads, vocab_size, pos, likes, downloads, "
    'cast("date" as varchar) as "date"'
)
_SCORES = "arc_challenge, hellaswag, mmlu, truthfulqa, winogrande, gsm8k"
#: Each file's rows and columns.
PAPER_FILES = {
    "model_info.csv": (
        "from marts.models left join marts.model_structures using (model_id)",
        f"model_id as model, {_STRUCTURE}, architecture",
    ),
    "performance.csv": (
        "from (pivot (from marts.benchmark_scores where leaderboard = 'open_llm_v1' "
        "and not coalesce(is_flagged, false)) "
        "on benchmark in ('arc_challenge', 'hellaswag', 'mmlu', 'truthfulqa', 'winogrande', "
        "'gsm8k') using max(score) group by model_id)",
        f"model_id as model, {_SCORES}",
    ),
    "merge_performance_parameter.csv": (
        "from marts.structure_performance where structure_tier = 'exact'",
        f"model_id as model, {_STRUCTURE}, {_SCORES}",
    ),
}
#: The marts that they are made of.
PAPER_MARTS = frozenset({"models", "model_structures", "benchmark_scores", "structure_performance"})


def write_paper_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[Path]:
    """Write the three CSV files of an open warehouse, each under a temporary name first.

    Raises:
        ModelstrataError: the warehouse lacks a mart that they are made of.
        StorageError: the disk is full or not writable.
    """
    written = []
    for name, (rows_of, columns) in PAPER_FILES.items():
        try:
            rows = connection.sql(rows_of).project(columns).order("model")
        except duckdb.CatalogException as error:
            reason = str(error).splitlines()[0]
            raise ModelstrataError(
                f"{name} cannot be made ({reason}): run `make build`."
            ) from error

        def write(path: Path, rows: duckdb.DuckDBPyRelation = rows) -> None:
            rows.write_csv(str(path), header=True)

        write_atomically(folder / name, write)
        written.append(folder / name)
    return written
