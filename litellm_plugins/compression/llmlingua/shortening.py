"""Prose made shorter by the sidecar, stretch by stretch, each by its own call; and each is checked."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.llmlingua.client import Compresses
from litellm_plugins.compression.llmlingua.protecting import stretches
from litellm_plugins.compression.llmlingua.protocol import Refusal, Refused, Wanted

# They are the text's own: it stays as it is whenever it comes, and the others go on.
_OF_THE_TEXT = frozenset({Refusal.UNREADABLE, Refusal.TOO_LONG, Refusal.MALFORMED})


@dataclass(frozen=True, slots=True)
class How:
    """What is asked of the model."""

    rate: float = 0.5  # share of the tokens to keep
    target_tokens: int | None = None  # of a whole text instead; shared out by length
    force_tokens: tuple[str, ...] = ()
    force_digits: bool = True


def shortened(text: str, how: How, sidecar: Compresses, *, until: float) -> str:
    """`text` with its prose shorter; code, data, numbers, negations, quotations and the like as they stand there.

    A stretch that lost what must not be lost stays as it was. `until` is by the clock of `time.monotonic`.

    Raises:
        Refused: the sidecar is late, busy or gone: the text goes out as it is, as a whole.
    """
    if how.rate >= 1 and how.target_tokens is None:
        return text  # the package would put it together anew
    out: list[str] = []
    at = 0
    found = list(stretches(text))
    prose = sum(each.end - each.start for each in found)
    for each in found:
        part = text[each.start : each.end]
        target = None if how.target_tokens is None else max(1, round(how.target_tokens * len(part) / prose))
        wanted = Wanted(
            text=part,
            keep=each.keep,
            rate=how.rate,
            target_tokens=target,
            force_tokens=how.force_tokens,
            force_digits=how.force_digits,
        )
        try:
            made = sidecar.compress(wanted, until=until)
        except Refused as exc:
            if exc.reason not in _OF_THE_TEXT:
                raise
            made = part
        out.extend((text[at : each.start], part if losses(part, made) else made))
        at = each.end
    return "".join([*out, text[at:]])
