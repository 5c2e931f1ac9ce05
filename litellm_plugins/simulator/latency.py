"""How long a model takes.

The table holds plausible settings, NOT measurements of any provider: enough to see what caching, streaming
and routing change, and nothing to compare providers by.
"""

import math
import random
import re
from dataclasses import dataclass

_FIRST_TOKEN_SPREAD = 0.30  # sigma of the log-normal draw: 95 % fall within about x0.55 and x1.8
_TOKEN_SPREAD = 0.15

# Model name pattern, median seconds to the first token and per output token. The first match counts.
_FAMILIES = tuple(
    (re.compile(pattern), first_token_s, token_s)
    for pattern, first_token_s, token_s in (
        (r"embedding", 0.080, 0.0),
        (r"nano|flash-lite", 0.25, 0.005),
        (r"mini|haiku|small|flash|lite|\b[1-9]b\b", 0.30, 0.008),
        (r"(^|/)o\d|opus|large|\bpro\b|gpt-4(-|$)|405b", 0.90, 0.024),
        (r"gpt-4o", 0.45, 0.012),
        (r"gpt-4\.1", 0.50, 0.013),
        (r"gpt-5", 0.70, 0.014),
        (r"sonnet", 0.60, 0.015),
        (r"", 0.50, 0.014),
    )
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds to the first token, and seconds for each output token after it."""

    first_token_s: float
    token_s: float
    pause_s: float = 0.0  # once so many tokens are spoken:
    pause_after: int = 0

    def due_s(self, tokens: int) -> float:
        """When so many tokens are spoken, from the request on."""
        paused_s = self.pause_s if tokens > self.pause_after else 0.0
        return self.first_token_s + tokens * self.token_s + paused_s


def draw_pace(model: str, seed: bytes, scale: float) -> Pace:
    """The pace of one request: log-normal around its family's median, the same for the same seed."""
    if scale == 0:
        return Pace(0.0, 0.0)
    first_token_s, token_s = _median(model.lower())
    draws = random.Random(seed)  # noqa: S311 - repeatable is the point, secrecy is not
    return Pace(
        first_token_s * scale * math.exp(draws.gauss(0.0, _FIRST_TOKEN_SPREAD)),
        token_s * scale * math.exp(draws.gauss(0.0, _TOKEN_SPREAD)),
    )


def _median(model: str) -> tuple[float, float]:
    return next((first, token) for pattern, first, token in _FAMILIES if pattern.search(model))
