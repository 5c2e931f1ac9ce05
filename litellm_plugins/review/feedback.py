"""The thumb of an end user on one answer: what it may say, who may say it, and where it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol

from litellm_plugins.errors import PluginError, RequestError

LONGEST_COMMENT = 2_000
MOST_KEPT = 100_000  # pieces of feedback, some 30 MB with comments
MOST_KEPT_OF_ONE = 10_000  # of one tenant's
_LONGEST_ID = 256
_LONGEST_USER = 128
_LONGEST_WORD = 128
_FIELDS = frozenset({"trace_id", "call_id", "cache_id", "verdict", "score", "comment", "user"})


class About(StrEnum):
    """What a piece of feedback names."""

    TRACE = "trace_id"
    CALL = "call_id"
    CACHE = "cache_id"


class Verdict(StrEnum):
    """A thumb."""

    UP = "up"
    DOWN = "down"


class NotTheirs(PluginError):
    """A key speaks about what was served to another team."""

    code = "insufficient_permissions"
    http_status = 403


@dataclass(frozen=True, slots=True)
class Served:
    """An answer was given: to whom, and by which names it can be spoken of."""

    trace_id: str  # as Langfuse has it: 32 hex digits
    call_id: str  # the host's, in the same form
    tenant: str  # the team, or the key of no team
    at_s: float
    cache_id: str = ""
    layer: str = ""
    model_group: str = ""
    feature: str = ""
    route: str = ""  # router, tier and arm that a fresh answer was of


@dataclass(frozen=True, slots=True)
class Said:
    """What a client says, checked."""

    about: About
    target: str
    value: float  # 0 is bad, 1 is good
    verdict: Verdict | None = None
    comment: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One caller's word on one answer, or on one cached entry; the latest only."""

    id: str
    about: About
    tenant: str
    by: str  # the hash of the key, or an admin's name
    trace_id: str
    cache_id: str
    value: float
    verdict: Verdict | None
    comment: str
    user: str
    at_s: float
    layer: str = ""
    model_group: str = ""
    feature: str = ""
    route: str = ""


class FeedbackStore(Protocol):
    """Keeps what was served for a while, and feedback for good; both bounded, the oldest go first.

    Of feedback each tenant has a bound of its own. Where all of them together have too much, who has the most loses its
    oldest: nobody can push out what others say by saying more.

    Raises: StoreUnavailable, from each of its methods.
    """

    async def serve(self, served: Sequence[Served]) -> None:
        """Remember these. A call that is known already stays as it was: nobody can take another's over."""

    async def find(self, about: About, target: str, tenant: str) -> Served | None:
        """What is known by that name.

        A trace or call is its first owner's. Of a cached entry it is what `tenant` was served last, or else anybody.
        """

    async def put(self, feedback: Feedback) -> bool:
        """Keep it in the place of the one with its id; whether there was none."""

    async def latest(self, limit: int, *, tenant: str | None = None, before_s: float = math.inf) -> list[Feedback]:
        """The newest first."""


def word(given: str) -> str:
    """A client's word as a store keeps it: of any length, or half a surrogate pair, it would not."""
    return given[:_LONGEST_WORD].encode("utf-8", "replace").decode()


def read(given: Mapping[str, Any]) -> Said:
    """Raises: RequestError that names the field at fault."""
    if unknown := sorted(set(given) - _FIELDS):
        raise RequestError(f"{unknown[0]}: unknown field; known: {', '.join(sorted(_FIELDS))}", param=unknown[0])
    named = [about for about in About if given.get(about) is not None]
    if len(named) != 1:
        raise RequestError("give one of trace_id, call_id and cache_id", param="trace_id")
    about = named[0]
    target = _text(given, about, _LONGEST_ID)
    if not target:
        raise RequestError(f"{about}: expected some text", param=about)
    verdict, value = _judged(given)
    return Said(
        about=about,
        target=target,
        value=value,
        verdict=verdict,
        comment=_text(given, "comment", LONGEST_COMMENT),
        user=_text(given, "user", _LONGEST_USER),
    )


def _judged(given: Mapping[str, Any]) -> tuple[Verdict | None, float]:
    verdict, score = given.get("verdict"), given.get("score")
    if (verdict is None) == (score is None):
        raise RequestError("give either a verdict or a score", param="verdict")
    if verdict is not None:
        if verdict not in list(Verdict):
            raise RequestError("verdict: expected up or down", param="verdict")
        return Verdict(verdict), 1.0 if verdict == Verdict.UP else 0.0
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise RequestError("score: expected a number from 0 (bad) to 1 (good)", param="score")
    return None, float(score)


def _text(given: Mapping[str, Any], name: str, longest: int) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise RequestError(f"{name}: expected a text of at most {longest} characters", param=name)
    return value.strip()


def feedback_on(said: Said, served: Served, *, by: str, tenant: str | None, at_s: float) -> Feedback:
    """What to keep. `tenant` is the speaker's, None for an admin. Raises: NotTheirs."""
    if tenant is not None and served.tenant != tenant:
        raise NotTheirs("this was served to another team: a key may speak only about its own team's traffic")
    target = served.cache_id if said.about is About.CACHE else served.trace_id
    return Feedback(
        id=feedback_id(by, said.about, target, said.user),
        about=said.about,
        tenant=served.tenant,
        by=by,
        trace_id=served.trace_id,
        cache_id=served.cache_id,
        value=said.value,
        verdict=said.verdict,
        comment=said.comment,
        user=said.user,
        at_s=at_s,
        layer=served.layer,
        model_group=served.model_group,
        feature=served.feature,
        route=served.route,
    )


def feedback_id(by: str, about: About, target: str, user: str = "") -> str:
    """The same for the same caller and target, however often and whatever is said; 32 hex digits."""
    kind = About.CACHE if about is About.CACHE else About.TRACE  # a call's answer is its trace's
    parts = b"".join(len(part := each.encode()).to_bytes(4, "big") + part for each in (by, kind, target, user))
    return sha256(parts).hexdigest()[:32]
