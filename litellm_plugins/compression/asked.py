"""What a turn asks of the documents in it, found by the turn alone. In doubt nothing: then nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_EDGE = 1_200  # characters at each end of a long text in which its question is looked for
_MOST = 600  # characters of one: what is longer is a document
_LAST = 3  # sentences with a question mark, at most: some ask in several
_LONGEST_TAGGED, _LAST_TAGGED = 2_000, 200  # characters of one, and how many are looked at
_OPENING = re.compile(r"<(question|query|user_query|task|request)>", re.IGNORECASE)
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
    r"\b(?:summar|paraphras|translat|proofread|rewrit|reformat|correct the|edit the|tl;?dr|resum|traduc|reescrib"
    r"|main (?:idea|point|topic|theme|argument|message)|key (?:point|idea|takeaway)|takeaways|what does (?:this|it) say"
    r"|(?:is|are) (?:this|these|it|the (?:text|document|article|paper|story|passage|file|report|thread|conversation)s?)"
    r"\b[^.?!\n]{0,30}\babout(?=\s*(?:[?.!]|$)))"
    r"|总结|摘要|翻译|改写|校对",
    re.IGNORECASE,
)
# The like as the first words of a sentence, or of what somebody is asked to do: it needs the text as a whole.
_WANTS_ALL = re.compile(
    r"(?:^|[.!?:]\s{1,4}|\n|\b(?:please|kindly|(?:can|could|would|will) you|(?:want|need) you to|help me|por favor,?)"
    r"\s{1,4}(?:please |to )?)(?:summari[sz]e|sum up|paraphrase|translate|proof-?read|rewrite|rephrase|reword|reformat"
    r"|shorten|condense|simplify|convert|transcribe|classify|categori[sz]e|polish|improve|revise|edit|expand|continue"
    r"|reply to|(?:correct|fix|review|check|turn|make)"
    r" (?:this|it|my|our|any|all|the (?:following|above|text|grammar|spelling|style))"
    r"|respond to (?:this|the (?:e-?mail|mail|message|letter|review|comment))"
    r"|resum[ae] (?:el|la|los|las|lo|este|esta|esto)|traduc[ei]|traduzca|reescrib[ae]|corrig[ea])\b"
    r"|\b(?:give|write|make|provide|create|need|want)\b[^.?!\n]{0,30}\bsummary\b"
    r"|(?:^|请|帮我)(?:总结|概括|翻译|改写|校对|润色)",
    re.IGNORECASE,
)
_OF_DOCUMENTS = re.compile(
    r"\b(?:answer|question|context|documents?|passages?|sources?|excerpts?|results)\b", re.IGNORECASE
)
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")
_SIGNS = ("?", "？", "؟")  # noqa: RUF001 - of other scripts


def question_of(texts: Sequence[str]) -> str:
    """What one turn asks; empty where it does not say, or where it asks for all of it (a summary, a translation).

    Looked for in its texts from the last to the first: between tags (`<question>`), behind a label (`Question:`). Where
    neither is, in sentences with a question mark at the end and then at the beginning. Those may be a document's, so
    what a short first or last paragraph asks, or bids somebody do, belongs to it as well.

    Args:
        texts: The turn's blocks of text in their order.
    """
    found = next((marked for text in reversed(texts) if (marked := _marked(text))), "")
    if not found:
        ends = _ends(texts)
        if any(_WANTS_ALL.search(each[:_MOST]) or _WANTS_ALL.search(each[-_MOST:]) for each in ends):
            return ""
        found = _together(next((sign for text in reversed(texts) if (sign := _by_sign(text))), ""), ends)
    return "" if _OF_ALL.search(found) else found


def _marked(text: str) -> str:
    for found in (_tagged(text), (each[1].strip() for each in _LABELLED.finditer(text))):
        short = [each for each in found if 0 < len(each) <= _MOST]
        if short:
            return short[-1]
    return ""


def _tagged(text: str) -> Iterator[str]:
    """What stands between tags. Nothing is read twice, whatever a client writes: a pattern stops all other requests."""
    lower = text.lower() if len(text.lower()) == len(text) else text
    for opening in list(_OPENING.finditer(text))[-_LAST_TAGGED:]:
        start = opening.end()
        end = lower.find(f"</{opening[1].lower()}>", start, start + _LONGEST_TAGGED)
        if end >= 0:
            yield text[start:end].strip()


def _by_sign(text: str) -> str:
    for edge in (text[-_EDGE:], text[:_EDGE]):
        found = [each[0].strip() for each in _ASKS.finditer(edge)]
        short = [each for each in found if len(each) > 1 and len(each) <= _MOST]
        if short:
            return " ".join(short[-_LAST:])
    return ""


def _ends(texts: Sequence[str]) -> list[str]:
    """The turn's first paragraph and its last."""
    told = [text.strip() for text in texts if text.strip()]
    if not told:
        return []
    first, last = _PARAGRAPH.split(told[0], maxsplit=1)[0].strip(), _PARAGRAPH.split(told[-1])[-1].strip()
    return [first] if first == last else [first, last]


def _together(sign: str, ends: Sequence[str]) -> str:
    """The question by its sign, and what the ends ask beside it; not that it be answered from the documents."""
    bids = [each for each in ends if 1 < len(each) <= _MOST // 2 and (_BIDS.match(each) or each.endswith(_SIGNS))]
    if sign:
        bids = [each for each in bids if each.endswith(_SIGNS) or not _OF_DOCUMENTS.search(each)]
    elif bids:
        return bids[-1]
    return " ".join([*(each for each in bids if each not in sign and sign not in each), *([sign] if sign else [])])
