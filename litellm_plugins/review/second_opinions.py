"""Which verdicts are asked for once more, since they go against what was all but sure. Pure.

People are mistaken in some three of a hundred (Northcutt et al. 2021). Of hits that the verifier is 0.97 sure of and a
person finds wrong, half are therefore right, by Bayes' rule; and of doubtful labels that a person overrules as many are
right after all as there were wrong matches to be overlooked. Two people who say so are hardly ever both mistaken, and
such verdicts are few: so they are worth a second look, more than any other item is worth a first (relabelling where the
first label is the least certain: Sheng, Provost and Ipeirotis 2008, KDD).
"""

from __future__ import annotations

from dataclasses import replace

from litellm_plugins.review.items import COMPLAINED, Item, Kind, Second, State, Verdict, Why

AGAIN_AFTER_S = 6 * 3_600.0  # by somebody else, or with fresh eyes; before that, the same verdict is the same one

_AGAINST = {Kind.HIT: Verdict.WRONG, Kind.COMPARISON: Verdict.RIGHT}


def surprises(item: Item, verdict: Verdict, sure_from: float) -> bool:
    """Whether a first verdict goes against what the verifier, or two answers, were all but sure of.

    Not where somebody else has complained of the answer: that is two who say so.
    """
    if item.state.why in COMPLAINED:
        return False
    return item.probability is not None and item.probability >= sure_from and _AGAINST.get(item.kind) is verdict


def is_due(state: State, now_s: float) -> bool:
    """Whether it is time for the second verdict."""
    return state.second is Second.ASKED and now_s - state.judged_at_s >= AGAIN_AFTER_S


def unsaid(item: Item) -> Item:
    """As whoever is asked for a second opinion sees it: what was said first would lead them."""
    if item.state.second is not Second.ASKED:
        return item
    blank = replace(item.state, why=Why.SECOND_OPINION, verdict=None, by="", source=None, comment="", effects=())
    return replace(item, state=blank)
