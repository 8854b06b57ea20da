"""The form of a Hub model id, checked before an id touches a path, SQL or a URL."""

import re

from modelstrata.errors import InvalidModelId

#: `name` or `owner/name`: letters, digits, `-`, `_` and `.`, at most 96 characters a part, as
#: huggingface_hub's `validate_repo_id` demands. The dbt macro `is_model_id` is the same rule.
MODEL_ID_PATTERN = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_MODEL_ID = re.compile(MODEL_ID_PATTERN)


def is_model_id(text: str) -> bool:
    """Tell whether `text` has the form of a Hub model id."""
    return (
        _MODEL_ID.fullmatch(text) is not None
        and ".." not in text
        and "--" not in text
        and text[-1] not in ".-"
    )


def validate_model_id(text: str) -> str:
    """Return `text` if it is a model id.

    Raises:
        InvalidModelId: it is not; the message quotes it.
    """
    if not is_model_id(text):
        raise InvalidModelId(
            f"{text!r} is no Hub model id: expected 'name' or 'owner/name' "
            "of letters, digits, '-', '_' and '.'."
        )
    return text
