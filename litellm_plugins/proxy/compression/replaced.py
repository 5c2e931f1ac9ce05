"""What stands in a request in place of its own words, and how they are put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from litellm_plugins.telemetry.events import HistoryCut, PromptCompressed

if TYPE_CHECKING:
    from litellm_plugins.proxy.ticket import Ticket

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Replaced(Generic[Event]):
    """Of one request: what is told, and the fields that were replaced, each as it was and as it was sent."""

    event: Event
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    told: bool = False
    read_share: float = 1.0  # of the price of input, that reading from the provider's prompt cache costs

    def put_into(self, data: dict[str, Any]) -> None:
        """Have the request sent so."""
        data.update({name: sent for name, (_, sent) in self.fields.items()})

    def take_out_of(self, data: dict[str, Any]) -> None:
        """Put back what it was; what somebody has written since stays."""
        for name, (original, sent) in self.fields.items():
            if data.get(name) == sent:
                data[name] = original


Compressed: TypeAlias = Replaced[PromptCompressed]
Shortened: TypeAlias = Replaced[HistoryCut]


def undone(ticket: Ticket | None, data: dict[str, Any]) -> Ticket | None:
    """Put the original back before a request is read once more: its cache key is of what the client sent."""
    if ticket is not None:
        for replaced in (ticket.compressed, ticket.history):  # the other way round than it was done
            if replaced is not None:
                replaced.take_out_of(data)
    return ticket
