"""Benchmarks and protocols: the table `protocols.yaml`, read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gpu_jobs.errors import TaskError

_TABLE = Path(__file__).with_name("protocols.yaml")


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as one protocol asks for it.

    Attributes:
        name: the warehouse's name.
        protocol: the protocol's name.
        num_fewshot: examples in each prompt.
        task: lm-eval's stock task or group.
        folder: lm-eval's folder of the task.
        dataset: repository on the Hub, `owner/name`.
        metric: the warehouse's name of the score.
        config: the data set's configuration, None if it is the default or differs by subject.
        lm_eval_metric: lm-eval's name of the score; empty is `metric`.
        filter: lm-eval's filter of the answers that are scored.
        subjects: number of tasks in the group, 1 for a single task.
        documents: number of documents that the Hub's data hold.
        settings: lm-eval settings that the stock task leaves open.
    """

    name: str
    protocol: str
    num_fewshot: int
    task: str
    folder: str
    dataset: str
    metric: str
    documents: int
    config: str | None = None
    lm_eval_metric: str = ""
    filter: str = "none"
    subjects: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scored(self) -> str:
        """lm-eval's name of the score."""
        return self.lm_eval_metric or self.metric


def protocol_names() -> list[str]:
    """Return the names of all protocols."""
    return list(_read()["protocols"])


def benchmarks_of(
    protocol: str, chosen: Collection[str] = (), without: Collection[str] = ()
) -> list[Benchmark]:
    """Return the benchmarks of a protocol in the table's order.

    Args:
        protocol: its name.
        chosen: names of the wanted benchmarks; none is all of them.
        without: names of benchmarks to leave out.

    Raises:
        TaskError: the protocol or a name is unknown, or nothing is left.
    """
    table = _read()
    if protocol not in table["protocols"]:
        raise TaskError(
            f"There is no protocol {protocol!r}: choose one of {', '.join(table['protocols'])}."
        )
    shots: dict[str, int] = table["protocols"][protocol]
    for name in (*chosen, *without):
        if name not in shots:
            raise TaskError(
                f"The protocol {protocol} has no benchmark {name!r}: "
                f"choose among {', '.join(shots)}."
            )
    names = [name for name in shots if name in (chosen or shots) and name not in without]
    if not names:
        raise TaskError("Every benchmark is left out: name one with --tasks.")
    return [
        Benchmark(
            name=name, protocol=protocol, num_fewshot=shots[name], **table["benchmarks"][name]
        )
        for name in names
    ]


def _read() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(_TABLE.read_text("utf-8"))
    return table
