"""The options of healing, with the relevance paper's settings (see `healing`) as defaults."""

import argparse

from gpu_jobs.lora import TARGETS
from gpu_jobs.options import positive, rate, share


def add_healing_options(made: argparse.ArgumentParser) -> None:
    """Add the options that say whether, where and how pruned models are fine-tuned."""
    add = made.add_argument_group("healing of pruned models").add_argument
    add(
        "--heal",
        action="store_true",
        help="fine-tune along each path on the task's train split, with adapters; needs the paths",
    )
    add(
        "--heal-shares",
        type=share,
        nargs="+",
        default=[0.25, 0.5, 0.75],
        help="of layers removed where it is done; paths reach that far (default: 0.25 0.5 0.75)",
    )
    add("--heal-steps", type=positive, help="optimiser steps at most (default: all epochs)")
    add("--heal-epochs", type=positive, default=10, help="at most (default: 10)")
    add(
        "--heal-patience",
        type=positive,
        default=2,
        help="epochs without a lower validation loss after which it ends (default: 2)",
    )
    add("--heal-limit", type=positive, help="train items a task, a tenth of them held out")
    add("--heal-learning-rate", type=rate, default=3e-4, help="at its peak (default: 3e-4)")
    add("--heal-targets", choices=TARGETS, default="feed_forward", help="where adapters are put")
