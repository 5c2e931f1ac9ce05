"""LLMLingua-2 as a method of compression: passages go to the sidecar, and come back shorter or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from litellm_plugins.compression.llmlingua.client import Compresses
from litellm_plugins.compression.llmlingua.protocol import Refusal, Refused
from litellm_plugins.compression.llmlingua.shortening import How, shortened
from litellm_plugins.compression.methods import Context, LeftAlone, Method
from litellm_plugins.model import CompressionReason

NAME = "llmlingua"
_OF_DEADLINE = 0.9  # the share of what is left that the sidecar has; what follows it takes its time too
_TOLD = {
    Refusal.BUSY: CompressionReason.BUSY,
    Refusal.DEADLINE: CompressionReason.DEADLINE,
    Refusal.TOO_LONG: CompressionReason.TOO_LONG,
}


def llmlingua(
    sidecar: Compresses,
    *,
    settings: str,
    target_tokens: int | None = None,
    force_tokens: Sequence[str] = (),
    force_digits: bool = True,
    refused: Callable[[Refusal, str], None] = lambda _reason, _detail: None,
) -> Method:
    """The method.

    Args:
        sidecar: Who is asked.
        settings: Which model, and whatever else of it changes the result.
        target_tokens: What may stay of a text, in tokens, instead of the context's rate.
        force_tokens: What stays wherever it stands.
        force_digits: Words with digits stay.
        refused: Told why the sidecar did nothing.
    """
    shared = (target_tokens, tuple(force_tokens), force_digits)

    def shorten(passages: Sequence[str], context: Context) -> list[str]:
        until = time.monotonic() + context.left_s() * _OF_DEADLINE
        chars = sum(map(len, passages))
        made: list[str] = []
        for passage in passages:
            target = None if target_tokens is None else max(1, round(target_tokens * len(passage) / chars))
            how = How(context.rate, target, tuple(force_tokens), force_digits)
            try:
                made.append(shortened(passage, how, sidecar, until=until))
            except Refused as exc:
                refused(exc.reason, exc.detail)
                raise LeftAlone(_TOLD.get(exc.reason, CompressionReason.COMPRESSOR_UNAVAILABLE)) from exc
        return made

    return Method(NAME, shorten, settings=f"{settings} {shared}")
