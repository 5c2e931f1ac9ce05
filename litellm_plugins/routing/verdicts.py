"""What an experiment has shown of an arm, in numbers and in one plain sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litellm_plugins.routing.significance import Sample, Tested, means, proportions

_FEWEST = 30  # requests of each arm, below which nothing is said
_CHANCE = 0.05  # that anything is called a difference which is none, over all the tests of an arm together
_LOWER_IS_BETTER = {"usd": "dollars a request", "errors": "errors", "latency_ms": "latency"}
_WORDS = {**_LOWER_IS_BETTER, "thumbs_up": "thumbs up"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the requests of one arm that a provider was asked for."""

    requests: int
    errors: int
    usd: Sample
    latency_ms: Sample  # of those that succeeded
    up: int = 0
    down: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word`: better, worse, mixed, no_difference_shown, too_few."""

    word: str
    sentence: str
    tests: Mapping[str, Tested]


def verdict(arm: str, of_arm: Outcome, control: Outcome) -> Verdict:
    """The tests of an arm share one error rate (Bonferroni)."""
    found = {
        "errors": proportions(of_arm.errors, of_arm.requests, control.errors, control.requests),
        "usd": means(of_arm.usd, control.usd),
        "latency_ms": means(of_arm.latency_ms, control.latency_ms),
        "thumbs_up": proportions(of_arm.up, of_arm.up + of_arm.down, control.up, control.up + control.down),
    }
    tests = {name: test for name, test in found.items() if test is not None}
    fewest = min(of_arm.requests, control.requests)
    if fewest < _FEWEST:
        return Verdict("too_few", f"{arm}: {fewest} requests, fewer than {_FEWEST}: nothing can be said yet", tests)
    shown = {name: test for name, test in tests.items() if test.p < _CHANCE / len(tests)}
    better = {name for name, test in shown.items() if (test.difference < 0) == (name in _LOWER_IS_BETTER)}
    said = [_said(name, test, good=name in better) for name, test in shown.items()]
    if not said:
        return Verdict("no_difference_shown", f"{arm}: no difference shown; that does not say there is none", tests)
    word = "better" if len(better) == len(shown) else "worse" if not better else "mixed"
    return Verdict(word, f"{arm}: {', '.join(said)}", tests)


def _said(name: str, test: Tested, *, good: bool) -> str:
    direction = "fewer" if name == "errors" else "less"
    more = direction if test.difference < 0 else "more"
    return f"{more} {_WORDS[name]} ({'better' if good else 'worse'}, p = {test.p:.2g})"
