"""What was made of texts before, by their content: bounded, and safe to read from threads."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Memo(Generic[V]):
    """The last used of them. What was remembered first stays: a text has one form for as long as it is known."""

    def __init__(self, *, most: int, most_chars: int = 0) -> None:
        self._most, self._most_chars = most, most_chars
        self._kept: OrderedDict[bytes, tuple[V, int]] = OrderedDict()
        self._chars = 0
        self._lock = Lock()

    def get(self, key: bytes) -> V | None:
        """What is known of it."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def setdefault(self, key: bytes, value: V, chars: int = 0) -> V:
        """Remember `value`, which takes `chars`, unless something is known; what is known then."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            self._kept[key] = (value, chars)
            self._chars += chars
            while len(self._kept) > self._most or (self._most_chars and self._chars > self._most_chars):
                _, (_, gone) = self._kept.popitem(last=False)
                self._chars -= gone
        return value


def key_of(text: str, *apart: object) -> bytes:
    """Of `text`, and of whatever else its form depends on."""
    digest = sha256(text.encode("utf-8", "surrogatepass"))
    digest.update(repr(apart).encode())
    return digest.digest()
