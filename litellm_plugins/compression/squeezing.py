"""One text of a message, or the tools, made shorter, or the reason why not. Pure, and by its turn alone.

So an old turn becomes the same bytes in every later request, and the provider's prefix stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litellm_plugins.compression.bodies import runs_at_client, text_at, written
from litellm_plugins.compression.checker import losses, question_stands
from litellm_plugins.compression.lossless.tools import compact_tools
from litellm_plugins.compression.methods import Chain, Context, LeftAlone
from litellm_plugins.compression.pieces import Pieces, Range, pieces_of
from litellm_plugins.compression.protected import Path, Touchable, Why
from litellm_plugins.compression.question import SHORT
from litellm_plugins.compression.rewriting import rewritten, with_whole_json
from litellm_plugins.compression.segments import segments
from litellm_plugins.model import CompressionReason

MOST_CHARS = 1_000_000  # of one text: a longer one takes seconds
_LOST = "lost_"
LOSSLESS = Chain()
_NO_CONTEXT = Context("", 1.0, len, lambda: 0.0)


@dataclass(frozen=True, slots=True)
class Squeezed:
    """What became of one text, or of the tools: `value` is None where the original is to be sent, for `reason`."""

    value: Any
    reason: str  # a `CompressionReason`, or lost_…
    saved_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Made:
    """A text after all methods: what was lost on the way, and why some did nothing."""

    text: str
    checked: str  # what it was when it was looked at last
    lost: str | None = None
    left: tuple[str, ...] = ()


def squeezed(
    text: str,
    ranges: Sequence[Range],
    tokens: Callable[[str], int],
    *,
    min_tokens: int,
    min_saved: float,
    chain: Chain = LOSSLESS,
    context: Context = _NO_CONTEXT,
) -> Squeezed:
    """`text` without what no reader needs, and without what the chain's methods leave out.

    Args:
        text: The whole text: a message's content, or one block of it.
        ranges: The characters of it that may be touched, in their order.
        tokens: Counts as the model does.
        min_tokens: What may be touched has at least so many.
        min_saved: The share of the text's tokens that has to go.
        chain: What is done.
        context: What its methods know; needed where there are any.
    """
    if len(text) > MOST_CHARS:
        return Squeezed(None, CompressionReason.TOO_LONG)
    cut = segments(text) if chain.methods else None
    wide = with_whole_json(text, ranges, cut)
    if sum(tokens(text[start:end]) for start, end in wide) < min_tokens:
        return Squeezed(None, CompressionReason.SHORT)
    pieces = pieces_of(text, ranges, cut) if chain.methods else Pieces((text,), (), ())
    made = _made(text, pieces, wide, chain, context)
    if made.lost is not None:
        return Squeezed(None, f"{_LOST}{made.lost}")
    before = tokens(text)
    saved = before - tokens(made.text) if len(made.text) < len(text) else 0
    if saved < max(1, min_saved * before):
        return Squeezed(None, next(iter(made.left), CompressionReason.LITTLE_SAVED))
    if lost := _lost(made.checked, made.text):
        return Squeezed(None, f"{_LOST}{lost}")
    if not question_stands(context.question, text, made.text):
        return Squeezed(None, f"{_LOST}question")
    return Squeezed(made.text, CompressionReason.APPLIED, saved)


def _made(text: str, pieces: Pieces, wide: list[Range], chain: Chain, context: Context) -> _Made:
    """All methods in their order, each one's loss looked for before the next hides it."""
    checked, left = text, []
    for method in chain.methods if pieces.passages else ():
        try:
            shorter = pieces.with_passages(method.shorten(pieces.passages, context))
        except LeftAlone as why:
            left.append(why.reason)
            continue
        if method.lost is not None:
            lost = _lost(checked, pieces.text) or method.lost(pieces.passages, shorter.passages, context)
            if lost:
                return _Made(text, text, lost, tuple(left))
            checked = shorter.text
        pieces = shorter
    final = pieces.text
    if chain.lossless:
        final = rewritten(final, wide if final == text else with_whole_json(final, pieces.ranges))
    return _Made(final, checked, None, tuple(left))


def _lost(before: str, after: str) -> str | None:
    found = losses(before, after)
    return found[0].what if found else None


def squeezed_tools(tools: Sequence[Any], tokens: Callable[[str], int], *, min_saved: float) -> Squeezed:
    """Tool definitions of the client's own without titles, examples and the like; those of a provider as they are."""
    made = [compact_tools([tool])[0] if runs_at_client(tool) else tool for tool in tools]
    before = tokens(written(tools))
    saved = before - tokens(written(made))
    if saved < max(1, min_saved * before):
        return Squeezed(None, CompressionReason.LITTLE_SAVED)
    return Squeezed(made, CompressionReason.APPLIED, saved)


def data_only(what: Touchable, view: Mapping[str, Any]) -> dict[Path, list[Range]]:
    """The texts of which all that is prose is a question: there may be data between, and nothing else is touched."""
    asked = (kept.path for kept in what.kept if kept.why is Why.QUESTION)
    return {path: [] for path in asked if len(text_at(view, path)) > SHORT}
