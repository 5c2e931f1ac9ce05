"""What a turn asks of the documents in it, found by the turn alone. In doubt nothing: then nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EDGE = 1_200  # characters at each end of a long text in which its question is looked for
_MOST = 600  # characters of one: what is longer is a document
_LAST = 3  # sentences with a question mark, at most: some ask in several
_TAGGED = re.compile(r"<(question|query|user_query|task|request)>\s*(.{1,2000}?)\s*</\1>", re.IGNORECASE | re.DOTALL)
_LABELLED = re.compile(
    r"^[ \t>*#_-]{0,8}(?:user |user's )?(?:question|query|task|request|q|pregunta|consulta|tarea|问题|問題|任务)"
    r"[*_]{0,2}\s?[:：][*_]{0,2}\s*(\S.*)$",  # noqa: RUF001 - Chinese writes it so
    re.IGNORECASE | re.MULTILINE,
)
_ASKS = re.compile(r"[^.!?。！？؟\n]*(?:\.\w[^.!?。！？؟\n]*)*[?？؟]")  # noqa: RUF001 - the signs of other scripts
# What begins a task that asks for something in particular, and what needs the text as a whole.
_BIDS = re.compile(
    r"(?:please |now |then |por favor,? )?(?:find|list|tell|give|name|say|explain|describe|compare|identify|extract"
    r"|show|state|answer|check|look|determine|work out|calculate|who|what|when|where|which|why|how|busca|lista|di|dime"
    r"|da|nombra|explica|compara|indica|encuentra|muestra|responde)\b|请|告诉|列出|解释|比较|找出|说明",
    re.IGNORECASE,
)
_OF_ALL = re.compile(
    r"\b(?:summar|paraphras|translat|proofread|rewrit|reformat|correct the|edit the|tl;?dr|resum|traduc|reescrib)"
    r"|总结|摘要|翻译|改写|校对",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def question_of(texts: Sequence[str]) -> str:
    """What one turn asks; empty where it does not say, or where it asks for all of it (a summary, a translation).

    Looked for in its texts from the last to the first: between tags (`<question>`), behind a label (`Question:`), in
    sentences with a question mark at the end and then at the beginning, in a short last or first paragraph that bids
    somebody do something.

    Args:
        texts: The turn's blocks of text in their order.
    """
    found = _found(texts)
    return "" if _OF_ALL.search(found) else found


def _found(texts: Sequence[str]) -> str:
    for text in reversed(texts):
        if found := _marked(text):
            return found
    for find in (_by_sign, _by_place):
        for text in reversed(texts):
            if found := find(text):
                return found
    return ""


def _marked(text: str) -> str:
    for pattern, group in ((_TAGGED, 2), (_LABELLED, 1)):
        found = [each[group].strip() for each in pattern.finditer(text)]
        short = [each for each in found if 0 < len(each) <= _MOST]
        if short:
            return short[-1]
    return ""


def _by_sign(text: str) -> str:
    for edge in (text[-_EDGE:], text[:_EDGE]):
        found = [each[0].strip() for each in _ASKS.finditer(edge)]
        short = [each for each in found if len(each) > 1 and len(each) <= _MOST]
        if short:
            return " ".join(short[-_LAST:])
    return ""


def _by_place(text: str) -> str:
    paragraphs = [each.strip() for each in _PARAGRAPH.split(text) if each.strip()]
    ends = paragraphs[-1:] + paragraphs[:1]
    bids = (each for each in ends if _BIDS.match(each) or _OF_ALL.match(each))
    return next((each for each in bids if len(each) <= _MOST // 2), "")
