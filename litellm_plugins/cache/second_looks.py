"""What a person says of a comparison takes the place of what the machine said: over any store of labels.

A label says whether a fresh answer and the cached one came to the same, as an embedder or a judge model sees it, and
some of that is mistaken. Where a nearly sure candidate is labelled wrong, the label is about as likely mistaken as the
candidate: one look there tells more than a look anywhere else (active label cleaning: Bernhardt et al. 2022, Nature
Communications 13, 1161). Such words are chosen by what the label says, and so must not be counted beside it, or errors
would count twice: they overrule it, and it goes on standing for as many requests as it did. Nor may the estimate of how
many labels are mistaken excuse what somebody has confirmed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.cache.verifier.labels import FRESH, SECOND_LOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_plugins.cache.verifier.labels import Label, LabelStore

_APART = "/second_looks"


class SecondLooks:
    """Keeps `LabelStore`, over `labels`. Second looks lie apart: they are no labels of their own, and count as none."""

    def __init__(self, labels: LabelStore) -> None:
        self._labels = labels

    async def add_label(self, domain: str, label: Label) -> int:
        """0 for a second look: no fit is due for it, but the next one heeds it."""
        if label.by != SECOND_LOOK:
            return await self._labels.add_label(domain, label)
        await self._labels.add_label(domain + _APART, label)
        return 0

    async def newest_labels(self, domain: str, limit: int) -> list[Label]:
        labels = await self._labels.newest_labels(domain, limit)
        looks = await self._labels.newest_labels(domain + _APART, limit)
        if not looks:
            return labels
        said = {look.packed(): look.right for look in looks}  # the last word holds
        return [_looked_at(each, said) for each in labels]

    async def count_labels(self, domain: str) -> int:
        return await self._labels.count_labels(domain)

    async def save_fit(self, domain: str, version: int, fit: bytes) -> None:
        await self._labels.save_fit(domain, version, fit)

    async def newest_fit(self, domain: str, *, above: int) -> tuple[int, bytes] | None:
        return await self._labels.newest_fit(domain, above=above)


def _looked_at(label: Label, said: Mapping[bytes, bool]) -> Label:
    right = said.get(label.packed()) if label.by == FRESH else None
    return label if right is None else replace(label, right=right, by=SECOND_LOOK)
