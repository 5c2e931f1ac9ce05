"""The YAML block `callback_settings: litellm_plugins:` as models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from litellm_plugins.model import checked_tags
from litellm_plugins.settings.admission import Admission
from litellm_plugins.settings.alerts import Alerts
from litellm_plugins.settings.batch import Batch
from litellm_plugins.settings.block import Block as _Block
from litellm_plugins.settings.block import twice
from litellm_plugins.settings.budgets import Budget, Ledger
from litellm_plugins.settings.coalesce import Coalesce
from litellm_plugins.settings.compression import Compression
from litellm_plugins.settings.early_stop import EarlyStop
from litellm_plugins.settings.feedback import Feedback
from litellm_plugins.settings.insight import Insight
from litellm_plugins.settings.judge import Judge
from litellm_plugins.settings.output import Output
from litellm_plugins.settings.prompt_caching import PromptCaching
from litellm_plugins.settings.prompts import DynamicPrompt, PromptName
from litellm_plugins.settings.review import Review
from litellm_plugins.settings.routing import Routing, RoutingLimits
from litellm_plugins.settings.share import Share
from litellm_plugins.settings.storage_url import checked_url, is_redis, shown_url
from litellm_plugins.settings.telemetry import Telemetry
from litellm_plugins.settings.ui import Ui
from litellm_plugins.settings.virtual_keys import VirtualKeys
from litellm_plugins.settings.volatility import Volatility

_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def _environment_name(value: str) -> str:
    if not _ENV_NAME.fullmatch(value):
        raise ValueError("expected the NAME of an environment variable, such as LITELLM_PLUGINS_ENCRYPTION_KEY")
    return value


class Storage(_Block):
    """Where everything that must outlive a restart is kept."""

    url: str = Field(default="sqlite:///./data/litellm_plugins.db", repr=False)  # may hold a password
    max_size_mb: int = Field(default=512, ge=1, le=1_000_000)  # SQLite only: Redis has its own maxmemory
    # Redis only.
    key_prefix: str = Field(default="litellm_plugins", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    timeout_ms: float = Field(default=1_000, gt=0, le=60_000)  # for one answer of the server
    max_connections: int = Field(default=64, ge=1, le=10_000)  # of each worker process
    # The NAMES of environment variables with 32 bytes each: the first encrypts what is stored, each decrypts.
    encryption_keys_env: tuple[str, ...] = ()

    @field_validator("url", mode="before")
    @classmethod
    def _given(cls, url: object) -> object:
        if url is None:  # what the host makes of os.environ/NAME where there is no NAME
            raise ValueError("is empty; where it is os.environ/NAME, is that variable set?")
        return url

    @field_validator("encryption_keys_env")
    @classmethod
    def _names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            _environment_name(value)
        return values

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: str) -> str:
        return checked_url(url)

    @property
    def is_redis(self) -> bool:
        """Whether it is a Redis server; else it is an SQLite file."""
        return is_redis(self.url)

    @property
    def shown_url(self) -> str:
        """The URL as it may be printed: no user, no password."""
        return shown_url(self.url)

    @property
    def path(self) -> Path:
        """The database file; a relative path is taken from the directory the proxy was started in."""
        return Path(self.url.removeprefix("sqlite:///"))

    def beside(self, name: str) -> Path:
        """A database file next to that one, named after it."""
        return self.path.with_name(f"{self.path.stem}.{name}{self.path.suffix}")


class Exact(_Block):
    """Answers for the very same request."""

    enabled: bool = True


Guard = Literal["numbers", "negations", "opposites", "codes", "language"]


class Semantic(_Block):
    """Answers for a request that means the same: by a promised error rate, or by a fixed threshold."""

    enabled: bool = True
    max_error_rate: float = Field(default=0.01, gt=0, le=0.2)  # wrong answers per request
    threshold: float | None = Field(default=None, gt=0, le=1)  # instead of the promise
    embedder: str = "local"
    embedder_threads: int = Field(default=1, ge=1, le=8)  # of the local one, for one question
    reembed: bool = True  # after a change of the embedder: the stored questions, in the background
    guards: tuple[Guard, ...] | None = None  # what must not differ, however sure; None: see guards_in_force
    same_answer_similarity: float = Field(default=0.9, gt=0, le=1)  # cosine from which two answers say the same
    judge: Judge | None = None  # a model to ask instead; one for all, a team or key can only do without

    @model_validator(mode="after")
    def _one_way(self) -> Semantic:
        if self.threshold is not None and "max_error_rate" in self.model_fields_set:
            raise ValueError("threshold and max_error_rate are two ways to decide; set one of them")
        return self

    @property
    def guards_in_force(self) -> tuple[Guard, ...]:
        """A fixed threshold cannot do without numbers; the verifier weighs them itself."""
        if self.guards is not None:
            return self.guards
        return () if self.threshold is None else ("numbers",)


class Cache(_Block):
    """Exact and semantic caching of chat completions."""

    enabled: bool = False
    scope: Literal["team", "key", "end_user", "global"] = "team"
    ttl_s: float = Field(default=3_600, gt=0)
    max_ttl_s: float = Field(default=7 * 86_400, gt=0)
    max_answer_kb: int = Field(default=256, ge=1)
    lookup_timeout_ms: float = Field(default=500, gt=0)
    tags: tuple[str, ...] = ()  # on every answer that is stored, for invalidation
    version: str = Field(default="", pattern=r"^[A-Za-z0-9_.+-]{0,64}$")  # of your documents: another one, a new world
    rollout: Share = 1.0  # of the keys, by the hash of their ids: the others' requests pass the cache by
    shadow: bool = False  # decide and check, and serve nothing
    recheck_share: Share = 0.0  # of the hits: answered afresh, to see whether what lies there still holds
    stale_alarm_rate: Share = 0.1  # of the checked answers that turn out different; one for all, never overridden
    model_tiers: tuple[tuple[str, ...], ...] = ()  # the weakest first: an answer serves its tier and those below
    exact: Exact = Exact()
    semantic: Semantic = Semantic()
    volatility: Volatility = Volatility()

    @field_validator("tags")
    @classmethod
    def _usable_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        return checked_tags(tags)

    @model_validator(mode="after")
    def _in_one_tier(self) -> Cache:
        models = [model for tier in self.model_tiers for model in tier]
        if faults := twice("model", models):
            raise ValueError(f"model_tiers: {'; '.join(faults)}")
        return self

    def also_answered_by(self, model: str) -> tuple[str, ...]:
        """The other models whose answers serve who asks for `model`: those of its tier, then the stronger ones'."""
        for i, tier in enumerate(self.model_tiers):
            if model in tier:
                return tuple(other for each in self.model_tiers[i:] for other in each if other != model)
        return ()

    @model_validator(mode="after")
    def _ttl_within_bounds(self) -> Cache:
        if self.ttl_s > self.max_ttl_s:
            raise ValueError(f"ttl_s ({self.ttl_s:g}) is above max_ttl_s ({self.max_ttl_s:g})")
        return self


class EventType(_Block):
    """What a webhook event of one type removes, beside the tags that it names itself."""

    tags: tuple[str, ...] = ()  # `{field}` stands for a field of the event: order:{order_id}


class Events(_Block):
    """`POST /plugins/cache/events`, signed: what changed outside, and so what is stale in here."""

    secret_env: str | None = None  # the NAME of the environment variable that holds the secret; none: no events
    tolerance_s: float = Field(default=300, gt=0, le=86_400)  # how far an event's time may be from ours
    types: dict[str, EventType] = Field(default_factory=dict)  # empty: every type, by the tags it names

    @field_validator("secret_env")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        return None if value is None else _environment_name(value)


class Override(_Block):
    """What differs for one team, key or model: only the settings that are named change."""

    cache: dict[str, Any] = Field(default_factory=dict)
    admission: dict[str, Any] = Field(default_factory=dict)
    compression: dict[str, Any] = Field(default_factory=dict)
    output: dict[str, Any] = Field(default_factory=dict)
    budgets: dict[str, dict[str, Any] | None] = Field(default_factory=dict)  # by name; null: not for them
    routing: RoutingLimits = RoutingLimits()
    prompt_caching: dict[str, Any] = Field(default_factory=dict)
    early_stop: dict[str, Any] = Field(default_factory=dict)


OVERRIDES = ("per_model", "per_team", "per_key")  # the narrower comes later, and wins


class Settings(_Block):
    """The whole block."""

    storage: Storage = Storage()
    admission: Admission = Admission()
    cache: Cache = Cache()
    coalesce: Coalesce = Coalesce()
    batch: Batch = Batch()
    events: Events = Events()
    virtual_keys: VirtualKeys = VirtualKeys()
    budgets: tuple[Budget, ...] = ()
    ledger: Ledger = Ledger()
    alerts: Alerts = Alerts()
    telemetry: Telemetry = Telemetry()
    feedback: Feedback = Feedback()
    review: Review = Review()
    insight: Insight = Insight()
    routing: Routing = Routing()
    prompts: dict[PromptName, DynamicPrompt] = Field(default_factory=dict)
    compression: Compression = Compression()
    prompt_caching: PromptCaching = PromptCaching()
    output: Output = Output()
    early_stop: EarlyStop = EarlyStop()
    ui: Ui = Ui()
    per_team: dict[str, Override] = Field(default_factory=dict)
    per_key: dict[str, Override] = Field(default_factory=dict)
    per_model: dict[str, Override] = Field(default_factory=dict)

    @field_validator("budgets")
    @classmethod
    def _named_once(cls, budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
        if faults := twice("budget name", [budget.name for budget in budgets]):
            raise ValueError("; ".join(faults))
        return budgets
