"""Multiply the embedded snapshot into a landing zone of any number of distinct models.

Each model of the snapshot is written several times under other names, in every table that it
stands in: owners, names, numbers of configs and listings, dates and scores vary, so that no two
copies hold the same texts. Every third copy names an earlier one as its base model, as fine-tunes
on the Hub do.
"""

from functools import partial
from pathlib import Path

import duckdb

from extract.land_snapshot import SNAPSHOT
from modelstrata.landing import land_file, prepare, write_atomically

_V1 = ("ARC", "HellaSwag", "MMLU", "TruthfulQA", "Winogrande", "GSM8K")
_V2 = ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO")
#: Tables of knowledge about classes, which do not grow with the number of models.
_KNOWLEDGE = ("config_schema", "parameter_terms")

_MACROS = """
-- Copy 0 is the model itself. Of `owner/name` copy 7 is `owner-7/kelo7-name`.
create macro word(text) as array_to_string(
    list_transform(range(4), lambda i: chr(97 + ((hash(text) >> (5 * i)) % 26)::integer)), '');
create macro copied_name(name, n) as word(name || '#' || n) || n || '-' || name;
create macro copied(id, n) as case
    when n = 0 then id
    when contains(id, '/')
        then split_part(id, '/', 1) || '-' || n || '/' || copied_name(split_part(id, '/', -1), n)
    else copied_name(id, n)
end;
create macro varied(text, key, n, step) as coalesce(replace(
    text,
    regexp_extract(text, '"' || key || '": ?\\d+'),
    '"' || key || '": ' || (
        try_cast(regexp_extract(text, '"' || key || '": ?(\\d+)', 1) as hugeint)
        + step * (hash(text, n) % 97)
    )
), text);
create macro varied_score(score, id, n) as case
    when n = 0 or score is null or score = 0 then score
    else least(greatest(score + (hash(id, n) % 2001)::integer / 1000.0 - 1, 0), 100)
end;
"""

_MODELS = """
create table models as
select
    key,
    unnest(range(case
        when row_number() over (order by hash(key, 1)) <= $n % count(*) over ()
            then $n // count(*) over () + 1
        else $n // count(*) over ()
    end)) as n
from (
    select lower(model_id) as key from hub_models
    union select lower(model_id) from hub_configs
    union select lower(trim("Model")) from open_llm_leaderboard_v1
    union select lower(fullname) from open_llm_leaderboard_v2
    union select lower(coalesce(nullif(regexp_extract(link, 'huggingface.co/(.+)', 1), ''), name))
        from bigcodebench
)
"""

_TABLES = {
    "hub_models": """
        select
            copied(model_id, n) as model_id,
            case when n = 0 then payload else
                replace(
                    varied(varied(payload, 'downloads', n, 3), 'likes', n, 1),
                    '{"id": "' || model_id || '"',
                    '{"id": "' || copied(model_id, n) || '", "lastModified": "2026-'
                    || 10 + hash(model_id, n) % 3 || '-' || 10 + hash(n, model_id) % 18
                    || 'T00:00:00.000Z"'
                    || case when n % 3 = 0 and not contains(payload, '"tags"')
                        then ', "tags": ["base_model:' || copied(model_id, n // 3) || '"]'
                        else '' end
                )
            end as payload,
            source,
            crawled_at
        from hub_models inner join models on lower(model_id) = key
    """,
    "hub_configs": """
        select
            copied(model_id, n) as model_id,
            case when n = 0 or not starts_with(config, '{') then config else
                '{"_name_or_path": "' || copied(model_id, n) || '", ' || ltrim(substr(
                    varied(varied(varied(config, 'vocab_size', n, 16), 'intermediate_size', n, 64),
                        'max_position_embeddings', n, 32),
                    2
                ))
            end as config,
            source,
            fetched_at,
            completeness
        from hub_configs inner join models on lower(model_id) = key
    """,
    "open_llm_leaderboard_v1": """
        select * exclude (key, n) replace (
            copied("Model", n) as "Model",
            SCORES,
            case when n = 0 then "Average ⬆️" else (SUM) / 6 end as "Average ⬆️"
        )
        from open_llm_leaderboard_v1 inner join models on lower(trim("Model")) = key
    """,
    "open_llm_leaderboard_v2": """
        select * exclude (key, n) replace (
            copied(fullname, n) as fullname,
            replace("Model", fullname, copied(fullname, n)) as "Model",
            SCORES,
            case when n = 0 then "Average ⬆️" else (SUM) / 6 end as "Average ⬆️"
        )
        from open_llm_leaderboard_v2 inner join models on lower(fullname) = key
    """,
    "bigcodebench": """
        select * exclude (key, n) replace (
            case when n = 0 then name else copied_name(name, n) end as name,
            case when n = 0 or link not like '%huggingface.co/%' then link
                else 'https://huggingface.co/'
                    || copied(regexp_extract(link, 'huggingface.co/(.+)', 1), n)
            end as link
        )
        from bigcodebench inner join models on
            lower(coalesce(nullif(regexp_extract(link, 'huggingface.co/(.+)', 1), ''), name)) = key
    """,
    "pretraining_compute": """
        select * exclude (key, n) replace (copied(model_id, n) as model_id)
        from pretraining_compute inner join models on lower(model_id) = key
    """,
}


def multiply(landing: Path, n_models: int, n_new: int = 0) -> dict[str, int]:
    """Land a snapshot of `n_models` distinct models, or a batch of `n_new` that come after them.

    Args:
        landing: landing zone.
        n_models: models in the first batch.
        n_new: if given, the batch `increment` is landed, for a zone of `n_models`: that many
            models, a fifth of them models that are there already and have changed since.

    Returns:
        rows landed by table.
    """
    prepare(landing)
    rows = {}
    with duckdb.connect() as connection:
        connection.execute(_MACROS)
        for table in _TABLES:
            path = SNAPSHOT / f"{table}.parquet"
            connection.execute(f"create view {table} as from read_parquet('{path}')")
        connection.execute(_MODELS, {"n": n_models})
        if n_new:
            _keep_increment(connection, n_new)
        for table, query in _TABLES.items():
            names = _V1 if table.endswith("v1") else _V2
            varied = {
                name: f"varied_score(\"{name}\", {_id(table)} || '{name}', n)" for name in names
            }
            scores = ", ".join(f'{score} as "{name}"' for name, score in varied.items())
            sql = query.replace("SCORES", scores).replace("SUM", " + ".join(varied.values()))
            relation = connection.sql(sql)
            batch = "increment" if n_new else "multiplied"
            target = landing / table / f"{batch}.parquet"
            write_atomically(target, partial(_write, relation))
            rows[table] = connection.read_parquet(str(target)).count("*").fetchall()[0][0]
    if not n_new:
        for table in _KNOWLEDGE:
            land_file(landing, table, "snapshot", SNAPSHOT / f"{table}.parquet")
    return rows


def _write(relation: duckdb.DuckDBPyRelation, path: Path) -> None:
    relation.write_parquet(str(path))


def _id(table: str) -> str:
    return '"Model"' if table.endswith("v1") else "fullname"


def _keep_increment(connection: duckdb.DuckDBPyConnection, n_new: int) -> None:
    """Replace `models` by the changed ones, crawled a month later, and the new ones."""
    connection.execute(
        """
        create or replace table models as
        (select key, n from models where n > 0 order by hash(key, n) limit $changed)
        union all
        (select key, 100000 + n from models order by hash(n, key) limit $new)
        """,
        {"changed": n_new // 5, "new": n_new - n_new // 5},
    )
    for table, column in (("hub_models", "crawled_at"), ("hub_configs", "fetched_at")):
        connection.execute(
            f"create or replace temp view {table} as "
            f"select * replace ({column} + interval 1 month as {column}) "
            f"from read_parquet('{SNAPSHOT / table}.parquet')"
        )
