"""Passages that a text repeats, named by how they begin. Reversible."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from litellm_plugins.compression.blocks import blocks

_MARK = "[same as the passage above that begins: "
_REFERENCE = re.compile(re.escape(_MARK) + r"(?P<begins>[^\n]{1,400})…\]")
_LEAST = 240  # characters of a passage that is worth a reference
_BEGINS = (48, 96, 160)  # characters by which a passage is named: the first that leaves no doubt


def refer(text: str) -> str:
    """`text` with a reference in place of each passage of prose that stood there before, word for word.

    A passage is what stands between blank lines. Code, data and tables are left alone.
    """
    if len(text) < 2 * _LEAST or _MARK in text:
        return text
    found = list(_passages(text))
    times = Counter(text[start:end] for start, end in found)
    if not any(count > 1 and len(passage) >= _LEAST for passage, count in times.items()):
        return text
    said = times.keys()
    begun = {length: Counter(passage[:length] for passage in said) for length in _BEGINS}
    seen: set[str] = set()
    fixed = [(span.start, span.end) for span in blocks(text)]
    out: list[str] = []
    at = block = 0
    for start, end in found:
        passage = text[start:end]
        while block < len(fixed) and fixed[block][1] <= start:
            block += 1
        untouchable = block < len(fixed) and fixed[block][0] < end
        if passage in seen and len(passage) >= _LEAST and not untouchable and (begins := _name(passage, begun)):
            out.extend((text[at:start], f"{_MARK}{begins}…]"))
            at = end
        seen.add(passage)
    return "".join([*out, text[at:]])


def restore(text: str) -> str:
    """The way back from `refer`."""
    if _MARK not in text:
        return text
    by_beginning: dict[str, str] = {}
    out: list[str] = []
    at = 0
    for start, end in _passages(text):
        passage = text[start:end]
        if reference := _REFERENCE.fullmatch(passage):
            out.extend((text[at:start], by_beginning.get(reference["begins"], passage)))
            at = end
        else:
            for length in _BEGINS:
                by_beginning.setdefault(passage[:length], passage)
    return "".join([*out, text[at:]])


def _passages(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines that are not blank, in characters, without the last line's end."""
    begun = -1
    at = last = 0
    for line in text.split("\n"):
        if line.strip():
            begun = at if begun < 0 else begun
            last = at + len(line)
        elif begun >= 0:
            yield begun, last
            begun = -1
        at += len(line) + 1
    if begun >= 0:
        yield begun, last


def _name(passage: str, begun: dict[int, Counter[str]]) -> str | None:
    """The shortest beginning that no other passage has; None where there is none."""
    for length, beginnings in begun.items():
        begins = passage[:length]
        if "\n" not in begins and beginnings[begins] == 1:
            return begins
    return None
