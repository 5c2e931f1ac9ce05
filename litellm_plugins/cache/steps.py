"""How long each step of deciding on a request took, for the trace: taken where it happens.

A step is timed far below whoever tells of it. So the request's list is put where the step finds it, as the tab of its
own calls is (`own_calls`); where nobody keeps one, timing costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from litellm_plugins.model import Step

_MOST = 32  # of one request: `model_tiers` looks the same question up for every model


class Steps:
    """Those of one request, in the order in which they ended."""

    __slots__ = ("_ahead_s", "_open", "_taken", "_timer")

    def __init__(
        self, *, clock: Callable[[], float] = time.time, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._timer = timer
        self._ahead_s = clock() - timer()  # of the wall clock over the timer, which never leaps
        self._taken: list[Step] = []
        self._open: list[str] = []

    @property
    def taken(self) -> tuple[Step, ...]:
        """Those that are over."""
        return tuple(self._taken)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage, and all the steps that are taken meanwhile."""
        token = _current.set(self)
        try:
            with self.measured(name):
                yield
        finally:
            _current.reset(token)

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """One step, also where it fails."""
        within, began = (self._open[-1] if self._open else ""), self._timer()
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()
            if len(self._taken) < _MOST:
                self._taken.append(Step(name, began + self._ahead_s, self._timer() - began, within))

    @property
    def is_open(self) -> bool:
        """Whether a stage is under way: what outlives it is no part of it."""
        return bool(self._open)


_current: ContextVar[Steps | None] = ContextVar("litellm_plugins_steps", default=None)


@contextmanager
def step(name: str) -> Iterator[None]:
    """One step of whichever request is being looked up."""
    steps = _current.get()
    if steps is None or not steps.is_open:
        yield
        return
    with steps.measured(name):
        yield
