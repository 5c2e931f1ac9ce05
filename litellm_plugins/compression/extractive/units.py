"""Prose of a prompt cut into paragraphs with their headings, as documents stand there that programs paste in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BREAK = re.compile(r"(?=\n[ \t\r]*\n)(?<!\n)|(?=\n[^\n]{0,40}\(Title: )")
_LINE = re.compile(r"\s*[^\n]*")
_MOST = 120  # characters of a heading
_LISTED = re.compile(r"[-*+•·–|>]\s|\d{1,3}[.)]\s+\S.*[.;,]$")  # noqa: RUF001 - a dash
_ENDS = (".", "!", "?", ";", ",", "。", "！", "？", "…")  # noqa: RUF001 - the signs of other scripts
# "Document [3](Title: Super Bowl 50) In early 2012…" (Liu et al., Lost in the Middle, 2023), and its like.
_TITLED = re.compile(r"\s*(?:[A-Z]\w{2,12} )?\[?\d{0,4}\]?:? ?\(Title: ((?:[^()\n]|\([^()\n]*\)){1,200})\)")
_SAYS_TITLE = re.compile(
    r"^[\W_]*(?:(?:document|source|passage|context|chunk|result|page|title|doc)\b\W*\d*\W*)*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A paragraph of a passage. Joined, `head` and `body` of all are the passages, byte for byte."""

    passage: int
    head: str  # white space and heading: stands before the body, and stays if any of that does
    body: str
    title: str


def units(passages: Sequence[str]) -> list[Unit]:
    """All paragraphs. A short line without an end to its sentence is the heading of what follows, up to the next."""
    return [unit for at, passage in enumerate(passages) for unit in _units(at, passage)]


def _units(number: int, passage: str) -> Iterator[Unit]:
    pending = title = ""
    for part in _BREAK.split(passage):
        if not part:
            continue
        if (found := _TITLED.match(part)) is not None:
            head, body, title = found[0], part[found.end() :], found[1]
        else:
            line = _LINE.match(part)
            is_titled = line is not None and _is_heading(line[0])
            head = line[0] if line is not None and is_titled else part[: len(part) - len(part.lstrip())]
            body = part[len(head) :]
            title = _SAYS_TITLE.sub("", head.strip()) if is_titled else title
        if not body.strip():
            if pending:  # two headings one after the other: the first is all there is of its section
                yield _alone(number, pending)
            pending = part
            continue
        yield Unit(number, pending + head, body, title)
        pending = ""
    if pending:
        yield _alone(number, pending)


def _alone(number: int, heading: str) -> Unit:
    start = len(heading) - len(heading.lstrip())
    return Unit(number, heading[:start], heading[start:], "")


def _is_heading(line: str) -> bool:
    bare = line.strip()
    return 0 < len(bare) <= _MOST and not bare.endswith(_ENDS) and not _LISTED.match(bare)
