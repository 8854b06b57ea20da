"""Parsing 300,000 configs: `python -m benchmarks.config_parsing`.

Generates configs in the spelling of twenty model types, a fifth of them nested, with their numbers
drawn at random, and reads them in one run, one after the other and each in a process of its own:

- `modelstrata`: the SQL that dbt runs for stg_landing__hub_configs, with class defaults and rules;
- `from_json`: one hand-written query that reads the same fields by their general names on two
  levels, without defaults, rules or any look at values of the wrong type;
- `json loop`: json.loads in a loop over a pandas frame, with the same names;
- `json_normalize`: pandas.json_normalize of the loaded objects, then the same names.

Prints seconds, CPU seconds and peak memory of each, and the ratios to `modelstrata`.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd

from extract.land_snapshot import SNAPSHOT
from modelstrata.landing import land_file, prepare
from modelstrata.settings import DBT_PROJECT

_SEED = 20261122
_LLAMA_LIKE = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma2",
    "phi3",
    "stablelm",
    "olmo2",
    "granite",
    "mixtral",
    "qwen3_moe",
    "deepseek_v3",
    "cohere",
    "starcoder2",
)
_TYPES: tuple[tuple[str, tuple[str, str, str, str, str, str, str]], ...] = (
    *(
        (
            name,
            (
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "intermediate_size",
                "vocab_size",
                "max_position_embeddings",
            ),
        )
        for name in _LLAMA_LIKE
    ),
    ("gpt2", ("n_embd", "n_layer", "n_head", "", "n_inner", "vocab_size", "n_positions")),
    ("gptj", ("n_embd", "n_layer", "n_head", "", "n_inner", "vocab_size", "n_positions")),
    ("mpt", ("d_model", "n_layers", "n_heads", "", "", "vocab_size", "max_seq_len")),
    (
        "opt",
        (
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "",
            "ffn_dim",
            "vocab_size",
            "max_position_embeddings",
        ),
    ),
    ("falcon", ("hidden_size", "n_layer", "n_head", "num_kv_heads", "", "vocab_size", "")),
    ("bloom", ("hidden_size", "n_layer", "n_head", "", "", "vocab_size", "seq_length")),
)
_NESTED = ("llava", "gemma3", "mistral3", "qwen2_vl")
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
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.2",
    "use_cache": True,
}
_VISION = {"hidden_size": 1024, "image_size": 336, "num_hidden_layers": 24, "patch_size": 14}


def generate(n: int, path: Path) -> None:
    """Write `n` configs as one batch of hub_configs."""
    draw = random.Random(_SEED)
    texts = []
    for number in range(n):
        name, keys = draw.choice(_TYPES)
        width = 64 * draw.randint(4, 256)
        values = (width, draw.randint(4, 126), width // 64, 8, 4 * width, 32000, 4096)
        config: dict[str, object] = {k: v for k, v in zip(keys, values, strict=True) if k}
        config |= {"model_type": name, "architectures": [f"{name}ForCausalLM"], **_COMMON}
        config["_name_or_path"] = f"owner/model-{number}"
        if number % 5 == 0:
            config = {
                "model_type": draw.choice(_NESTED),
                "architectures": ["VisionForConditionalGeneration"],
                "text_config": config,
                "vision_config": _VISION,
            }
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


def compiled(data: Path) -> tuple[str, dict[str, list[str]]]:
    """Return the SQL of the staging model as dbt compiles it, and the general names of fields."""
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
    with duckdb.connect(str(data / "dev" / "warehouse.duckdb"), read_only=True) as connection:
        names = connection.execute(
            "select field, json_paths from intermediate.int_config_spellings where spelling is null"
        ).fetchall()
    return found.read_text(), {field: [p for p in paths if "." not in p] for field, paths in names}


def hand_written(names: dict[str, list[str]], batch: Path) -> str:
    """Return one query with one struct type that reads every field on both levels."""
    keys = sorted({key for paths in names.values() for key in paths})
    level = ", ".join(f'"{key}": "DOUBLE"' for key in keys)
    columns = ", ".join(
        "coalesce("
        + ", ".join([f's.text_config."{k}"' for k in paths] + [f's."{k}"' for k in paths])
        + f")::bigint as {field}"
        for field, paths in names.items()
    )
    return (
        f"with parsed as (select model_id, from_json(config, '{{{level}, "
        f"\"text_config\": {{{level}}}}}') as s from '{batch}') "
        f"select model_id, {columns} from parsed"
    )


def _loop(names: dict[str, list[str]], batch: Path) -> int:
    frame = pd.read_parquet(batch, columns=["model_id", "config"])
    rows = []
    for model_id, text in zip(frame["model_id"], frame["config"], strict=True):
        config = json.loads(text)
        config = config.get("text_config", config)
        found = [next((config[k] for k in keys if k in config), None) for keys in names.values()]
        rows.append([model_id, *found])
    return len(pd.DataFrame(rows, columns=["model_id", *names]))


def _normalize(names: dict[str, list[str]], batch: Path) -> int:
    frame = pd.read_parquet(batch, columns=["model_id", "config"])
    flat = pd.json_normalize([json.loads(text) for text in frame["config"]])
    for field, keys in names.items():
        paths = [p for key in keys for p in (f"text_config.{key}", key) if p in flat]
        if paths:
            frame[field] = flat[paths].bfill(axis=1).iloc[:, 0]
    return len(frame)


def run_one(way: str, data: Path, batch: Path) -> None:
    """Run one way and print its seconds, CPU seconds and the process's peak memory in MiB."""
    spec = json.loads((data / "spec.json").read_text())
    names, sql = spec["names"], spec["sql"]
    connection = duckdb.connect(str(data / "dev" / "warehouse.duckdb"))
    queries = {"modelstrata": sql, "from_json": hand_written(names, batch)}
    calls: dict[str, Callable[[], object]] = {
        "json loop": lambda: _loop(names, batch),
        "json_normalize": lambda: _normalize(names, batch),
    }

    def query() -> object:
        return connection.execute(f"create or replace temp table parsed as {queries[way]}")

    start, cpu = time.perf_counter(), time.process_time()
    calls.get(way, query)()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": peak}))


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
        sql, names = compiled(data)
        generate(arguments.configs, batch)
        landed = str(data / "landing" / "hub_configs" / "*.parquet")
        assert landed in sql
        # The batch beside the zone's empty schema file, which gives the optional columns.
        (data / "landing" / "hub_configs" / "generated.parquet").symlink_to(batch)
        (data / "spec.json").write_text(json.dumps({"sql": sql, "names": names}))
        ways = ("modelstrata", "from_json", "json loop", "json_normalize")
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
        print(f"{'':<16}{'seconds':>9}{'CPU s':>9}{'peak MiB':>9}{'ratio':>9}")
        for way, median in medians.items():
            ratio = median["seconds"] / ours
            print(
                f"{way:<16}{median['seconds']:>9.2f}{median['cpu']:>9.2f}"
                f"{median['mb']:>9.0f}{ratio:>9.2f}"
            )


if __name__ == "__main__":
    main()
