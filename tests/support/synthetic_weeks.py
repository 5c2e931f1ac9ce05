"""Traffic as a company has it, by a seed: days, nights and weekends, features, teams and models; and a cause planted.

Counts are Poisson, tokens and so costs log-normal (the dearest of a thousand costs some thirty times the median), and
each day's volume of each feature strays by a tenth besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from litellm_plugins.insight.usage import DIMENSIONS, Example, Row, Sums

MONDAY = 24 * (20_000 - 20_000 % 7 + 4)  # an hour: 00:00 UTC of a Monday
_PRICES = {"small": (150, 600), "large": (2_500, 10_000)}  # nano-dollars per prompt and completion token
_ATTEMPTS_FAIL = 0.01


@dataclass(frozen=True)
class Flow:
    """One feature of one team, in one hour."""

    feature: str
    team: str
    per_hour: float  # at noon of a working day
    large: float  # share that asks the large model
    prompt: float  # median tokens
    completion: float
    hits: float  # share that the cache answers
    keys: int
    fails: float = _ATTEMPTS_FAIL
    attempts: float = 1.0  # on average, of a call that reaches a provider


FLOWS = (
    Flow("faq", "support", 300, 0.05, 400, 120, 0.45, 3),
    Flow("agent", "support", 80, 0.40, 1_800, 300, 0.10, 3),
    Flow("search", "sales", 200, 0.00, 700, 80, 0.30, 2),
    Flow("drafts", "marketing", 40, 0.60, 900, 500, 0.05, 4),
    Flow("batch", "research", 25, 0.30, 2_500, 250, 0.00, 1),
)
Plant = Callable[[Flow, int], Flow]  # the flow as it is in an hour since the beginning


def nothing(flow: Flow, _: int) -> Flow:
    """A quiet time."""
    return flow


def from_hour(begins: int, features: tuple[str, ...], **changed: float) -> Plant:
    """Other flows of these features from then on."""

    def planted(flow: Flow, hour: int) -> Flow:
        return replace(flow, **changed) if flow.feature in features and hour >= begins else flow  # type: ignore[arg-type]

    return planted


def creeping(begins: int, feature: str, a_day: float) -> Plant:
    """Prompts that grow by so much a day, as a history does that nobody cuts."""

    def grown(flow: Flow, hour: int) -> Flow:
        if flow.feature != feature or hour < begins:
            return flow
        return replace(flow, prompt=flow.prompt * (1 + a_day) ** ((hour - begins) / 24))

    return grown


def weeks(seed: int, first: int, hours: int, plant: Plant = nothing) -> Iterator[Row]:
    """The rows of so many hours, from `first` on, since `MONDAY`."""
    rng = np.random.default_rng((seed, first))
    strays = rng.normal(1, 0.1, size=(len(FLOWS), hours // 24 + 1)).clip(0.6, 1.4)
    for hour in range(first, first + hours):
        for number, base in enumerate(FLOWS):
            flow = plant(base, hour)
            rate = flow.per_hour * _busy(hour) * strays[number, (hour - first) // 24]
            yield from _rows(rng, flow, int(rng.poisson(rate)), MONDAY + hour)


def _busy(hour: int) -> float:
    """Of an hour, as a share of the busiest."""
    day, at = divmod(hour, 24)
    daily = 0.12 + 0.88 * np.exp(-(((at - 13) / 4.5) ** 2))
    return float(daily * (0.35 if day % 7 >= 5 else 1.0))


def _rows(rng: np.random.Generator, flow: Flow, count: int, hour: int) -> Iterator[Row]:
    key = rng.integers(flow.keys, size=count)
    hit, failed = rng.random(count) < flow.hits, rng.random(count) < flow.fails
    large = rng.random(count) < flow.large
    prompt = np.ceil(flow.prompt * rng.lognormal(0, 0.7, count)).astype(np.int64)
    completion = np.ceil(flow.completion * rng.lognormal(0, 1.0, count)).astype(np.int64)
    tries = 1 + rng.poisson(max(0.0, flow.attempts - 1), count) + (rng.random(count) < _ATTEMPTS_FAIL)
    for number in range(flow.keys):
        for model, of_model in (("small", ~large), ("large", large)):
            mine = (key == number) & of_model
            asked = mine & ~hit
            for layer, ending, chosen in (
                ("semantic", "success", mine & hit),
                ("miss", "success", asked & ~failed),
                ("miss", "failure", asked & failed),
            ):
                many = int(chosen.sum())
                if not many:
                    continue
                paid = layer == "miss" and ending == "success"
                tokens, words = int(prompt[chosen].sum()), int(completion[chosen].sum())
                spent = tokens * _PRICES[model][0] + words * _PRICES[model][1]
                sums = Sums(
                    requests=many,
                    prompt_tokens=tokens,
                    completion_tokens=words,
                    spent_nano_usd=spent if paid else 0,
                    saved_nano_usd=spent if layer != "miss" else 0,
                    attempts=int(tries[chosen].sum()) if layer == "miss" else 0,
                )
                yield Row(hour, _words(flow, number, model, layer, ending), sums)


def _words(flow: Flow, number: int, model: str, layer: str, ending: str) -> tuple[str, ...]:
    given = {
        "endpoint": "chat",
        "feature": flow.feature,
        "team": flow.team,
        "key": f"{flow.team}-{number}",
        "user": f"{flow.team}-user-{number}",
        "model_group": model,
        "model": "" if layer != "miss" else model,
        "deployment": "" if layer != "miss" else f"openai/{model}",
        "provider": "" if layer != "miss" else "openai",
        "layer": layer,
        "ending": ending,
    }
    return tuple(given.get(name, "") for name in DIMENSIONS)


def dear_call(at_ms: int, dollars: float) -> Example:
    """One request that costs so much."""
    nano = int(dollars * 1e9)
    return Example(
        at_ms, "trace-dear", "c1", "agent", "support", "support-user-0", "support-0", "large", "large", "success", nano,
        1_000_000,
    )  # fmt: skip
