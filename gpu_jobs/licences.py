"""The licence that a model's own files state."""

from typing import Any

import yaml

from gpu_jobs.sources import Source

#: As the Hub's model cards spell them, and as GGUF files do.
_KEYS = {
    "license": "general.license",
    "license_name": "general.license.name",
    "license_link": "general.license.link",
}


def licence(source: Source) -> dict[str, str]:
    """Return the licence as keys of a model card's header; none where the files state none.

    A GGUF file says it in its metadata, a folder in the header of its README.md.
    """
    found = _of_gguf(source) if source.gguf_file else _of_folder(source)
    return {key: text for key, text in found.items() if isinstance(text, str) and text}


def _of_gguf(source: Source) -> dict[str, Any]:
    import gguf

    reader = gguf.GGUFReader(source.weight_files[0])
    fields = {key: reader.get_field(name) for key, name in _KEYS.items()}
    return {key: found.contents() for key, found in fields.items() if found}


def _of_folder(source: Source) -> dict[str, Any]:
    from huggingface_hub.repocard import metadata_load

    card = source.folder / "README.md"
    try:
        header = metadata_load(card) if card.is_file() else None
    except (ValueError, yaml.YAMLError):
        # A card of no proper form states nothing.
        return {}
    return {key: (header or {}).get(key) for key in _KEYS}
