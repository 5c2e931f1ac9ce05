"""The settings of budgets: whom one covers, how much a window holds, and what happens at its marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from litellm_plugins.settings.block import Block
from litellm_plugins.settings.share import Share

Kind = Literal["global", "key", "team", "user", "end_user", "feature", "tag", "model", "provider"]
Unit = Literal["min", "h", "d", "w", "mo"]
Broken = Literal["heard", "reserved"]  # what is booked of a stream that nobody told the usage of
Left = Literal["drain", "heard", "reserved"]  # the first: it is read on until its usage is told
KINDS: tuple[Kind, ...] = get_args(Kind)
CLIENT_NAMED: frozenset[Kind] = frozenset({"end_user", "feature", "tag", "model"})  # a wildcard knows any model
_WINDOW = re.compile(r"([1-9][0-9]{0,3})(min|h|d|w|mo)( rolling)?")
_NANO = 1_000_000_000
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_MARKS = "expected a share between 0 and 1, or several that rise: [0.5, 0.8]"

Usd = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=9)]  # to the nano-dollar
Count = Annotated[int, Field(ge=0, le=10**15)]


class Window(Block):
    """`1h`, `1d`, `1w`, `1mo`: by the calendar; any other count (`30d`), or `rolling`: the time that just passed."""

    count: int
    unit: Unit
    rolling: bool


class ScopePart(Block):
    """One thing that a budget looks at: each value has an account of its own, or only `value` is covered."""

    kind: Kind
    value: str | None = None


class Degrade(Block):
    """What a request is turned into instead of being refused."""

    model: str | None = None  # a cheaper model group, or a free local one
    max_tokens: int | None = Field(default=None, ge=1)
    max_error_rate: float | None = Field(default=None, gt=0, le=0.2)  # of the semantic cache, while it lasts
    defer: bool = False  # to a batch, where its client lets it wait; where it does not, what else stands here

    @model_validator(mode="after")
    def _something(self) -> Degrade:
        if not self.says_something:
            raise ValueError("says nothing; set model, max_tokens, max_error_rate or defer")
        return self

    @property
    def says_something(self) -> bool:
        """Whether it would change a request."""
        return self.defer or any(each is not None for each in (self.model, self.max_tokens, self.max_error_rate))

    @property
    def without_waiting(self) -> Degrade | None:
        """For a request that may not wait; None: nothing is left."""
        rest = self.model_copy(update={"defer": False})
        return rest if rest.says_something else None


DEGRADED = Degrade(max_tokens=1_024)  # where a budget says degrade, but not into what


class BudgetLimits(Block):
    """How much a window may hold, and how much one request may cost; None: as much as you like."""

    limit_usd: Usd | None = None
    limit_tokens: Count | None = None  # prompt and completion
    limit_requests: Count | None = None
    max_request_usd: Usd | None = None  # of a single request, in any window

    @property
    def limits_window(self) -> bool:
        """Whether there is any limit to what a window holds."""
        return any(limit is not None for limit in (self.limit_usd, self.limit_tokens, self.limit_requests))


class Budget(BudgetLimits):
    """One rule. Several may cover a request; the tightest wins."""

    name: str = Field(pattern=_NAME)
    scope: tuple[ScopePart, ...] = (ScopePart(kind="global"),)
    window: Window = Window(count=1, unit="d", rolling=False)
    timezone: str = "UTC"
    soft: tuple[Share, ...] = ()
    on_soft: Literal["warn", "degrade"] = "warn"
    on_hard: Literal["deny", "cache_only", "degrade"] = "deny"
    degrade: Degrade | None = None
    on_ledger_failure: Literal["deny", "allow"] = "deny"
    max_accounts: int = Field(default=10_000, ge=1, le=100_000)  # of values that clients name, in one window

    @field_validator("scope", mode="before")
    @classmethod
    def _parts(cls, value: object) -> object:
        """`team`, `{feature: chat}`, or a list of such; each kind once."""
        given = value if isinstance(value, list | tuple) else [value]
        parts = [part for each in given for part in _parts_of(each)]
        kinds = [part.kind for part in parts]
        if not parts or len(set(kinds)) != len(kinds):
            raise ValueError("expected one or more kinds of scope, each once")
        if "global" in kinds and len(kinds) > 1:
            raise ValueError("global covers everything; leave it out beside others")
        return tuple(sorted(parts, key=lambda part: KINDS.index(part.kind)))

    @field_validator("window", mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        if isinstance(value, Window):
            return value
        found = _WINDOW.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise ValueError("expected a count and min, h, d, w or mo: 1h, 1d, 1mo; or rolling: 30d, '1d rolling'")
        count, unit = int(found.group(1)), found.group(2)
        rolling = count > 1 or found.group(3) is not None
        if rolling and unit == "mo":
            raise ValueError("months differ in length; write a rolling window in days: 30d")
        return {"count": count, "unit": unit, "rolling": rolling}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("not a time zone of the IANA database, such as Europe/Madrid") from None
        return value

    @field_validator("soft", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return value
        if value is None or isinstance(value, Mapping):
            raise ValueError(_MARKS)
        return (value,)

    @field_validator("soft")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)) or any(not 0 < mark < 1 for mark in value):
            raise ValueError(_MARKS)
        return value

    @model_validator(mode="before")
    @classmethod
    def _into_something(cls, given: object) -> object:
        if isinstance(given, Mapping) and "degrade" in (given.get("on_soft"), given.get("on_hard")):
            return {**given, "degrade": DEGRADED} if given.get("degrade") is None else given
        return given

    @model_validator(mode="after")
    def _complete(self) -> Budget:
        if not self.limits_window and self.max_request_usd is None:
            raise ValueError("limits nothing; set limit_usd, limit_tokens, limit_requests or max_request_usd")
        if self.soft and not self.limits_window:
            raise ValueError("soft marks are shares of a window's limit; set limit_usd, limit_tokens or limit_requests")
        if self.on_soft == "degrade" and not self.soft:
            raise ValueError("on_soft: degrade needs a mark, such as soft: [0.8]; the last one counts")
        return self


class Price(Block):
    """Of a model that the host's price list does not know, in dollars per million tokens."""

    input_usd_per_million: Decimal = Field(ge=0, le=1_000_000)
    output_usd_per_million: Decimal = Field(ge=0, le=1_000_000)


class Ledger(Block):
    """How reservations are made and kept; one for all."""

    lease_s: float = Field(default=900, ge=5, le=86_400)  # longer than any call takes
    on_lapse: Literal["charge", "release"] = "charge"  # of a call whose worker died while the provider was at it
    unpriced: Literal["deny", "free"] = "deny"  # a model without a price, in the host's list or below
    uncovered: Literal["deny", "allow"] = "deny"  # what nobody says the cost of, of whoever a budget covers
    prices: dict[str, Price] = Field(default_factory=dict)  # by model group
    assumed_output_tokens: int = Field(default=4_096, ge=1)  # where neither the request nor the price list has a limit
    broken_streams: Broken = "heard"  # the provider's stream ended too early
    left_streams: Left = "drain"  # the client hung up before its end
    drain_s: float = Field(default=120, ge=1, le=3_600)  # for how long one is read on; then as `heard`
    drains_at_once: int = Field(
        default=64, ge=1, le=10_000
    )  # of a worker, and of one team up to half; more: as `heard`
    other_request_usd: Usd = Decimal("0.10")  # reserved for what is not priced by tokens


def nano(usd: Decimal) -> int:
    """Nano-dollars."""
    return int((usd * _NANO).to_integral_value())


def _parts_of(value: object) -> list[ScopePart]:
    if isinstance(value, ScopePart):
        return [value]
    if isinstance(value, str) and value in KINDS:
        return [ScopePart(kind=value)]
    if isinstance(value, Mapping) and value and all(kind in KINDS and kind != "global" for kind in value):
        return [ScopePart(kind=kind, value=_value(kind, name)) for kind, name in value.items()]
    raise ValueError(f"expected one of {', '.join(KINDS)}, or one with a value: {{feature: chat}}")


def _value(kind: Kind, name: object) -> str:
    if isinstance(name, bool) or not isinstance(name, str | int | float) or not str(name):
        raise ValueError(f"expected a name after {kind}, such as {{feature: chat}}; in quotes if it is yes, no or null")
    if kind == "key" and str(name).startswith("sk-"):
        raise ValueError("a key is named by its alias or its hash, never by the key itself")
    return str(name).removeprefix("sha256:") if kind == "key" else str(name)
