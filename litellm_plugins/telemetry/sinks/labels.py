"""What may become a label: bounded in number, in length and in the signs that it is made of."""

from __future__ import annotations

from collections.abc import Iterable

OTHER = "other"
_MOST_CHARS = 128


def clean(value: str) -> str:
    """`value` as a label: no control characters, no half of a surrogate pair (either breaks the whole page)."""
    whole = value[:_MOST_CHARS].encode("utf-8", "replace").decode()
    return whole if whole.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in whole)


class BoundedLabels:
    """The `always`, then the first `more` that come; whoever once has a label keeps it, all the rest share `other`.

    No label is taken away for a busier one: a counter that stops under one name and goes on under another would lose
    what it counted in every sum over time.
    """

    def __init__(self, more: int, always: Iterable[str] = ()) -> None:
        self._room = more
        self._known = {value: clean(value) for value in always}

    def of(self, value: str) -> str:
        """The label of `value`; that of nobody is empty."""
        if not value:
            return ""
        label = self._known.get(value)
        if label is None:
            if self._room <= 0:
                return OTHER
            self._room -= 1
            label = self._known[value] = clean(value)
        return label
