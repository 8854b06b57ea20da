"""What can be wrong with the inputs of a job."""

from modelstrata.errors import ModelstrataError


class ModelError(ModelstrataError):
    """A model is missing, damaged, unsafe to load or not of a kind that can be measured."""


class TextError(ModelstrataError):
    """A text set is missing or holds nothing to measure on."""


class TaskError(ModelstrataError):
    """A benchmark is unknown, its data are missing or damaged, or it cannot be evaluated."""


class DeviceError(ModelstrataError):
    """The device is not there, or its memory is too small."""


class OutputError(ModelstrataError):
    """The output path is taken by something else."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".: ") if lines else type(error).__name__
