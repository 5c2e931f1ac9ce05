"""All that is strange at one time: the foremost of each kind, and of single requests each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from litellm_plugins.insight.anomalies import Finding, foremost
from litellm_plugins.insight.anomalies_bursts import dear_request, retry_storm, user_day
from litellm_plugins.insight.anomalies_levels import cost_per_request, hit_rate, prompt_tokens
from litellm_plugins.insight.history import Series, Subject
from litellm_plugins.insight.usage import Example
from litellm_plugins.settings.insight import Anomalies


@dataclass(frozen=True, slots=True)
class Seen:
    """What is looked at. `hour` is the running one."""

    series: Mapping[Subject, Series]
    hour: int
    calls: Iterable[Example] = ()  # of the last hours
    spent_today: Mapping[Subject, tuple[int, int]] = field(default_factory=dict)  # by users: nano-dollars, requests


def strange(seen: Seen, settings: Anomalies) -> list[Finding]:
    """Levels are those of whole hours; the running one counts for what is strange at once."""
    levels = (look(seen.series, seen.hour, settings) for look in (cost_per_request, hit_rate, prompt_tokens))
    storms = retry_storm(seen.series, (seen.hour - 1, seen.hour), settings)
    found = [foremost(each) for each in (*levels, storms)]
    return [
        *(each for each in found if each is not None),
        *user_day(seen.spent_today, seen.hour, settings),
        *dear_request(seen.calls, seen.series, seen.hour, settings),
    ]
