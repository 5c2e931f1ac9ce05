"""The ledger as plain lists and sums, slow and obviously right: what every backend is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from litellm_plugins.budgets.amounts import METRICS, NOTHING, Amounts, Limits, Metric
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Line, OnLapse, Settlement, Span

Place = tuple[str, int]  # an account, and the key of its window


@dataclass
class Call:
    """What is known of one call."""

    state: Literal["held", "lapsed", "settled"]
    spans: dict[Place, Span]
    amount: Amounts
    at_ms: int
    until_ms: int
    called: bool = False


@dataclass
class Booked:
    """Something that was spent."""

    call_id: str
    place: Place
    span: Span
    at_ms: int
    amount: Amounts
    unconfirmed: bool = False

    def counts(self, now_ms: int) -> bool:
        return not self.span.rolling or now_ms - self.at_ms < self.span.length_ms


@dataclass
class ModelLedger:
    """Every method as the protocol says, for windows that are not counted in steps."""

    on_lapse: OnLapse
    calls: dict[str, Call] = field(default_factory=dict)
    booked: list[Booked] = field(default_factory=list)
    limits: dict[Place, Limits] = field(default_factory=dict)
    spans: dict[Place, Span] = field(default_factory=dict)
    places: dict[str, dict[Place, int]] = field(default_factory=dict)  # by what they would share: until when in use

    def reserve(
        self, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, lease_ms: int
    ) -> Granted | Denied:
        self.lapse(now_ms=now_ms)
        lines = self._as_counted(lines, now_ms)
        before = tuple(self._balance(_place(line), line.span, now_ms, without=call_id) for line in lines)
        earlier = self.calls.get(call_id)
        if earlier is not None and earlier.state == "settled":
            return Granted(tuple(self._balance(_place(line), line.span, now_ms) for line in lines))
        for line, balance in zip(lines, before, strict=True):
            own = self._own(call_id, _place(line), now_ms)
            limits = balance.limits or line.limits
            too_much = {
                metric: held + asked - limit
                for metric, limit, held, asked, had in zip(METRICS, limits, balance.held, amount, own, strict=True)
                if limit is not None and held + asked > limit and asked > had
            }
            if too_much:
                metric = next(metric for metric in METRICS if metric in too_much)
                return Denied(line, balance, metric, self._free_at(call_id, line, too_much, amount, own, now_ms))
        self._forget(call_id)
        spans = {_place(line): line.span for line in lines}
        self.spans.update(spans)
        for line in lines:
            if line.shared:
                until_ms = now_ms + line.span.length_ms if line.span.rolling else line.span.end_ms
                self.places.setdefault(line.shared, {})[_place(line)] = until_ms
        called = earlier is not None and earlier.called
        self.calls[call_id] = Call("held", spans, amount, now_ms, now_ms + lease_ms, called)
        return Granted(before)

    def called(self, call_id: str, *, now_ms: int, lease_ms: int) -> None:
        self.lapse(now_ms=now_ms)
        call = self.calls.get(call_id)
        if call is not None and call.state == "held":
            call.called, call.until_ms = True, now_ms + lease_ms

    def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        self.lapse(now_ms=now_ms)
        call = self.calls.get(call_id)
        if call is None or call.state == "settled":
            return Settlement(fresh=False)
        self._forget(call_id)
        self._book(call_id, actual, unconfirmed=False)
        call.state = "settled"
        balances = (self._balance(place, span, now_ms) for place, span in sorted(call.spans.items(), key=_by_place))
        return Settlement(fresh=True, balances=tuple(balances))

    def lapse(self, *, now_ms: int) -> None:
        for call_id, call in self.calls.items():
            if call.state == "held" and call.until_ms <= now_ms:
                call.state = "lapsed"
                if call.called and self.on_lapse == "charge":
                    self._book(call_id, call.amount, unconfirmed=True)

    def balances(self, *, now_ms: int) -> list[Balance]:
        """Without those that hold nothing and have no limits: a backend may know of them or not."""
        self.lapse(now_ms=now_ms)
        present = sorted((p, s) for p, s in self.spans.items() if s.rolling or now_ms < s.end_ms) if self.spans else []
        return worth_telling(self._balance(place, span, now_ms) for place, span in present)

    def reset(self, account: str, *, now_ms: int) -> None:
        self.lapse(now_ms=now_ms)
        present = {
            place
            for place, span in self.spans.items()
            if place[0] == account and (span.rolling or span.start_ms <= now_ms < span.end_ms)
        }
        self.booked = [each for each in self.booked if each.place not in present]
        self.limits = {place: limits for place, limits in self.limits.items() if place not in present}

    def limit(self, line: Line, limits: Limits | None) -> None:
        self.spans[_place(line)] = line.span
        self.limits.pop(_place(line), None)
        if limits is not None:
            self.limits[_place(line)] = limits

    def _as_counted(self, lines: Sequence[Line], now_ms: int) -> list[Line]:
        counted: list[Line] = []
        for line in lines:
            place, beside = _place(line), self.places.get(line.shared, {})
            there = {each for each, until in beside.items() if until > now_ms and each[1] == place[1]}
            there |= {_place(each) for each in counted if each.shared == line.shared and _place(each)[1] == place[1]}
            bound = place in self.limits or self._balance(place, line.span, now_ms).reserved != NOTHING
            own = not line.shared or bound or place in there or len(there) < line.most_accounts
            counted.append(line if own else line.counted_among_others)
        return counted

    def _balance(self, place: Place, span: Span, now_ms: int, *, without: str = "") -> Balance:
        there = [b for b in self.booked if b.place == place and b.counts(now_ms) and b.call_id != without]
        held = [
            call.amount
            for call_id, call in self.calls.items()
            if call.state == "held" and place in call.spans and call_id != without
        ]
        return Balance(
            place[0],
            Span(now_ms - span.length_ms, now_ms, rolling=True) if span.rolling else span,
            spent=_sum(b.amount for b in there),
            reserved=_sum(held),
            unconfirmed=_sum(b.amount for b in there if b.unconfirmed),
            limits=self.limits.get(place),
        )

    def _own(self, call_id: str, place: Place, now_ms: int) -> Amounts:
        call = self.calls.get(call_id)
        if call is not None and call.state == "held" and place in call.spans:
            return call.amount
        return _sum(b.amount for b in self.booked if (b.call_id, b.place) == (call_id, place) and b.counts(now_ms))

    def _free_at(
        self, call_id: str, line: Line, too_much: dict[Metric, int], amount: Amounts, own: Amounts, now_ms: int
    ) -> int | None:
        limits = self.limits.get(_place(line), line.limits) if line.span.rolling else line.limits
        alone = zip(limits, amount, own, strict=True)
        if any(limit is not None and asked > limit and asked > had for limit, asked, had in alone):
            return None
        if not line.span.rolling:
            return line.span.end_ms
        there = [b for b in self.booked if b.place == _place(line) and b.counts(now_ms) and b.call_id != call_id]
        for at_ms in sorted({b.at_ms for b in there}):
            freed = dict(zip(METRICS, _sum(b.amount for b in there if b.at_ms <= at_ms), strict=True))
            if all(freed[metric] >= enough for metric, enough in too_much.items()):
                return at_ms + line.span.length_ms
        return now_ms + line.span.length_ms

    def _book(self, call_id: str, amount: Amounts, *, unconfirmed: bool) -> None:
        call = self.calls[call_id]
        for place, span in call.spans.items():
            self.booked.append(Booked(call_id, place, span, call.at_ms, amount, unconfirmed))

    def _forget(self, call_id: str) -> None:
        """What its lapse had charged."""
        self.booked = [each for each in self.booked if each.call_id != call_id]


def worth_telling(balances: Iterable[Balance]) -> list[Balance]:
    """Those that hold something, or have an admin's limits."""
    return [each for each in balances if each.held != NOTHING or each.limits is not None]


def _place(line: Line) -> Place:
    return line.account, line.span.key


def _by_place(item: tuple[Place, Span]) -> Place:
    return item[0]


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    return sum(amounts, NOTHING)
