"""Whether a conversation stays with its model, by what its provider has in its prompt cache. Pure.

Where the router is indifferent, at a threshold t, the stronger model's gain t is worth exactly what it costs more. So a
point of score is worth extra / t dollars, and a score s is, in dollars, `gain = extra * |s - t| / t` away from
indifference. Against it stands what leaving throws away: `lost = cached * (price - cached price)` of the model that the
conversation is with. It stays while `lost > gain`. For one request; what later turns would save is not counted.

`extra` is dollars, of prompt and answer together, without any cache; `cached` tokens; prices dollars a token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from litellm_plugins.routing.conversation import Conversation

ANSWER_TOKENS = 400  # that an answer is taken to have
CHARACTERS_A_TOKEN = 4
SHORTEST_CACHED = 1_024  # tokens; OpenAI and Anthropic keep no shorter prefix


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a model, in dollars a token."""

    prompt: float
    cached_prompt: float
    answer: float


@dataclass(frozen=True, slots=True)
class Held:
    """What a conversation's last request was sent to. `tokens` of its prompt, which the provider may have kept."""

    tier: str
    model: str
    tokens: int
    until_s: float


@dataclass(frozen=True, slots=True)
class Moving:
    """From the tier at `held_at` to the one at `fresh_at`, another one, which the score alone asks for."""

    held_at: int
    fresh_at: int
    score: float
    cached: int  # tokens of the prompt that the held model's provider has read before
    prompt: int  # tokens

    @property
    def up(self) -> bool:
        """To a stronger one."""
        return self.fresh_at > self.held_at


@dataclass(frozen=True, slots=True)
class Weighed:
    """`lost` and `gain` in dollars, None where a price is unknown."""

    stays: bool
    lost: float | None = None
    gain: float | None = None


def weigh(
    moving: Moving, thresholds: Sequence[float], margin: float, held: Rates | None, fresh: Rates | None
) -> Weighed:
    """Whether to stay. Past the threshold by more than `margin`, never with the weaker model.

    Where a price is unknown, the margin alone decides, both ways.
    """
    threshold = thresholds[moving.held_at if moving.up else moving.held_at - 1]
    distance = abs(moving.score - threshold)
    if moving.up and distance > margin:
        return Weighed(False)
    if held is None or fresh is None:
        return Weighed(distance <= margin)
    lost = moving.cached * max(0.0, held.prompt - held.cached_prompt) if moving.cached >= SHORTEST_CACHED else 0.0
    strong, weak = (fresh, held) if moving.up else (held, fresh)
    extra = moving.prompt * (strong.prompt - weak.prompt) + ANSWER_TOKENS * (strong.answer - weak.answer)
    if extra <= 0:  # the stronger one is no dearer: there is nothing to save with the weaker
        return Weighed(not moving.up, lost, 0.0)
    gain = extra * distance / threshold if threshold > 0 else math.inf
    return Weighed(lost > gain, lost, gain)


def tokens_of(conversation: Conversation) -> int:
    """About so many, of its text."""
    return sum(len(turn.text) for turn in conversation.turns) // CHARACTERS_A_TOKEN


def prefixes(owner: str, conversation: Conversation) -> list[tuple[bytes, int]]:
    """For the first turn, the first two and so on: their name, which tells nothing of them, and about how many tokens.

    A request's own name is the last; a later request of the same conversation begins with the same turns, and so has it
    among its own. Who changes what was said before has another conversation, as for the provider's cache.
    """
    hashed, found, characters = blake2b(_framed(owner), digest_size=16), [], 0
    for turn in conversation.turns:
        hashed.update(_framed(turn.role) + _framed(turn.text))
        characters += len(turn.text)
        found.append((hashed.digest(), characters // CHARACTERS_A_TOKEN))
    return found


def session_name(owner: str, session_id: str) -> bytes:
    """Of a conversation whose client names it."""
    return blake2b(_framed(owner) + _framed(session_id), digest_size=16, person=b"session").digest()


def _framed(text: str) -> bytes:
    raw = text.encode(errors="replace")
    return len(raw).to_bytes(8, "big") + raw
