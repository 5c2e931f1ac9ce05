"""What was seen of rolling windows some time ago, so that it can be said how they grow. In memory, of one process."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from litellm_plugins.budgets.amounts import METRICS, Amounts, Metric
from litellm_plugins.budgets.forecast import Look, apart_ms
from litellm_plugins.budgets.ledger import Balance, Span

_KEPT = 5  # looks, each `apart_ms` from the next: a burst between two of them is not taken for the trend
_MOST = 10_000  # accounts; those that were not seen for longest are forgotten


class Trend:
    """Looks at rolling accounts."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, deque[tuple[int, Amounts]]] = OrderedDict()

    def note(self, balances: Iterable[Balance], *, now_ms: int) -> None:
        """Keep what they are now, if the last look is long enough ago."""
        for balance in balances:
            if not balance.span.rolling:
                continue
            looks = self._looks.setdefault(balance.account, deque(maxlen=_KEPT))
            self._looks.move_to_end(balance.account)
            if not looks or now_ms - looks[-1][0] >= apart_ms(balance.span):
                looks.append((now_ms, balance.spent))
        while len(self._looks) > _MOST:
            self._looks.popitem(last=False)

    def since(self, account: str, metric: Metric, span: Span) -> Look | None:
        """The oldest look that is kept and still within the window."""
        for at_ms, spent in self._looks.get(account, ()):
            if at_ms >= span.start_ms:
                return Look(at_ms, dict(zip(METRICS, spent, strict=True))[metric])
        return None
