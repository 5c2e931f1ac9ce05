"""Token counts, and text cut into tokens, without the network.

tiktoken downloads its tables on first use; litellm's wheel carries them, so they are taken from that folder
(located without importing litellm). Where they are missing, a token is taken to be 4 characters.
"""

import codecs
import importlib.util
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import tiktoken

_O200K_MODEL = re.compile(r"(^|/)(ft:)?(gpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|chatgpt-4o|o\d)")
# tiktoken names a cached table by the SHA-1 of its address.
_TABLE_FILES = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}
_CACHED_TEXT_CHARS = 2_000  # system prompts and our own sentences come again and again; long texts rarely do
_CACHED_TEXTS = 4_096
_CHARS_PER_TOKEN = 4


class Tokenizer(Protocol):
    """Counts and cuts texts as a model would."""

    def count(self, text: str) -> int: ...

    def split(self, text: str) -> tuple[str, ...]:
        """One string per token; joined they are the text. One that ends inside a character may be empty."""
        ...


class TiktokenTokenizer:
    """Exact for OpenAI's models. Short texts are remembered."""

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self._encoding = encoding
        self._cached_count = lru_cache(_CACHED_TEXTS)(self._count)
        self._cached_split = lru_cache(_CACHED_TEXTS)(self._split)

    def count(self, text: str) -> int:
        return self._cached_count(text) if len(text) <= _CACHED_TEXT_CHARS else self._count(text)

    def split(self, text: str) -> tuple[str, ...]:
        return self._cached_split(text) if len(text) <= _CACHED_TEXT_CHARS else self._split(text)

    def _count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))

    def _split(self, text: str) -> tuple[str, ...]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        tokens = self._encoding.encode_ordinary(text)
        return tuple(decoder.decode(part) for part in self._encoding.decode_tokens_bytes(tokens))


class EstimatingTokenizer:
    """4 characters are a token."""

    def count(self, text: str) -> int:
        return -(-len(text) // _CHARS_PER_TOKEN)

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(text[i : i + _CHARS_PER_TOKEN] for i in range(0, len(text), _CHARS_PER_TOKEN))


def tokenizer_for(model: str) -> Tokenizer:
    """The tokenizer of a model, by its name; loading a table takes about a second, once per process."""
    return _load("o200k_base" if _O200K_MODEL.search(model) else "cl100k_base")


@lru_cache
def _load(encoding: str) -> Tokenizer:
    folder = _folder_with(_TABLE_FILES[encoding])
    if folder is None:
        return EstimatingTokenizer()
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    return TiktokenTokenizer(tiktoken.get_encoding(encoding))


def _folder_with(table_file: str) -> Path | None:
    folders = [Path(os.environ["TIKTOKEN_CACHE_DIR"])] if os.environ.get("TIKTOKEN_CACHE_DIR") else []
    litellm = importlib.util.find_spec("litellm")  # finds the package without running any of it
    if litellm is not None and litellm.origin is not None:
        folders.append(Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers")
    return next((folder for folder in folders if (folder / table_file).is_file()), None)
