"""The review desk as the page meets it (a protocol), and its items as they are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from litellm_plugins.ui import words
from litellm_plugins.ui.differences import Parts, told_apart

QUESTION, ANSWER, _WORD = 2_000, 6_000, 80  # characters that are shown
VERDICTS = ("right", "wrong")
Verdict = Literal["right", "wrong"]
_WHY = {
    "near_operating_point": "a close call",
    "doubtful_label": "a near match whose fresh answer seemed to differ: would this one have done?",
    "old_answer": "an old answer",
    "low_check": "a low check score",
    "thumb_down": "a thumb down",
    "complaint": "a complaint",
    "anomaly": "an anomaly",
    "second_opinion": "worth a second opinion",
    "control": "drawn by chance",
    "compressed": "a prompt made shorter",
    "": "pointed at",
}
_EFFECTS = {
    "evicted": "the answer is gone from the cache, on every worker",
    "labelled": "the verifier has a label more",
    "label_overruled": "the verifier takes the match for right, whatever the comparison said",
    "label_confirmed": "the verifier knows that the comparison was right",
    "remembered": "this pair never hits again",
    "support_raised": "the entry has more support",
    "outcome": "the router has an outcome more",
    "rate_lowered": "such prompts are compressed less",
    "rate_raised": "such prompts may be compressed as before",
}

Json = Mapping[str, Any]


class ReviewDesk(Protocol):
    """What is worth a look, and what becomes of a verdict.

    `team`: only what goes by that name, and `tenant`: only what is theirs, for two teams may have one name; None:
    everybody's.
    """

    async def queue(self, limit: int, team: str | None, tenant: str | None) -> Sequence[Json]:
        """The items, what is worth most first."""

    async def judge(self, item_id: str, verdict: Verdict, by: str, *, shown_at_ms: int | None) -> Json:
        """Take a verdict in: its `effects`.

        Or `meanwhile`, what somebody has said since the item was shown, and nothing is taken in; with None whatever was
        said is overruled. Raises: NotFound, RequestError, StoreUnavailable, and a 409 while others are at it.
        """

    async def report(self, team: str | None, tenant: str | None) -> Json:
        """What is known of quality."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item, cut to what can be read."""

    id: str
    number: int  # from 1
    kind: str
    why: str
    question: Parts
    matched: Parts  # of nothing: there was no match
    answer: str
    opinion: str  # a judge model's, if one was asked
    facts: tuple[tuple[str, str], ...]
    has_text: bool  # else only ids are kept
    trace: str


def items(given: Iterable[Json], *, team_names: frozenset[str] | None, tenant: str | None) -> list[ItemView]:
    """`team_names` and `tenant`: once more only those of this team, whatever the desk gave."""
    mine = [each for each in given if team_names is None or each.get("team") in team_names]
    mine = [each for each in mine if tenant is None or each.get("tenant") == tenant]
    return [_item(number, each) for number, each in enumerate(mine, 1)]


def effects(told: Iterable[str]) -> list[str]:
    """In words; those that are not known are left out."""
    return [_EFFECTS[each] for each in told if each in _EFFECTS]


def _item(number: int, told: Json) -> ItemView:
    question, matched = (words.cut(told.get(name), QUESTION) for name in ("question", "matched_question"))
    both = told_apart(question, matched)
    return ItemView(
        id=str(told["id"]),
        number=number,
        kind=words.cut(told.get("kind"), _WORD),
        why=_WHY.get(str(told.get("why")), words.cut(told.get("why"), _WORD)),
        question=both[0],
        matched=both[1] if matched else (),
        answer=words.cut(told.get("answer"), ANSWER),
        opinion=words.cut(told.get("opinion"), _WORD),
        facts=tuple(_facts(told)),
        has_text=bool(question or matched or told.get("answer")),
        trace=words.cut(told.get("trace_id") or "none", _WORD),
    )


def _facts(told: Json) -> Iterable[tuple[str, str]]:
    for name, value in (
        ("similarity", _number(told.get("similarity"))),
        ("sure", _percent(told.get("probability"))),
        ("layer", "" if told.get("layer") == "miss" else told.get("layer")),
        ("team", told.get("team")),
        ("model", told.get("model")),
        ("tier", told.get("tier")),
        ("check", told.get("check")),
        ("arm", told.get("arm")),
        ("feature", told.get("feature")),
        ("age", _age(told.get("age_s"))),
        ("asked", _moment(told.get("at_s"))),
    ):
        if value:
            yield name, words.cut(value, _WORD)


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else ""


def _percent(value: object) -> str:
    return words.percent(value, 1) if isinstance(value, int | float) else ""


def _moment(value: object) -> str:
    return words.moment(round(value * 1_000)) if isinstance(value, int | float) else ""


def _age(value: object) -> str:
    return words.age(value) if isinstance(value, int | float) else ""
