"""Searches on the web that the host makes for a request of its own accord: each is another provider's bill.

The host logs them under the id of the request that they are for, and under nothing else of it. While it searches the
request is there, and its tab can be put where the log of the search will find it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.proxy.budgets.costs import nano_of

if TYPE_CHECKING:
    from litellm_plugins.cache.own_calls import OwnCalls
    from litellm_plugins.proxy.budgets.held import Held

_SEARCH = "asearch"
_OF, _TAB = "parent_request_id", "litellm_plugins_tab"
_PLACES = ("litellm_metadata", "metadata")


class Tab(str):
    """Carries a request's tab through the host's metadata; to everybody else it is an empty word."""

    __slots__ = ("own",)
    own: OwnCalls

    def __new__(cls, own: OwnCalls) -> Tab:
        tab = super().__new__(cls, "")
        tab.own = own
        return tab

    def __deepcopy__(self, memo: dict[int, Any]) -> Tab:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, ("",)


class OwnSearches:
    """One for all requests of a worker."""

    def __init__(self) -> None:
        self._asking: weakref.WeakValueDictionary[str, Held] = weakref.WeakValueDictionary()

    def asks(self, call_id: str, held: Held) -> None:
        """A request with the host's `call_id` is on its way."""
        self._asking[call_id] = held

    def begun(self, kwargs: Mapping[str, Any], call_type: str) -> None:
        """The host is about to search."""
        for metadata in _metadata(kwargs) if call_type == _SEARCH else ():
            held = self._asking.get(str(metadata.get(_OF) or ""))
            if held is not None:
                metadata[_TAB] = Tab(held.own)

    @staticmethod
    def found(kwargs: Mapping[str, Any]) -> None:
        """The host has logged a search: it goes on the tab of whom it was for."""
        tab = next((tab for place in _metadata(kwargs) if isinstance(tab := place.get(_TAB), Tab)), None)
        if tab is not None:
            tab.own.add(nano_of(kwargs.get("response_cost")))


def _metadata(kwargs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (kwargs, kwargs.get("litellm_params")):
        if isinstance(holder, Mapping):
            yield from (place for name in _PLACES if isinstance(place := holder.get(name), dict))
