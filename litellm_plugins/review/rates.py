"""How much less a family of prompts is shortened, by what reviewers said of its answers. Pure.

A family is what has one feature, of one model group. A wrong answer lowers the factor by a third, a right one gives a
tenth of that back: between 1 (as the settings say) and a tenth.
"""

from __future__ import annotations

from collections.abc import Iterable

from litellm_plugins.review.items import Item, Verdict

Family = tuple[str, str]  # feature, model group
_DOWN, _UP, _LEAST = 2 / 3, 1.04, 0.1


def factors(judged: Iterable[Item]) -> dict[Family, float]:
    """By family: what the share that is taken out of a prompt is multiplied with; those at 1 are left out."""
    found: dict[Family, float] = {}
    for item in sorted(judged, key=lambda each: each.state.judged_at_s):
        if item.methods and item.state.verdict is not None:
            family = (item.feature, item.model_group)
            step = _DOWN if item.state.verdict is Verdict.WRONG else _UP
            found[family] = min(1.0, max(_LEAST, found.get(family, 1.0) * step))
    return {family: factor for family, factor in found.items() if factor < 1.0}
