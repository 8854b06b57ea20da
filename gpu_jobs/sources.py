"""Where a model's weights come from: a Hub repository, a local folder or a GGUF file."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gpu_jobs import hub
from gpu_jobs.errors import ModelError, first_line
from modelstrata.landing import file_digest
from modelstrata.model_ids import validate_model_id


@dataclass(frozen=True)
class Source:
    """A model on this machine's disk, ready to be loaded.

    Attributes:
        model_id: the name that results carry.
        revision: commit of the Hub repository; None for a folder or a file.
        folder: folder with configuration, tokenizer and weights.
        weight_files: the files that hold the weights, in name order.
        weights_format: `safetensors`, or `gguf:` and the quantisation, such as `gguf:Q4_1`.
        gguf_file: name of the GGUF file in `folder`, if the model is one.
    """

    model_id: str
    revision: str | None
    folder: Path
    weight_files: tuple[Path, ...]
    weights_format: str
    gguf_file: str | None = None

    def weights_sha256(self) -> str:
        """Return the SHA-256 of the weight file, or of the files' digests if there are several."""
        digests = [_digest(path, path.stat().st_mtime_ns) for path in self.weight_files]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode()).hexdigest()


def locate(model: str, revision: str | None, model_id: str | None, remote_code: bool) -> Source:
    """Find a model: a path ending in `.gguf`, an existing folder, or else a Hub id.

    A Hub model is fetched into the Hub's cache. `model_id` names a model that is a file or a
    folder; without it the folder's name or the file's stem does.

    Raises:
        ModelError: it is missing, damaged or without safetensors weights.
        InvalidModelId: `model` or the name of the results is no model id.
    """
    path = Path(model).expanduser()
    if path.suffix.lower() == ".gguf" or path.is_dir():
        if revision is not None:
            raise ModelError(
                f"--revision {revision} needs a model on the Hub, but {model} is local: "
                "leave --revision out."
            )
        path = path.resolve()
        name = validate_model_id(model_id or (path.name if path.is_dir() else path.stem))
        if path.is_dir():
            return Source(name, None, path, _safetensors(path), "safetensors")
        return Source(name, None, path.parent, (path,), _gguf_format(path), path.name)
    if path.is_file() or model.count("/") > 1 or model.startswith(("/", ".", "~")):
        raise ModelError(
            f"There is no model folder {model}: give a folder, a .gguf file or a Hub id."
        )
    validate_model_id(model)
    if model_id not in (None, model):
        raise ModelError(
            f"--model-id {model_id} would rename the Hub model {model}: leave --model-id out."
        )
    folder = hub.fetch(model, revision, remote_code)
    return Source(model, folder.name, folder, _safetensors(folder), "safetensors")


@cache
def _digest(path: Path, changed_ns: int) -> str:
    # Many results of one run are keyed by the same large files.
    return file_digest(path)


def _safetensors(folder: Path) -> tuple[Path, ...]:
    single = folder / "model.safetensors"
    index = folder / "model.safetensors.index.json"
    if single.is_file():
        return (single,)
    if not index.is_file():
        pickles = sorted(p.name for p in (*folder.glob("*.bin"), *folder.glob("*.pt*")))
        why = f"only {pickles[0]}, a pickle, which is never loaded" if pickles else "no weights"
        raise ModelError(
            f"{folder} holds {why}: give a model with safetensors weights "
            "(model.safetensors), or a GGUF file."
        )
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError, OSError) as error:
        raise ModelError(f"{index} cannot be read: fetch the model again.") from error
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        what = missing[0] if missing else "every weight file"
        raise ModelError(f"{folder} lacks {what}, which {index.name} lists: fetch it again.")
    return tuple(folder / name for name in names)


def _gguf_format(path: Path) -> str:
    if not path.is_file():
        raise ModelError(f"There is no GGUF file {path}: check --model.")
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        kinds = Counter[str]()
        for tensor in reader.tensors:
            kinds[tensor.tensor_type.name] += int(tensor.n_elements)
        stated = reader.get_field("general.file_type")
        split = reader.get_field("split.count")
        parts = split.contents() if split else 1
        names = {int(known): known.name for known in gguf.LlamaFileType}
        kind = names.get(stated.contents()) if stated else None
    except Exception as error:  # damaged bytes make the reader fail in any way
        raise ModelError(
            f"{path} is no whole GGUF file ({first_line(error)}): fetch it again."
        ) from error
    if not kinds or parts > 1:
        raise ModelError(
            f"{path} holds {'one part of a model' if kinds else 'no weights'}: "
            "give a GGUF file with the whole model."
        )
    name = kind or kinds.most_common(1)[0][0]
    return "gguf:" + name.removeprefix("MOSTLY_").removeprefix("ALL_")
