"""What steps that run a layer job have in common: partition, device, process, landing, metadata."""

import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import psutil

# Dagster 1.13 has no public name for it.
from dagster._core.errors import DagsterPipesExecutionError

from modelstrata.errors import JobFailed
from modelstrata.settings import ROOT, Settings
from orchestration.failures import clear_failures
from orchestration.layer_config import LayerConfig
from orchestration.layer_devices import held_device
from orchestration.layer_jobs import ANALYSES, command_line, land_results, read_results
from orchestration.layer_models import model_of
from orchestration.runs import process_tag

#: Seconds that a program has to end by itself when its run is stopped, before it is killed.
STOPPING_S = 10.0


def measured(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    name: str,
    config: LayerConfig,
) -> dg.MaterializeResult:
    """Run an analysis on the partition's model and land what it measured."""
    settings = Settings()
    context.instance.add_run_tags(context.run.run_id, process_tag())
    analysis = ANALYSES[name]
    with clear_failures(settings):
        model = model_of(settings, context.partition_key)
        options = config.options(settings)
        with held_device(settings) as device:
            command = command_line(settings, sys.executable, analysis, model, options, device)
            made = _launch(context, pipes, command)
        n_landed = land_results(settings, analysis, model)
        told = dict(made.metadata or {})
        keys = _result_keys(told)
        rows = read_results(settings, analysis, keys)
        context.log.info("%s rows of %s results; %s landed now.", len(rows), len(keys), n_landed)

        # From here on matplotlib is needed.
        from orchestration.layer_facts import numbers, plot

        facts = {**told, **numbers(rows, analysis), "plot": plot(settings, model, analysis, rows)}
    return dg.MaterializeResult(metadata=facts, data_version=made.data_version)


def _result_keys(told: dict[str, Any]) -> list[str]:
    """Take the keys of several results from what a program told, or find the key of one."""
    several = told.pop("result_keys", None)
    return several.value if several is not None else [told["result_key"].value]


def _launch(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, command: list[str]
) -> dg.MaterializeResult:
    """Run a program until it ends; return what it reported.

    Raises:
        JobFailed: it ended with an error.
        DagsterExecutionInterruptedError: the run was stopped, and the program with it.
    """
    context.log.info("Launching %s", shlex.join(command))
    try:
        with _no_child_left():
            done = pipes.run(command=command, context=context, cwd=str(ROOT))
    except subprocess.TimeoutExpired:
        # The run was stopped, and the program did not end by itself.
        raise dg.DagsterExecutionInterruptedError from None
    except DagsterPipesExecutionError as error:
        raise JobFailed(_told_error(context) or f"{command[2]}: {error}") from error
    return done.get_materialize_result()


def _told_error(context: dg.AssetExecutionContext) -> str | None:
    """Return with which error this step's program ended, in its own words, if it told one."""
    logs = context.instance.all_logs(context.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    errors = [
        entry.dagster_event.engine_event_data.error
        for entry in logs
        if entry.dagster_event is not None and entry.step_key == context.op.name
    ]
    told = [error.message.strip() for error in errors if error is not None]
    # Of an expected error the name of its class says nothing to a user.
    return re.sub(r"^(gpu_jobs|modelstrata)\.errors\.\w+: ", "", told[-1]) if told else None


@contextmanager
def _no_child_left() -> Iterator[None]:
    """Kill what the block started and did not end, when it is left by an exception."""
    me = psutil.Process()
    before = me.children(recursive=True)
    try:
        yield
    except BaseException:
        left = [child for child in me.children(recursive=True) if child not in before]
        for child in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(left)
        raise
