"""Passages that others name: where the answer takes two steps, the second shares no word with the question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from litellm_plugins.compression.extractive.passages import Page, Passage
from litellm_plugins.compression.extractive.words import STOP, terms

SOURCES = 3
"""From so many of the best passages names are followed."""
_ASIDE = re.compile(r"\s*\([^)]*\)\s*$")


def linked(passages: Sequence[Passage], pages: Sequence[Page], scores: Sequence[float], weight: float) -> list[float]:
    """The scores, raised for passages whose title one of the best passages names.

    A title counts without what stands behind it in brackets ("Kiss and Tell (1945 film)"), and only where it is the
    passage's own: in an article all paragraphs have the same.
    """
    names = [_name(passage.title) for passage in passages]
    best = sorted(range(len(pages)), key=lambda at: (-scores[at], at))[:SOURCES]
    raised = list(scores)
    for source in best:
        if scores[source] <= 0:
            continue
        words = " ".join(term for sentence in pages[source].sentences for term in sentence.terms)
        text = f" {words} "
        for at, name in enumerate(names):
            if at != source and name and name != names[source] and name in text:
                raised[at] = max(raised[at], scores[at] + weight * scores[source])
    return raised


def _name(title: str) -> str:
    """Its terms, to be found among terms; nothing where stop words are all there is."""
    found = terms(_ASIDE.sub("", title))
    return f" {' '.join(found)} " if any(term not in STOP for term in found) else ""
