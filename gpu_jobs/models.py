"""Loading a model from safetensors or GGUF, never from pickle, onto one device."""

import io
import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stderr
from typing import TYPE_CHECKING, Any

from gpu_jobs.errors import DeviceError, ModelError, first_line
from gpu_jobs.sources import Source

if TYPE_CHECKING:
    import torch

_LONGEST_BY_DEFAULT = 2048


def load_config(source: Source, remote_code: bool) -> Any:
    """Return the model's configuration.

    Raises:
        ModelError: there is none, or transformers does not know the architecture.
    """
    from transformers import AutoConfig, logging

    # What it would warn about is checked here, and said in one sentence.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        return AutoConfig.from_pretrained(source.folder, **_options(source, remote_code))
    except Exception as error:  # transformers raises every kind on a damaged configuration
        raise _refusal("configuration", source, error) from error


def load_tokenizer(source: Source, remote_code: bool) -> Any:
    """Return the model's tokenizer.

    Raises:
        ModelError: there is none that can be loaded.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source.folder, **_options(source, remote_code))
    except Exception as error:  # as above
        raise _refusal("tokenizer", source, error) from error


def load_model(
    source: Source, config: Any, dtype: str, device: "torch.device", remote_code: bool
) -> Any:
    """Return the causal language model on `device`, its weights of type `dtype`.

    Raises:
        ModelError: it cannot be loaded, or the files lack some of its weights.
        DeviceError: it does not fit into the device's memory.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from gpu_jobs.devices import out_of_memory

    # Typed as Any, for the report makes it a pair.
    read: Any = AutoModelForCausalLM.from_pretrained
    try:
        with _quiet_in_logs():
            model, report = read(
                source.folder,
                config=config,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                output_loading_info=True,
                **_options(source, remote_code),
            )
        model = model.to(device)
    except Exception as error:  # as above
        if out_of_memory(error):
            raise DeviceError(
                f"{source.model_id} does not fit into the memory of {device}: "
                "choose a smaller --dtype or a larger device."
            ) from error
        raise _refusal("model", source, error) from error
    # transformers fills gaps with random numbers; a missing vocabulary head would not matter.
    body = {id(weight) for weight in model.base_model.parameters()}
    needed = {name for name, weight in model.named_parameters() if id(weight) in body}
    missing = sorted(needed & set(report["missing_keys"]))
    if missing:
        raise ModelError(
            f"The weight files of {source.model_id} lack {missing[0]} "
            f"({len(missing)} weights in all): fetch the model again."
        )
    return model


def _quiet_in_logs() -> AbstractContextManager[object]:
    # Dequantisation draws a progress bar, which has no off switch and fills a log.
    return nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())


def longest(config: Any, asked: int | None) -> int:
    """Return the length in tokens at which texts are cut.

    It is `asked`, or else the model's context but at most 2048.

    Raises:
        ModelError: `asked` is longer than the model's context.
    """
    config = config.get_text_config(decoder=True)
    context = getattr(config, "max_position_embeddings", None)
    if not isinstance(context, int) or context < 1:
        return asked or _LONGEST_BY_DEFAULT
    if asked is not None and asked > context:
        raise ModelError(
            f"--max-length {asked} is longer than the model's context of {context} tokens: "
            f"give {context} or less."
        )
    return asked or min(context, _LONGEST_BY_DEFAULT)


def check_vocabulary(model: Any, encoded: list[list[int]]) -> None:
    """Check that the model has an embedding for each token id.

    Raises:
        ModelError: it has not, so that tokenizer and model do not belong together.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    highest = max(max(ids) for ids in encoded)
    if highest >= rows:
        raise ModelError(
            f"The tokenizer gives token {highest}, but the model knows only {rows} tokens: "
            "the two do not belong together, so fetch the model again."
        )


def check_finite(model: Any) -> None:
    """Check that no weight is NaN or infinite.

    Raises:
        ModelError: one is; the message names it.
    """
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise ModelError(
                f"The weight {name} holds NaN or infinity: the number type is too narrow or the "
                "weights are damaged, so try --dtype float32, or fetch the model again."
            )


def _options(source: Source, remote_code: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"trust_remote_code": remote_code}
    if source.gguf_file:
        options["gguf_file"] = source.gguf_file
    return options


def _refusal(what: str, source: Source, error: Exception) -> ModelError:
    place = source.folder / source.gguf_file if source.gguf_file else source.folder
    if "trust_remote_code" in str(error):
        return ModelError(
            f"{source.model_id} brings its own program code: "
            "add --trust-remote-code if you trust its authors."
        )
    if "Unrecognized configuration class" in str(error):
        return ModelError(
            f"{source.model_id} is no decoder-only language model: block influence is measured "
            "on those alone, so choose one."
        )
    return ModelError(
        f"The {what} of {place} cannot be loaded ({first_line(error)}): "
        "check that it is a whole model that this version of transformers knows."
    )
