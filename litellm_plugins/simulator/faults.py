"""Which fault a request asks for. The words are documented in the package's docstring."""

import re
from dataclasses import dataclass

from litellm_plugins.simulator.recorder import Ending
from litellm_plugins.simulator.wire import RequestError

HEADER = "x-simulator-fault"
MAX_STALL_S = 600.0
MAX_LOOP_TOKENS = 100_000

_WORD = r"error:[45]\d\d|stall:\d+(?:\.\d+)?|disconnect|silent_end|truncate|content_filter|loop:\d+|pause:\d+(?:\.\d+)?"
_HEADER_WORD = re.compile(rf"(?:{_WORD})\Z")
# The prefix keeps an honest question ("how do I disconnect my account?") from being a fault.
_TEXT_WORD = re.compile(rf"\bsimulator:({_WORD})(?!\w)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request; nothing by default."""

    status: int | None = None
    stall_s: float = 0.0
    disconnect: bool = False
    silent_end: bool = False
    truncate: bool = False
    content_filter: bool = False
    loop_tokens: int = 0
    pause_s: float = 0.0

    @property
    def ending(self) -> Ending:
        """How the response's body ends."""
        if self.disconnect:
            return "dropped"
        return "ended_early" if self.silent_end else "complete"


def parse_fault(header: str, text: str) -> Fault:
    """The fault that the header's and the text's words add up to.

    Raises:
        RequestError: the header has an unknown word: a typo there would make a test pass for no reason.
    """
    words = header.replace(",", " ").split()
    for word in words:
        if not _HEADER_WORD.match(word):
            raise RequestError(400, f"Unknown fault {word!r} in {HEADER}", param=HEADER)
    if "simulator:" in text:
        words += _TEXT_WORD.findall(text)
    return _combine(words) if words else Fault()


def raise_if_failing(fault: Fault) -> None:
    """Raises: RequestError, where the fault is an error status."""
    if fault.status == 429:
        message = "Rate limit reached for requests"
        raise RequestError(429, message, code="rate_limit_exceeded", retry_after_s=1, stall_s=fault.stall_s)
    if fault.status is not None:
        message = "The server had an error while processing your request. Sorry about that!"
        raise RequestError(fault.status, message, stall_s=fault.stall_s)


def _combine(words: list[str]) -> Fault:
    values = dict(word.partition(":")[::2] for word in words)
    return Fault(
        status=int(values["error"]) if "error" in values else None,
        stall_s=min(float(values.get("stall", 0.0)), MAX_STALL_S),
        disconnect="disconnect" in values,
        silent_end="silent_end" in values,
        truncate="truncate" in values,
        content_filter="content_filter" in values,
        loop_tokens=min(int(values.get("loop", 0)), MAX_LOOP_TOKENS),
        pause_s=min(float(values.get("pause", 0.0)), MAX_STALL_S),
    )
