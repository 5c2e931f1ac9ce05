"""How many tokens a text is, without the network."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from litellm_plugins.errors import PluginError

CountTokens = Callable[[str], int]
"""Tokens of a text, in one model's own tokenizer. Special tokens that stand in it count as plain text."""

# tiktoken names a cached table by the SHA-1 of its address.
_CL100K_TABLE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_FOLDER_ENV = "TIKTOKEN_CACHE_DIR"


class TokenizerUnavailable(PluginError):
    """The tokenizer's table is not on this machine, and it is not fetched from the network."""

    code = "tokenizer_unavailable"


@lru_cache
def cl100k() -> CountTokens:
    """Counts tokens as `cl100k_base` does; loading it takes 0.2 s, once per process.

    The table is the one that LiteLLM's wheel carries, or that of `TIKTOKEN_CACHE_DIR`.

    Raises:
        TokenizerUnavailable: there is none.
    """
    folder = _folder_with(_CL100K_TABLE)
    if folder is None:
        raise TokenizerUnavailable(f"no table of cl100k_base ({_CL100K_TABLE}) in {_FOLDER_ENV} or LiteLLM's folder")
    import tiktoken  # noqa: PLC0415 - loaded by whoever counts

    before = os.environ.get(_FOLDER_ENV)
    os.environ[_FOLDER_ENV] = str(folder)  # tiktoken has no other way to be told
    try:
        encoding = tiktoken.get_encoding("cl100k_base")
    finally:
        if before is None:
            del os.environ[_FOLDER_ENV]
        else:
            os.environ[_FOLDER_ENV] = before

    def count(text: str) -> int:
        return len(encoding.encode_ordinary(text))

    return count


def _folder_with(table: str) -> Path | None:
    """Where it lies. LiteLLM's folder is found without importing LiteLLM."""
    folders = [Path(os.environ[_FOLDER_ENV])] if os.environ.get(_FOLDER_ENV) else []
    host = importlib.util.find_spec("litellm")
    if host is not None and host.origin is not None:
        folders.append(Path(host.origin).parent / "litellm_core_utils" / "tokenizers")
    return next((folder for folder in folders if (folder / table).is_file()), None)
