"""What is worth telling of an account: marks reached, no room left, a limit that will be reached too early. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from litellm_plugins.budgets.amounts import Metric
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.settings.alerts import Alerts

Kind = Literal["mark", "no_room", "forecast", "drift"]

_DAY_MS = 86_400_000  # that a key is known for after its window, for workers whose clocks differ


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told, once in its window."""

    kind: Kind
    budget: str
    account: str
    holder: str
    metric: Metric
    limit: int | None
    spent: int
    reserved: int
    span: Span
    at_ms: int
    mark: float | None = None  # of kind mark
    reached_ms: int | None = None  # of kind forecast: when
    host_spent: int | None = None  # of kind drift: what the host counted, beside `spent`
    since_ms: int | None = None  # of kind drift: since when both were counted

    @property
    def key(self) -> str:
        """The same for every worker that sees it."""
        return f"{self.kind}:{self.mark or ''}|{self.span.key}|{self.account}"

    @property
    def id(self) -> str:
        """The same as long as the key is known."""
        since = self.until_ms if self.span.rolling else self.span.start_ms
        return hashlib.blake2b(f"{since}|{self.key}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @property
    def until_ms(self) -> int:
        """How long it is not told again: a rolling window's for one length."""
        return self.at_ms + self.span.length_ms if self.span.rolling else self.span.end_ms + _DAY_MS


def notices(view: AccountView, alerts: Alerts, *, now_ms: int) -> Iterator[Notice]:
    """Every mark that what was spent has reached, and what the forecast says."""
    fullest = max(_limited(view), key=lambda meter: meter.share_spent, default=None)
    if fullest is None or view.budget is None:
        return
    for mark in alerts.marks_of(view.budget.soft):
        if fullest.share_spent >= Fraction(str(mark)):
            yield notice("mark", view, fullest, now_ms=now_ms, mark=mark)
    if alerts.forecast and not view.span.rolling:
        # Only where it is as good as sure: the latest time that is likely still lies in the window.
        sure = [(each.forecast.at_ms, each) for each in _limited(view) if each.forecast and each.forecast.latest_ms]
        for at_ms, meter in sorted(sure, key=lambda pair: pair[0] or 0)[:1]:
            yield notice("forecast", view, meter, now_ms=now_ms, reached_ms=at_ms)


def no_room(view: AccountView, metric: Metric, *, now_ms: int) -> Notice:
    """A request was not made as it was asked for: the window had no room for it."""
    return notice("no_room", view, next(meter for meter in view.meters if meter.metric == metric), now_ms=now_ms)


def notice(
    kind: Kind,
    view: AccountView,
    meter: Meter,
    *,
    now_ms: int,
    mark: float | None = None,
    reached_ms: int | None = None,
    host_spent: int | None = None,
    since_ms: int | None = None,
) -> Notice:
    """Of one metric of an account."""
    return Notice(
        kind,
        view.name,
        view.account,
        view.holder,
        meter.metric,
        meter.limit,
        meter.spent,
        meter.reserved,
        view.span,
        now_ms,
        mark=mark,
        reached_ms=reached_ms,
        host_spent=host_spent,
        since_ms=since_ms,
    )


def _limited(view: AccountView) -> Iterator[Meter]:
    return (meter for meter in view.meters if meter.limit is not None)
