"""What jobs on one model share: the model, loaded when it is needed, and their cells of results."""

import argparse
from collections.abc import Callable
from functools import cached_property
from typing import Any

from gpu_jobs import devices, models, results, sources
from gpu_jobs.cells import CellStore
from gpu_jobs.worklist import Cell, work_off

#: A text for the user.
Say = Callable[[str], None]


class ModelJob:
    """One model and a folder of results.

    Attributes:
        table: the table that the job is for.
    """

    table: str

    def __init__(self, args: argparse.Namespace, dagster: Any, say: Say) -> None:
        """Find the model.

        Args:
            args: the program's options.
            dagster: the connection to Dagster, or None.
            say: takes lines for the user.

        Raises:
            ModelstrataError: the device, model or output folder cannot be used.
        """
        self.args, self.dagster, self.say = args, dagster, say
        self.device = devices.pick_device(args.device)
        trust = args.trust_remote_code
        self.source = sources.locate(args.model, args.revision, args.model_id, trust)
        self.config = models.load_config(self.source, trust)
        self.tokenizer = models.load_tokenizer(self.source, trust)
        if args.max_length is not None:
            models.longest(self.config, args.max_length)
        results.check_writable(args.output / self.table)
        self.store = CellStore(args.output)

    @property
    def n_layers(self) -> int:
        """Number of the model's layers."""
        return int(self.config.get_text_config(decoder=True).num_hidden_layers)

    @cached_property
    def loaded(self) -> Any:
        """The model in evaluation mode, loaded when the first unfinished cell needs it."""
        trust = self.args.trust_remote_code
        found = models.load_model(
            self.source, self.config, self.args.dtype, self.device, trust
        ).eval()
        models.check_finite(found)
        return found

    def made(
        self, table: str, chosen: dict[str, Any], data_sha256: str, modules: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the columns that say how a result is made; all of them decide its key.

        Args:
            table: where it is filed.
            chosen: what decides it beside model, data, number type and device.
            data_sha256: digest of the data measured on.
            modules: the files of this folder that decide the numbers.
        """
        chosen = {
            **chosen,
            "table": table,
            "dtype": self.args.dtype,
            "device": self.device.type,
        }
        return results.provenance(self.source, chosen, data_sha256, modules)

    def read(self, table: str, made: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a finished cell."""
        return self.store.read(table, made["result_key"])

    def work_off(self, label: str, cells: list[Cell], columns: dict[str, str]) -> None:
        """Compute the cells that are not finished, under one progress bar."""
        work_off(self.store, cells, columns, label, self.say, self.dagster)
