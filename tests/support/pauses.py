"""How long a busy machine lets this process wait, to be told from what the code itself holds up."""

from __future__ import annotations

import threading
import time
from typing import Self

_EVERY_S = 0.005


class WorstPause:
    """While it is open: a thread that does nothing, and the longest that it was late.

    For what waits (a connection that hangs, a lock). What computes and keeps the interpreter's lock makes this thread
    late as well: measure that in seconds of CPU.
    """

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        began = time.monotonic()
        while not self._over.wait(_EVERY_S):
            now = time.monotonic()
            self.worst_s, began = max(self.worst_s, now - began - _EVERY_S), now
