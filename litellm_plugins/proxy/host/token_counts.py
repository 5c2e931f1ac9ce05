"""How many tokens a text is to a model, by the host's count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import litellm

from litellm_plugins.compression.memo import key_of

if TYPE_CHECKING:
    from litellm_plugins.compression.memo import Memo


def counted(text: str, tokenizer: str) -> int:
    """In the tokenizer of the model of that name."""
    try:
        return int(litellm.token_counter(model=tokenizer, text=text)) if text else 0
    except Exception:  # noqa: BLE001 - the host raises what it likes; four bytes a token is near enough to decide by
        return len(text.encode(errors="replace")) // 4


def remembered_tokens(known: Memo[int], tokenizer: str, text: str) -> int:
    """The same, counted once while `known` has room for it."""
    key = key_of(text, tokenizer)
    found = known.get(key)
    return known.setdefault(key, counted(text, tokenizer)) if found is None else found
