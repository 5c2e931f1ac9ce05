"""Passages that others name: where the answer takes two steps, the second shares no word with the question."""

from __future__ import annotations

from collections.abc import Sequence

from litellm_plugins.compression.extractive.passages import Page

SOURCES = 3
"""From so many of the best passages names are followed."""


def linked(pages: Sequence[Page], scores: Sequence[float], weight: float) -> list[float]:
    """The scores, raised for passages whose title one of the best passages names.

    A title counts without what stands behind it in brackets ("Kiss and Tell (1945 film)"), and only where it is the
    passage's own: in an article all paragraphs have the same.
    """
    names = [f" {' '.join(page.name)} " if page.name else "" for page in pages]
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
