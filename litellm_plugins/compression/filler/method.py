"""Leaving out fillers as a method of compression: of prose only, whatever the question and the rate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from litellm_plugins.compression.filler.phrases import Language, Phrases
from litellm_plugins.compression.methods import Context, Method, on_prose


def filler(languages: Sequence[Language]) -> Method:
    """The method, by the lists of these languages."""
    return _made(tuple(dict.fromkeys(languages)))


@lru_cache(maxsize=8)
def _made(languages: tuple[Language, ...]) -> Method:
    phrases = Phrases(languages)

    def shorten(pieces: Sequence[str], _: Context) -> list[str]:
        return [phrases.without(piece) for piece in pieces]

    return Method("filler", on_prose(shorten), settings="+".join(languages))
