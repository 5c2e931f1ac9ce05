"""Which accounts get gauges of their own: a bounded number, the fullest first. Pure but for what it remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from litellm_plugins.budgets.amounts import METRICS
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.budgets.overview_accounts import parts_of

EVERYBODY = "everybody"
SOME_END_USER = "the fullest end user"
FROM_METADATA = "from metadata"  # keys and teams may bring along names without end: no budget's name has a space
_EVER = 5  # times as many series of one budget may stand there at once
VANISHES_AFTER_MS = 86_400_000  # since its window was over


def label_of(view: AccountView) -> str:
    """The budget's name as a label."""
    return view.name if view.budget is not None else FROM_METADATA


def nothing_on(account: str, holder: str) -> AccountView:
    """An account that nobody knows any more: without limits, and with nothing spent."""
    return AccountView(account, holder, Span(0, 0), tuple(Meter(metric, None, 0, 0, 0) for metric in METRICS))


@dataclass(frozen=True, slots=True)
class Gone:
    """Those that were shown and are not any more: holder and account to show as empty, label and holder to remove."""

    empty: tuple[tuple[str, str], ...]
    vanished: tuple[tuple[str, str], ...]


class Shown:
    """`most` accounts of each budget at a time; those that metadata brings along are one: the fullest of each holder.

    A series that once was there stays while its account does, so that none goes missing; a day after its window was
    over with nothing new in it, it vanishes, but for what holds for everybody. An end user's name is told only if
    `end_users`: else the fullest stands for all.
    """

    def __init__(self, most: int, *, end_users: bool = False) -> None:
        self._most, self._end_users = most, end_users
        self._ever: dict[str, dict[str, str]] = {}  # by budget: the holder as it is told, and the account seen last
        self._since: dict[tuple[str, str], int] = {}  # since when those of them are missing that are

    def chosen(self, views: Iterable[AccountView]) -> list[tuple[str, AccountView]]:
        """Holder and account. Those that were shown before come whether or not they are still among the fullest."""
        told: list[tuple[str, AccountView]] = []
        for budget, by_holder in self._by_budget(views).items():
            ever = self._ever.setdefault(budget, {})
            for rank, (holder, view) in enumerate(by_holder.items()):
                if holder in ever or (rank < self._most and len(ever) < _EVER * self._most):
                    ever[holder] = view.account
                    told.append((holder, view))
        return told

    def gone(self, told: Iterable[tuple[str, AccountView]], *, now_ms: int) -> Gone:
        """Those that were shown once and are not among `told`: their window is over."""
        now = {(label_of(view), holder) for holder, view in told}
        missing = {
            (budget, holder): account
            for budget, ever in self._ever.items()
            for holder, account in ever.items()
            if (budget, holder) not in now
        }
        self._since = {series: self._since.get(series, now_ms) for series in missing}
        vanished = tuple(
            (budget, holder)
            for (budget, holder), since in self._since.items()
            if holder != EVERYBODY and now_ms - since >= VANISHES_AFTER_MS
        )
        for budget, holder in vanished:
            del self._ever[budget][holder], self._since[budget, holder]
        empty = tuple(
            (holder, account) for (budget, holder), account in missing.items() if (budget, holder) in self._since
        )
        return Gone(empty, vanished)

    def _by_budget(self, views: Iterable[AccountView]) -> Mapping[str, dict[str, AccountView]]:
        """By budget and holder, the fullest first."""
        found: dict[str, dict[str, AccountView]] = {}
        for view in sorted(views, key=lambda view: (-_fullness(view), view.account)):
            found.setdefault(label_of(view), {}).setdefault(self._holder(view), view)
        return found

    def _holder(self, view: AccountView) -> str:
        hidden = not self._end_users and "end_user" in parts_of(view.account)[1]
        return SOME_END_USER if hidden else view.holder or EVERYBODY


def _fullness(view: AccountView) -> Fraction | int:
    fullest = view.fullest
    return fullest.share_held if fullest is not None else 0
