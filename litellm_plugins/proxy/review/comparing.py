"""A nearly sure match whose fresh answer seemed to differ: is it the match that is wrong, or the comparison?"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.keys import owner_of
from litellm_plugins.cache.reviewed import space_of
from litellm_plugins.model import Layer
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.proxy.review.texts import LONGEST_ANSWER, LONGEST_QUESTION, LONGEST_WORD, cut
from litellm_plugins.review.items import Item, Kind, State, Why, drawn, id_of, pair_of

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.cache.verifier.verifier import Assessment
    from litellm_plugins.model import Request

# Below it a label that says wrong mostly is right: with 3 % of mistaken labels, 11 % of those at 0.8 are mistaken, 60 %
# of those at 0.98.
DOUBTFUL_FROM = 0.8
A_DAY_S, MOST_A_DAY = 86_400.0, 200  # of a worker: far more than anybody judges, and no flood in the queue


@dataclass(frozen=True, slots=True)
class Differed:
    """A fresh answer that seemed to differ from the cached one, as it went by."""

    request: Request
    verdict: Verdict
    assessed: Assessment
    rival: Entry
    at_s: float


def doubtful(request: Request, verdict: Verdict, rival: Entry, at_s: float) -> Differed | None:
    """None: it is not worth a look, or the asker's team must not see that answer, which another was given."""
    assessed, derived = verdict.assessment, verdict.keys
    if assessed is None or derived is None or not derived.question or assessed.probability < DOUBTFUL_FROM:
        return None
    if rival.origin != owner_of(request.identity):
        return None
    return Differed(request, verdict, assessed, rival, at_s)


def item_of(seen: Differed, space: str) -> Item | None:
    """What a reviewer is asked: would the cached answer have served? None: there is nothing to read.

    It bears no trace: what is said of the request's own answer is not said of this one, which nobody got.
    """
    request, assessed, derived = seen.request, seen.assessed, seen.verdict.keys
    answer = text_of(orjson.loads(seen.rival.body))
    if derived is None or not answer:
        return None
    question, matched = derived.question or "", assessed.candidate.question
    pair = pair_of(Kind.COMPARISON, question, matched, answer)
    word = f"comparison {pair} {seen.at_s!r}"
    identity = request.identity
    told = {
        "tenant": derived.tenant,
        "owner": owner_of(identity),
        "features": base64.b64encode(assessed.features.astype("float32").tobytes()).decode(),
        "space": space_of(space),
    }
    return Item(
        id=id_of(word),
        kind=Kind.COMPARISON,
        at_s=seen.at_s,
        tenant=tenant_of(identity),
        team=identity.team_name[:LONGEST_WORD],
        trace_id="",
        call_id="",
        pair=pair,
        draw=drawn(word),
        control=False,
        layer=str(Layer.MISS),
        reason=str(seen.verdict.reason),
        key=cut(identity.key_name, LONGEST_WORD),
        feature=cut(request.feature, LONGEST_WORD),
        model_group=cut(request.model_group, LONGEST_WORD),
        model=cut(seen.rival.model, LONGEST_WORD),
        similarity=assessed.candidate.similarity,
        probability=assessed.probability,
        age_s=max(0.0, seen.at_s - seen.rival.created_at),
        hit=orjson.dumps({name: value for name, value in told.items() if value}).decode(),
        question=cut(question, LONGEST_QUESTION),
        matched_question=cut(matched, LONGEST_QUESTION),
        answer=cut(answer, LONGEST_ANSWER),
        state=State(why=Why.DOUBTFUL_LABEL),
    )
