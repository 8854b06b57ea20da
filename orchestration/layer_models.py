"""Models that layer jobs measure: the dynamic partitions `models`, and where the weights are.

A partition is named by the id that the results carry. It stands for the Hub's model of that id,
unless it was registered for a local folder or file, or is the model of MODELSTRATA_GPU_MODEL.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg

from modelstrata.errors import ModelstrataError
from modelstrata.landing import write_atomically
from modelstrata.model_ids import validate_model_id
from modelstrata.settings import Settings

MODELS = "models"


@dataclass(frozen=True)
class Model:
    """A model to measure.

    Attributes:
        name: the id that results carry, and the partition's name.
        model: what the programs load: a Hub id, a folder or a GGUF file.
    """

    name: str
    model: str


def named_model(model: str, model_id: str = "") -> Model:
    """Return the model that a Hub id, a folder or a GGUF file stands for.

    Args:
        model: a Hub id, a folder or a GGUF file.
        model_id: the id of a folder or file in the results; by default its name.

    Raises:
        ModelstrataError: there is no such folder or file, or an id is none.
    """
    path = Path(model).expanduser()
    if path.is_dir() or path.suffix.lower() == ".gguf":
        if not path.exists():
            raise ModelstrataError(f"There is no GGUF file {path}: check the name of the model.")
        name = validate_model_id(model_id or (path.name if path.is_dir() else path.stem))
        return Model(name, str(path.resolve()))
    if path.is_file() or model.count("/") > 1 or model.startswith(("/", ".", "~")):
        raise ModelstrataError(
            f"There is no model folder {model}: give a folder, a .gguf file or a Hub id."
        )
    if model_id not in ("", model):
        raise ModelstrataError(
            f"The Hub model {model} keeps its id: leave the other one, {model_id}, out."
        )
    return Model(validate_model_id(model), model)


def configured_model(settings: Settings) -> Model:
    """Return the model of MODELSTRATA_GPU_MODEL.

    Raises:
        ModelstrataError: none is set, or it cannot be meant.
    """
    if not settings.gpu_model:
        raise ModelstrataError(
            "No model to measure: set MODELSTRATA_GPU_MODEL to a Hub id, a local folder or a "
            "GGUF file, or run `make gpu`, which fetches SmolLM2-135M-Instruct."
        )
    return named_model(settings.gpu_model, settings.gpu_model_id)


def working_folder(settings: Settings, name: str) -> Path:
    """Return where the results of a model are kept between runs.

    Raises:
        InvalidModelId: the name is no model id.
    """
    # No id holds "--", so that no two have one folder.
    return settings.layers / validate_model_id(name).replace("/", "--")


def register(settings: Settings, instance: dg.DagsterInstance, model: Model) -> None:
    """Make a model a partition, and remember where it is.

    Raises:
        StorageError: the data folder cannot be written.
    """
    text = json.dumps(asdict(model), indent=1)
    known = _file(settings, model.name)
    write_atomically(known, lambda path: path.write_text(text, encoding="utf-8"))
    instance.add_dynamic_partitions(MODELS, [model.name])


def model_of(settings: Settings, name: str) -> Model:
    """Return the model of a partition, which may have been added in the page by its Hub id.

    Raises:
        ModelstrataError: the name is no model id, or the file that remembers it is damaged.
    """
    known = _file(settings, name)
    if settings.gpu_model:
        mine = configured_model(settings)
        if mine.name == name:
            return mine
    if not known.exists():
        return Model(name, name)
    try:
        return Model(**json.loads(known.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelstrataError(
            f"{known} does not say where {name} is: remove it, and register the model again."
        ) from error


def _file(settings: Settings, name: str) -> Path:
    return working_folder(settings, name) / "model.json"
