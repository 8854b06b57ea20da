"""The device a model runs on, and its memory."""

import resource
import sys

import torch

from gpu_jobs.errors import DeviceError, first_line


def pick_device(name: str | None) -> torch.device:
    """Return the device called `name`, or the first GPU if there is one, else the CPU.

    Raises:
        DeviceError: there is no such device.
    """
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("it holds no data")
        torch.zeros(1, device=device)
    # The two lines above only name the device and put one number there, and torch 2.13 says in each
    # of these ways that it has none: RuntimeError for no such kind, number or driver, and (as its
    # subclass NotImplementedError) for a kind without operations, such as mps on Linux;
    # AssertionError for one that it was built without, such as cuda in a build for CPUs;
    # ImportError for one that comes with another package, such as hpu.
    except (RuntimeError, AssertionError, ImportError) as error:
        raise DeviceError(
            f"The device {name!r} cannot be used here ({first_line(error)}): "
            "give --device cpu, or run on a machine that has it."
        ) from error
    return device


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device's memory, or the machine's, is used up."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def start_peak_memory(device: torch.device) -> None:
    """Forget earlier peaks of a GPU's memory; a process's own peak cannot be forgotten."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory that was in use: on a GPU by torch, else by the whole process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
