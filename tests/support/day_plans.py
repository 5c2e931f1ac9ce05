"""A day's requests, drawn from a seed: every endpoint, every way to be answered, and every way to fail. Pure."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tests.support.fixtures import CLAUDE, LEGACY_MODEL, SLOW_CLAUDE, SLOW_MODEL

Endpoint = Literal["chat", "host", "messages", "responses", "completions", "embeddings"]
Ending = Literal["success", "failure", "gone", "refused"]

BROKE, SPARE = "broke", "spare"  # features: with a budget of nothing, and one that degrades
EMBEDDER, FLAKY, FRAGILE, IMPATIENT = "text-embedding-3-small", "flaky", "fragile", "impatient"
AUTO, CAREFUL, STUCK, TRIAL = "auto", "careful", "stuck", "trial"  # routers
UNSURE = "unsure"  # in a question: the cheapest model does not know
_HARD = (
    " Prove that the algorithm for distributed consensus behind it never deadlocks, derive its complexity, and design a"
    " counterexample where the invariant does not hold without the transaction. Justify each step."
)
FEATURES = ("faq", "search", "agent", "help-desk", "")
HOLDERS = ("support", "support_colleague", "sales", "legal", "freelancer")
MODELS: Mapping[Endpoint, str] = {"messages": CLAUDE, "completions": LEGACY_MODEL, "embeddings": EMBEDDER}
NUMBER = re.compile(r"case (\d+)")  # of a question, in its text
_WORDS = (
    "amber basil cedar delta ember fjord grove haven islet jetty kiosk lagoon maple nectar oasis pebble quartz ridge"
    " spruce tundra umber valley willow xenon yonder zephyr anchor beacon copper drift estuary falcon granite harbour"
    " ivory juniper kelp lantern meadow north orchard prairie quarry river slate timber upland vista walnut yarrow"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One request; or, with `times`, the very same so often at once."""

    call_id: str
    kind: str
    endpoint: Endpoint
    text: str
    holder: str
    feature: str = ""
    model: str = "gpt-4.1"
    stream: bool = False
    ending: Ending = "success"
    leaves_after_s: float | None = None
    leaves_after_chunks: int = 0
    bypass: bool = False
    user: str = ""  # the client's own
    times: int = 1

    @property
    def number(self) -> int:
        """Of its question."""
        found = NUMBER.search(self.text)
        return int(found[1]) if found else 0

    def each(self) -> tuple[Plan, ...]:
        """The single requests."""
        more = (replace(self, call_id=str(uuid.uuid5(uuid.UUID(self.call_id), str(n)))) for n in range(1, self.times))
        return (replace(self, times=1), *(replace(plan, times=1) for plan in more))


def day(requests: int, seed: int) -> list[Plan]:
    """So many requests, or a few more: who comes together is not parted."""
    drawn, plans, asked = random.Random(seed), list[Plan](), list[Plan]()
    told, kinds = 0, tuple(_SHARES)
    while told < requests:
        number = len(plans) + 1
        # Each kind once, then by its share.
        kind = kinds[len(plans)] if len(plans) < len(kinds) else drawn.choices(kinds, tuple(_SHARES.values()))[0]
        plan = _KINDS[kind](_fresh(drawn, kind, number), drawn, asked)
        if plan.ending == "success" and plan.kind in ("fresh", "burst", "routed", "escalated"):
            asked.append(plan)
        plans.append(plan)
        told += plan.times
    return plans


def question(drawn: random.Random, number: int) -> str:
    """One that is like no other: its number and its words."""
    return f"How do I get from case {number} by way of {' and '.join(drawn.sample(_WORDS.split(), 8))} to the end?"


def _fresh(drawn: random.Random, kind: str, number: int) -> Plan:
    endpoint: Endpoint = drawn.choices(
        ("chat", "host", "messages", "responses", "completions", "embeddings"), (8, 1, 4, 4, 2, 2)
    )[0]
    return Plan(
        call_id=str(uuid.UUID(int=drawn.getrandbits(128), version=4)),
        kind=kind,
        endpoint=endpoint,
        text=question(drawn, number),
        holder=drawn.choice(HOLDERS),
        feature=drawn.choice(FEATURES),
        model=MODELS.get(endpoint, "gpt-4.1"),
        stream=endpoint != "embeddings" and drawn.random() < 0.4,
    )


def _chat(plan: Plan, words: str = "", **more: object) -> Plan:
    changed = {"endpoint": "chat", "model": "gpt-4.1", "text": f"{plan.text}{words}", **more}
    return replace(plan, **changed)  # type: ignore[arg-type]


def _as_it_is(plan: Plan, _drawn: random.Random, _asked: list[Plan]) -> Plan:
    return plan


def _again(plan: Plan, drawn: random.Random, asked: list[Plan]) -> Plan:
    """What somebody of the same team asked not long before, on the same endpoint; streamed or not."""
    if not asked:
        return plan
    before = drawn.choice(asked[-40:])
    stream = plan.stream if before.endpoint != "embeddings" else False
    return replace(before, call_id=plan.call_id, kind=plan.kind, feature=plan.feature, stream=stream, times=1)


def _in_other_words(plan: Plan, drawn: random.Random, asked: list[Plan]) -> Plan:
    before = _again(plan, drawn, [each for each in asked if each.endpoint != "embeddings"])
    return replace(before, text=before.text.replace("How do I get", "How can I get", 1))


def _burst(plan: Plan, drawn: random.Random, _asked: list[Plan]) -> Plan:
    endpoint: Endpoint = drawn.choice(("chat", "messages", "responses"))
    text = f"{plan.text} simulator:stall:0.5"
    return replace(
        plan, endpoint=endpoint, model=MODELS.get(endpoint, "gpt-4.1"), text=text, times=drawn.randrange(3, 6)
    )


def _error(plan: Plan, drawn: random.Random, _asked: list[Plan]) -> Plan:
    if plan.endpoint == "embeddings":
        plan = _chat(plan)
    return replace(plan, text=f"{plan.text} simulator:error:{drawn.choice((500, 429, 400))}", ending="failure")


def _routed(plan: Plan, drawn: random.Random, router: str, words: str = "") -> Plan:
    endpoint: Endpoint = drawn.choice(("chat", "messages", "responses", "completions"))
    stream = endpoint != "completions" and drawn.random() < 0.4  # whose streams tell no usage unless they are asked to
    return replace(plan, endpoint=endpoint, model=router, text=f"{plan.text}{words}", stream=stream)


def _in_a_trial(plan: Plan, _drawn: random.Random, _asked: list[Plan]) -> Plan:
    """Whose arm goes by the client's user."""
    return _chat(plan, _HARD, model=TRIAL, user=f"user {plan.number}")


def _leaves(plan: Plan, drawn: random.Random, _asked: list[Plan]) -> Plan:
    """A stream, after its first words."""
    slow: Endpoint = drawn.choice(("chat", "messages", "responses"))
    model = SLOW_CLAUDE if slow == "messages" else SLOW_MODEL
    return replace(plan, endpoint=slow, model=model, stream=True, ending="gone", leaves_after_chunks=2)


_KINDS: Mapping[str, Callable[[Plan, random.Random, list[Plan]], Plan]] = {
    "fresh": _as_it_is,
    "again": _again,
    "in other words": _in_other_words,
    "burst": _burst,
    "bypass": lambda plan, *_: replace(plan, bypass=True),
    "provider error": _error,
    "retry": lambda plan, *_: _chat(plan, " flaky", model=FLAKY),
    "fallback": lambda plan, *_: _chat(plan, model=FRAGILE),
    "broken stream": lambda plan, *_: _chat(plan, " simulator:disconnect", stream=True, ending="failure"),
    "cut answer": lambda plan, *_: _chat(plan, " simulator:truncate"),
    "left stream": _leaves,
    "left": lambda plan, *_: _chat(plan, " simulator:stall:1.5", stream=False, ending="gone", leaves_after_s=0.7),
    "timeout": lambda plan, *_: _chat(plan, " simulator:stall:3", model=IMPATIENT, stream=False, ending="failure"),
    "degraded": lambda plan, *_: _chat(plan, feature=SPARE),
    "routed": lambda plan, drawn, _: _routed(plan, drawn, AUTO, drawn.choice(("", _HARD))),
    "in a trial": _in_a_trial,
    "tried": lambda plan, drawn, _: _routed(plan, drawn, CAREFUL),
    "escalated": lambda plan, drawn, _: _routed(plan, drawn, CAREFUL, f" I am {UNSURE}."),
    "escalated in vain": lambda plan, drawn, _: _routed(plan, drawn, STUCK, f" I am {UNSURE}."),
    "over budget": lambda plan, *_: _chat(plan, feature=BROKE, ending="refused"),
    "unfit": lambda plan, *_: _chat(plan, text="", ending="refused"),
    "unknown model": lambda plan, *_: _chat(plan, model="no-such-model", ending="refused"),
}
_SHARES: Mapping[str, float] = {
    "fresh": 30, "again": 20, "in other words": 10, "burst": 4, "bypass": 3, "provider error": 4, "retry": 2,
    "fallback": 3, "broken stream": 2, "cut answer": 2, "left stream": 4, "left": 2, "timeout": 1, "degraded": 4,
    "routed": 6, "in a trial": 4, "tried": 2, "escalated": 4, "escalated in vain": 2, "over budget": 3, "unfit": 1,
    "unknown model": 1,
}  # fmt: skip
