"""Conversations that a later request may go on with, by the id of the answer that ended them."""

import threading
from collections import OrderedDict
from typing import Any

import orjson

Message = dict[str, Any]


class Conversations:
    """The latest of them, as long as they fit. Requests with long bodies come from other threads."""

    def __init__(self, *, max_bytes: int) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._held_bytes = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def keep(self, answer_id: str, messages: list[Message]) -> None:
        """The oldest are given up for it."""
        data = orjson.dumps(messages)
        with self._lock:
            self._kept[answer_id] = data
            self._held_bytes += len(data)
            while self._held_bytes > self._max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._held_bytes -= len(oldest)

    def find(self, answer_id: str) -> list[Message] | None:
        """None where it never was, or has been given up."""
        with self._lock:
            data = self._kept.get(answer_id)
        if data is None:
            return None
        messages: list[Message] = orjson.loads(data)
        return messages
