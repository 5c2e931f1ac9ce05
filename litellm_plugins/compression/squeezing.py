"""One text of a message, or the tools, made shorter, or the reason why not. Pure, and by the text alone.

So an old turn becomes the same bytes in every later request, and the provider's prefix stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litellm_plugins.compression.bodies import runs_at_client, text_at, written
from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.lossless.chain import lossless, tightened
from litellm_plugins.compression.lossless.table_reading import HEAD
from litellm_plugins.compression.lossless.tables import has_marks
from litellm_plugins.compression.lossless.tools import compact_tools
from litellm_plugins.compression.protected import Path, Touchable, Why
from litellm_plugins.compression.question import SHORT
from litellm_plugins.compression.segments import Kind, segments
from litellm_plugins.model import CompressionReason

MOST_CHARS = 1_000_000  # of one text: a longer one takes seconds
_LOST = "lost_"
_DATA = 600  # characters of JSON that nobody asks as a question
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Squeezed:
    """What became of one text, or of the tools: `value` is None where the original is to be sent, for `reason`."""

    value: Any
    reason: str  # a `CompressionReason`, or lost_…
    saved_tokens: int = 0


def squeezed(
    text: str, ranges: Sequence[Range], tokens: Callable[[str], int], *, min_tokens: int, min_saved: float
) -> Squeezed:
    """`text` without what no reader needs.

    Args:
        text: The whole text: a message's content, or one block of it.
        ranges: The characters of it that may be touched, in their order.
        tokens: Counts as the model does.
        min_tokens: What may be touched has at least so many.
        min_saved: The share of the text's tokens that has to go.
    """
    if len(text) > MOST_CHARS:
        return Squeezed(None, CompressionReason.TOO_LONG)
    wide = _with_whole_json(text, ranges)
    if sum(tokens(text[start:end]) for start, end in wide) < min_tokens:
        return Squeezed(None, CompressionReason.SHORT)
    made = rewritten(text, wide)
    before = tokens(text)
    saved = before - tokens(made) if len(made) < len(text) else 0
    if saved < max(1, min_saved * before):
        return Squeezed(None, CompressionReason.LITTLE_SAVED)
    if lost := losses(text, made):
        return Squeezed(None, f"{_LOST}{lost[0].what}")
    return Squeezed(made, CompressionReason.APPLIED, saved)


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


def rewritten(text: str, ranges: Sequence[Range]) -> str:
    """`text` with each range written without loss; all else, and the white space at a range's ends, byte for byte."""
    out: list[str] = []
    at = made = 0
    marked = has_marks(text)
    for start, end in ranges:
        core = text[start:end].strip()
        if not core:
            continue
        begin = text.index(core, start)
        stop = begin + len(core)
        free = (core[0] not in "[{" or _opens_line(text, begin)) and (core[-1] not in "]}" or _closes_line(text, stop))
        tight = lossless(core, tables_before=made) if free and not marked else tightened(core)
        made += 0 if marked else len(HEAD.findall(tight))
        out.extend((text[at:begin], tight))
        at = stop
    return "".join([*out, text[at:]])


def _with_whole_json(text: str, ranges: Sequence[Range]) -> list[Range]:
    """The ranges, and JSON as a whole that lies in one of them or is too long to be a question.

    What may be a question is found by its place and its signs, and so may reach into data, or be a string within it.
    """
    wide = list(ranges)
    if any(sign in text for sign in "[{"):
        data = [(part.start, part.end) for part in segments(text) if part.kind is Kind.JSON]
        wide += [
            (begin, stop)
            for begin, stop in data
            if stop - begin >= _DATA or any(start < stop and begin < end for start, end in ranges)
        ]
    joined: list[Range] = []
    for start, end in sorted(wide):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _opens_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _closes_line(text: str, at: int) -> bool:
    end = text.find("\n", at)
    return not text[at : len(text) if end < 0 else end].strip()
