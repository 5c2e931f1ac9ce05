"""Whether a server that failed just now is worth another try: pure state, the time is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_STRIKES = 3  # a slow answer may be the fault of our own busy event loop; that many in a row are not


class Circuit:
    """Closed while the server answers. After a failure it is open for a while: nobody tries, so nobody waits.

    When the pause is over one is let through. Its success closes the circuit, its failure makes the next pause longer.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reason: str | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._open_until = 0.0
        self._probing = False
        self._strikes = 0

    def refusal(self) -> str | None:
        """Why not to try now: the reason of the last failure. None: try."""
        if self._reason is None:
            return None
        now = self._clock()
        if now < self._open_until:
            return self._reason
        self._probing, self._open_until = True, now + self._pause_s  # the others wait for what this one finds out
        return None

    def succeeded(self) -> None:
        """The server answered, if only to refuse."""
        self._reason, self._probing, self._strikes, self._pause_s = None, False, 0, _FIRST_PAUSE_S

    def failed(self, reason: str, *, at_once: bool) -> None:
        """The server did not answer. Unless `at_once`, it takes several failures in a row to open the circuit."""
        if self._reason is None:
            self._strikes += 1
            if not at_once and self._strikes < _STRIKES:
                return
            self._pause_s = _FIRST_PAUSE_S
        elif self._probing:
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        else:
            return  # it had begun before the circuit opened: no news
        self._reason, self._probing, self._open_until = reason, False, self._clock() + self._pause_s
