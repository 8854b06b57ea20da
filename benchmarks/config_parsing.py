"""Parsing 300,000 configs: `python -m benchmarks.config_parsing`.

Generates configs as their classes write them: model types as often as the embedded snapshot has
them, every structural key of the type in its own spelling with a number drawn at random,
sub-configs where the type has them. Reads them in one run, one way after the other, each in a
process of its own:

- `modelstrata`: the SQL that dbt runs for stg_landing__hub_configs, with the spelling of each type,
  its class defaults, rules about absent keys, and a look at every value that is no plain number;
- `from_json`: one hand-written query, a struct of all known keys on two levels, the first key that
  is there counts; guarded against invalid JSON and endless numbers, which would end it;
- `from_json, common keys`: the same with the keys that are common to many types only;
- `json loop`: json.loads in a loop over a pandas frame, all known keys;
- `json loop, checked`: such a loop that does what modelstrata does up to defaults and rules, with
  each type's spelling and a look at every value: the independent reader of the tests;
- `json_normalize`: pandas.json_normalize of the loaded objects, all known keys.

Prints seconds, CPU seconds and peak memory of each, the ratio to `modelstrata`, and how many of the
values that modelstrata reads from keys the other way reads as well.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from extract.config_vocabulary import SWITCHES
from extract.land_snapshot import SNAPSHOT
from modelstrata.landing import land_file, prepare
from modelstrata.settings import DBT_PROJECT
from tests.dbt_project.config_reader import ConfigReader
from tests.dbt_project.conftest import Warehouse

_SEED = 20261122
_FIELDS = ("d_model", "layers", "heads", "kv_heads", "d_ffn", "vocab_size", "pos")
_COMMON = {
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "sliding_window": None,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.2",
    "use_cache": True,
}
_VISION = {"hidden_size": 1024, "image_size": 336, "num_hidden_layers": 24, "patch_size": 14}

#: {model type: ({field: first key}, JSON path of the language model's config, its model type)}
_Types = dict[str, tuple[dict[str, str], str | None, str]]


def known_types() -> tuple[_Types, list[str], list[int]]:
    """Return what transformers knows of each type, and the snapshot's types with their counts."""
    schema = f"read_parquet('{SNAPSHOT / 'config_schema.parquet'}')"
    types: _Types = {}
    for model_type, path, inner in duckdb.sql(
        "select model_type, max(json_path) filter (field = 'language_config'), "
        "coalesce(max(default_text) filter (field = 'language_config'), model_type) "
        f"from {schema} group by model_type"
    ).fetchall():
        types[model_type] = ({}, path, inner)
    for model_type, field, key in duckdb.sql(
        f"select model_type, field, arg_min(json_path, preference) from {schema} "
        "where field in (select field from " + schema + " where default_value is not null) "
        "and json_path is not null and not contains(json_path, '[]') group by all order by all"
    ).fetchall():
        types[model_type][0][field] = key
    drawn = duckdb.sql(
        f"select config ->> '$.model_type' as model_type, count(*) "
        f"from read_parquet('{SNAPSHOT / 'hub_configs.parquet'}') where model_type in "
        f"(select model_type from {schema} where field = 'architecture' and preference < 3) "
        "group by all order by all"
    ).fetchall()
    return types, [name for name, _ in drawn], [count for _, count in drawn]


def _put(config: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = value


def generate(n: int, path: Path) -> None:
    """Write `n` configs as one batch of hub_configs."""
    draw = random.Random(_SEED)
    types, names, weights = known_types()
    texts = []
    for number, name in enumerate(draw.choices(names, weights, k=n)):
        _, language_path, inner = types[name]
        width, layers = 64 * draw.randint(4, 256), draw.randint(4, 126)
        values = {"d_model": width, "layers": layers, "heads": width // 64, "d_ffn": 4 * width}
        values |= {"kv_heads": 8, "vocab_size": 32000, "pos": 4096, "head_dim": 64}
        level: dict[str, Any] = {"model_type": inner, **_COMMON}
        for field, key in types[inner][0].items():
            _put(level, key, False if field in SWITCHES else values.get(field, 16))
        config = level
        if language_path:
            config = {"model_type": name, "vision_config": _VISION}
            _put(config, language_path, level)
        config["architectures"] = [f"{name}ForCausalLM"]
        config["_name_or_path"] = f"owner/model-{number}"
        texts.append(json.dumps(config, indent=2))
    frame = pd.DataFrame({"model_id": [f"owner/model-{i}" for i in range(n)], "config": texts})
    frame["source"] = "hub"
    frame["completeness"] = "verbatim"
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(
            "copy (select *, now() as fetched_at from frame) "
            f"to '{path}' (format parquet, row_group_size 30000)"
        )


def compiled(data: Path) -> tuple[str, dict[str, list[str]], dict[str, list[str]]]:
    """Return the staging model's SQL as dbt compiles it, and the fields' keys: all, and common."""
    (data / "dev").mkdir(parents=True)
    prepare(data / "landing")
    for table in ("config_schema", "parameter_terms"):
        land_file(data / "landing", table, "schema", SNAPSHOT / f"{table}.parquet")
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--target", "dev"]
    command += ["--select", "+stg_landing__hub_configs"]
    command += ["--resource-type", "model", "--resource-type", "seed"]
    command += ["--target-path", str(data / "target"), "--log-path", str(data)]
    command += ["--profiles-dir", "."]
    environment = {**os.environ, "MODELSTRATA_DATA": str(data)}
    subprocess.run(command, cwd=DBT_PROJECT, env=environment, check=True)
    (found,) = (data / "target" / "compiled").glob("**/stg_landing__hub_configs.sql")
    every: dict[str, list[str]] = {}
    common: dict[str, list[str]] = {}
    with duckdb.connect(str(data / "dev" / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select field, spelling is null, unnest(json_paths) as json_path "
            "from intermediate.int_config_spellings order by 2 desc, 1, spelling"
        ).fetchall()
    for field, is_common, key in rows:
        for keys in (every, common) if is_common else (every,):
            if "." not in key and "[]" not in key and key not in keys.setdefault(field, []):
                keys[field].append(key)
    return found.read_text(), every, common


def hand_written(names: dict[str, list[str]], batch: Path) -> str:
    """Return one query with one struct type that reads every field on both levels."""
    keys = sorted({key for paths in names.values() for key in paths})
    level = ", ".join(f'"{key}": "DOUBLE"' for key in keys)
    columns = ", ".join(
        "try_cast(coalesce("
        + ", ".join([f's.text_config."{k}"' for k in paths] + [f's."{k}"' for k in paths])
        + f") as bigint) as {field}"
        for field, paths in names.items()
    )
    return (
        "with parsed as (select model_id, "
        f"from_json(case when json_valid(config) then config end, '{{{level}, "
        f"\"text_config\": {{{level}}}}}') as s from '{batch}') "
        f"select model_id, {columns} from parsed"
    )


def _loop(names: dict[str, list[str]], batch: Path) -> pd.DataFrame:
    frame = pd.read_parquet(batch, columns=["model_id", "config"])
    rows = []
    for model_id, text in zip(frame["model_id"], frame["config"], strict=True):
        config = json.loads(text)
        config = config.get("text_config", config)
        found = [next((config[k] for k in keys if k in config), None) for keys in names.values()]
        rows.append([model_id, *found])
    return pd.DataFrame(rows, columns=["model_id", *names])


def _checked_loop(data: Path, batch: Path) -> pd.DataFrame:
    frame = pd.read_parquet(batch, columns=["model_id", "config"])
    reader = ConfigReader(Warehouse(data))
    rows = []
    for model_id, text in zip(frame["model_id"], frame["config"], strict=True):
        read = reader.read(text)
        rows.append({"model_id": model_id} | ({} if isinstance(read, str) else read[0]))
    return pd.DataFrame(rows)


def _normalize(names: dict[str, list[str]], batch: Path) -> pd.DataFrame:
    frame = pd.read_parquet(batch, columns=["model_id", "config"])
    flat = pd.json_normalize([json.loads(text) for text in frame["config"]])
    for field, keys in names.items():
        paths = [p for key in keys for p in (f"text_config.{key}", key) if p in flat]
        frame[field] = flat[paths].bfill(axis=1).iloc[:, 0] if paths else None
    return frame


def run_one(way: str, data: Path, batch: Path) -> None:
    """Run one way; print its seconds, CPU seconds, peak memory in MiB and share of values read."""
    spec = json.loads((data / "spec.json").read_text())
    every, common = spec["every"], spec["common"]
    connection = duckdb.connect(str(data / "dev" / "warehouse.duckdb"), read_only=True)

    def query(sql: str) -> Callable[[], None]:
        return lambda: (connection.execute(f"create temp table parsed as {sql}"), None)[1]

    calls: dict[str, Callable[[], pd.DataFrame | None]] = {
        "modelstrata": query(spec["sql"]),
        "from_json": query(hand_written(every, batch)),
        "from_json, common keys": query(hand_written(common, batch)),
        "json loop": lambda: _loop(every, batch),
        "json loop, checked": lambda: _checked_loop(data, batch),
        "json_normalize": lambda: _normalize(every, batch),
    }
    start, cpu = time.perf_counter(), time.process_time()
    frame = calls[way]()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    if frame is not None:
        connection.register("parsed", frame)
    ours = data / "ours.parquet"
    if way == "modelstrata":
        stated = ", ".join(f"case when {f}_found < 200 then {f} end as {f}" for f in _FIELDS)
        connection.execute(f"copy (select model_id, {stated} from parsed) to '{ours}'")
    same = " + ".join(f"count(*) filter (ours.{f} = parsed.{f})" for f in _FIELDS)
    every_value = " + ".join(f"count(ours.{f})" for f in _FIELDS)
    (share,) = connection.sql(
        f"select ({same}) / ({every_value}) from '{ours}' as ours join parsed using (model_id)"
    ).fetchall()[0]
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": peak / 1024, "same": share}))


def main() -> None:
    """Measure every way, `--repeats` times in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--configs", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", nargs=3, metavar=("WAY", "DATA", "BATCH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_one(arguments.run[0], Path(arguments.run[1]), Path(arguments.run[2]))
        return
    with tempfile.TemporaryDirectory(prefix="modelstrata-configs-") as folder:
        data, batch = Path(folder) / "data", Path(folder) / "configs.parquet"
        sql, every, common = compiled(data)
        generate(arguments.configs, batch)
        # The batch beside the zone's empty schema file, which gives the optional columns.
        (data / "landing" / "hub_configs" / "generated.parquet").symlink_to(batch)
        spec = {"sql": sql, "every": every, "common": common}
        (data / "spec.json").write_text(json.dumps(spec))
        ways = ["modelstrata", "from_json", "from_json, common keys"]
        ways += ["json loop", "json loop, checked", "json_normalize"]
        measured: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(arguments.repeats):
            for way in ways:
                command = [sys.executable, "-m", "benchmarks.config_parsing"]
                command += ["--run", way, str(data), str(batch)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                measured[way].append(json.loads(done.stdout))
        medians = {
            way: {key: sorted(r[key] for r in runs)[len(runs) // 2] for key in runs[0]}
            for way, runs in measured.items()
        }
        ours = medians["modelstrata"]["seconds"]
        print(f"{arguments.configs:,} configs, median of {arguments.repeats}, seed {_SEED}")
        print(f"{'':<24}{'seconds':>9}{'CPU s':>9}{'peak MiB':>9}{'ratio':>9}{'same':>9}")
        for way, median in medians.items():
            ratio = median["seconds"] / ours
            print(
                f"{way:<24}{median['seconds']:>9.2f}{median['cpu']:>9.2f}"
                f"{median['mb']:>9.0f}{ratio:>9.2f}{median['same']:>9.1%}"
            )


if __name__ == "__main__":
    main()
