"""How many tokens a text, or a prompt, is to a model, by the host's count. Nobody else of us calls the host's counters.

Each takes a model by any name, and counts by its own tokenizer (`tokenizer_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import litellm

from litellm_plugins.compression.memo import key_of
from litellm_plugins.proxy.host.tokenizers import CL100K, O200K, tokenizer_of

if TYPE_CHECKING:
    from litellm_plugins.compression.memo import Memo

_BYTES_PER_TOKEN = 4


def counted(text: str, model: str) -> int:
    """Of a text. Where it cannot be read, four bytes are taken for a token, which is near enough to decide by."""
    try:
        return text_tokens(text, model)
    except Exception:  # noqa: BLE001 - the host raises what it likes
        return len(text.encode(errors="replace")) // _BYTES_PER_TOKEN


def text_tokens(text: str, model: str) -> int:
    """The same. Raises: whatever the host does where it cannot read the text."""
    return int(litellm.token_counter(model=tokenizer_of(model), text=text)) if text else 0


def message_tokens(messages: Sequence[Any], model: str, tools: Sequence[Any] | None = None) -> int:
    """Of messages as chat completions spell them, and of tools as OpenAI writes them for its models.

    No picture is fetched to be looked at. Raises: whatever the host does at a part that it does not know.
    """
    given: Any = list(tools) if tools else None
    return int(
        litellm.token_counter(
            model=tokenizer_of(model), messages=list(messages), tools=given, use_default_image_token_count=True
        )
    )


def remembered_tokens(known: Memo[int], model: str, text: str) -> int:
    """`counted`, once while `known` has room for it."""
    key = key_of(text, tokenizer_of(model))
    found = known.get(key)
    return known.setdefault(key, counted(text, model)) if found is None else found


def load_tokenizers() -> None:
    """Read the tables, a second of work: in a thread, before a request needs them."""
    for model in (CL100K, O200K):
        counted("a", model)
