"""Verdicts as a regression set: what would become of each judged answer now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litellm_plugins.review.items import Item, Kind, Verdict
from litellm_plugins.review.outcomes import CUT_AT

Json = dict[str, Any]


class Flip(StrEnum):
    """What became of it."""

    KEPT = "kept"  # right, and served still
    LOST = "lost"  # right, and a miss now
    MENDED = "mended"  # wrong, and the cache itself would miss now
    BARRED = "barred"  # wrong, and only the reviewers' word keeps it from being served
    WRONG_AGAIN = "wrong_again"  # wrong, and served
    CHANGED = "changed"  # asked anew, there is another answer: somebody has to look


class LeftOut(StrEnum):
    """Why a verdict says nothing here."""

    NOT_BY_MEANING = "not_by_meaning"  # there is no pair of questions to decide about
    NO_TEXT = "no_text"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Decided:
    """What the cache says of a pair of questions by today's settings."""

    served: bool
    reason: str
    barred: bool
    similarity: float | None = None
    probability: float | None = None


def one_each(judged: Iterable[Item]) -> list[Item]:
    """Of the same answer to the same question the last word, however often it was given; the newest first."""
    said = [each for each in judged if each.state.verdict is not None]
    said.sort(key=lambda each: (each.state.taken, -each.state.judged_at_s))
    last: dict[str, Item] = {}
    for each in said:
        last.setdefault(each.pair, each)
    return sorted(last.values(), key=lambda each: -each.state.judged_at_s)


def left_out(item: Item) -> LeftOut | None:
    """Whether nothing can be decided anew about it."""
    if item.kind is not Kind.HIT or item.layer != "semantic" or item.reason == "same_words":
        return LeftOut.NOT_BY_MEANING
    if not item.question or not item.matched_question:
        return LeftOut.NO_TEXT
    return LeftOut.CUT if max(len(item.question), len(item.matched_question)) >= CUT_AT else None


def flip_of(verdict: Verdict, now: Decided) -> Flip:
    """Of a hit that was served, and judged."""
    served = now.served and not now.barred
    if verdict is Verdict.RIGHT:
        return Flip.KEPT if served else Flip.LOST
    if served:
        return Flip.WRONG_AGAIN
    return Flip.BARRED if now.served else Flip.MENDED


def case(item: Item, now: Decided | None = None) -> Json:
    """As route and command tell it. `now`: None where nothing was decided."""
    told: Json = {
        "id": item.id,
        "kind": str(item.kind),
        "verdict": str(item.state.verdict),
        "by": item.state.by,
        "team": item.team,
        "model_group": item.model_group,
        "question": item.question,
        "matched_question": item.matched_question or None,
        "answer": item.answer,
        "left_out": left_out(item),
        "flip": None,
    }
    if now is None or item.state.verdict is None:
        return told
    reason = "judged_wrong" if now.served and now.barred else now.reason
    was = {"similarity": item.similarity, "probability": item.probability, "reason": item.reason}
    sure = {"similarity": now.similarity, "probability": now.probability, "reason": reason}
    return {**told, "flip": str(flip_of(item.state.verdict, now)), "was": was, "now": sure}


def counted(cases: Sequence[Json]) -> Json:
    """How many of each."""
    flips = Counter(each["flip"] for each in cases if each["flip"])
    return {"verdicts": len(cases), **{str(flip): flips.get(str(flip), 0) for flip in Flip if flip is not Flip.CHANGED}}


def answered_anew(verdict: str, before: str, answer: str) -> Flip:
    """Of an item that was asked again: only the very same answer can be told by what people said of it."""
    if _plain(before) != _plain(answer):
        return Flip.CHANGED
    return Flip.KEPT if verdict == Verdict.RIGHT else Flip.WRONG_AGAIN


def dataset_item(item: Item, *, dataset: str, id_: str) -> Json:
    """An item of a Langfuse dataset, which replaces the one of its id. A wrong answer is no expected output."""
    is_right = item.state.verdict is Verdict.RIGHT
    facts = {
        "verdict": str(item.state.verdict),
        "kind": str(item.kind),
        "team": item.team,
        "feature": item.feature,
        "model_group": item.model_group,
        "matched_question": item.matched_question,
        "wrong_answer": "" if is_right else item.answer,
        "review_item": item.id,
    }
    told: Json = {
        "datasetName": dataset,
        "id": id_,
        "input": {"question": item.question},
        "metadata": {name: value for name, value in facts.items() if value},
    }
    if is_right and item.answer:
        told["expectedOutput"] = {"answer": item.answer}
    if item.trace_id:
        told["sourceTraceId"] = item.trace_id
    return told


def with_text(items: Iterable[Item]) -> list[Item]:
    """Those that a person has judged, and whose question is kept."""
    return [item for item in items if item.state.verdict is not None and item.question]


def _plain(text: str) -> str:
    return " ".join(text.split())
