"""What is held for one request until it is settled. It rides on the request's ticket, and goes with it.

Where the host calls a provider several times for it, each call after the first is held on its own (`further`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.estimate import FREE
from litellm_plugins.proxy.budgets.heard import Heard

if TYPE_CHECKING:
    from litellm_plugins.budgets.amounts import Amounts
    from litellm_plugins.budgets.enforcement import Admission, Caller
    from litellm_plugins.budgets.estimate import Price
    from litellm_plugins.cache.own_calls import OwnCalls
    from litellm_plugins.proxy.budgets.tariff import HostTariff
    from litellm_plugins.telemetry.events import BudgetDecided


class Held:
    """The reservation of one request, and what is known of its costs so far."""

    def __init__(
        self,
        call_id: str,
        *,
        caller: Caller,
        tariff: HostTariff,
        admission: Admission,
        event: BudgetDecided,
        own: OwnCalls,
        lost: Callable[[Held], None],
    ) -> None:
        self.call_id, self.caller, self.tariff = call_id, caller, tariff
        self.admission, self.event, self.own = admission, event, own
        self.heard = Heard()
        # Of the deployment that is asked:
        self.tokenizer = ""  # by which model's its tokens are counted
        self.price: Price = FREE
        self.prompt_tokens = 0  # at most
        self.given: Price | None = None  # by the settings, where the host has none
        self.left: list[Price] = []  # prices of deployments that were left while they worked: they have read the prompt
        self.called = self.answered = self.settled = False
        self.paid: Amounts | None = None  # to providers, once it is settled
        self.log: Callable[[], Any] = _no_log  # what the host keeps of the call
        self.asked = False  # a provider has got it
        self.reply: Any = None  # and answered
        self.raw: Any = None  # in its own JSON
        self.left_behind = False  # another model is asked as well, whatever became of this
        self.is_further = False  # another call of the same request was made before it
        self.further: list[Held] = []  # calls of the same request after this one, in their order
        self.stream: Any = None  # what the host makes of several streams
        self._lost = lost

    @property
    def laxer(self) -> float | None:
        """The rate of errors that the settings allow a cached answer for it now; None: no other than before."""
        change = self.admission.change
        return None if change is None else change.max_error_rate

    @property
    def latest(self) -> Held:
        """Of the call that was made last."""
        return self.further[-1] if self.further else self

    @property
    def has_own_stream(self) -> bool:
        """Whether it is a further call, and what it brought was listened to apart from the first."""
        return self.is_further and self.heard.is_listened_to

    @property
    def calls(self) -> tuple[Held, ...]:
        """All that are held for the request, in their order."""
        return self, *self.further

    def calls_answering(self, held: Held) -> tuple[Held, ...]:
        """`held`, and those after it that were made for the same answer: no dearer model's."""
        found: list[Held] = []
        for each in self.calls[self.calls.index(held) :]:
            found.append(each)
            if each.left_behind:
                break
        return tuple(found)

    @property
    def is_going_on(self) -> bool:
        """Whether there were several, and some are still to be settled."""
        return bool(self.further) and any(not each.settled for each in self.calls)

    @property
    def paid_in_all(self) -> Amounts | None:
        """For all of them, once the first is settled."""
        if self.paid is None:
            return None
        return sum((each.paid for each in self.further if each.paid is not None), start=self.paid)

    def __del__(self) -> None:
        """The request is over, whatever way it took; if it is not settled by now, nothing else will do it."""
        if not self.settled and (self.admission.reserved or self.called):
            self._lost(self)


def _no_log() -> None:
    return None
