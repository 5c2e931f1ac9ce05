"""The YAML block `callback_settings: litellm_plugins:` as models, and what is wrong with it in words.

Every fault is reported at once, each with the path to it and what would be right.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ROOT = "callback_settings.litellm_plugins"

_KEY_HASH = re.compile(r"^sha256:[0-9a-f]{64}$")


def _refuse_duplicates(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} given twice: {', '.join(twice)}")


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Storage(_Block):
    """Where everything that must outlive a restart is kept."""

    url: str = "sqlite:///./data/litellm_plugins.db"
    max_size_mb: int = Field(default=512, ge=1, le=1_000_000)

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: str) -> str:
        if not url.startswith("sqlite:///") or not url.removeprefix("sqlite:///"):
            raise ValueError("only sqlite:///PATH is supported, for example sqlite:///./data/litellm_plugins.db")
        return url

    @property
    def path(self) -> Path:
        """The database file; a relative path is taken from the directory the proxy was started in."""
        return Path(self.url.removeprefix("sqlite:///"))


class Exact(_Block):
    """Answers for the very same request."""

    enabled: bool = True


class Semantic(_Block):
    """Answers for a request that means the same."""

    enabled: bool = True
    threshold: float = Field(default=0.92, gt=0, le=1)
    max_error_rate: float | None = None
    embedder: str = "local"
    guards: tuple[Literal["numbers"], ...] = ("numbers",)

    @field_validator("max_error_rate")
    @classmethod
    def _not_yet(cls, value: float | None) -> float | None:
        if value is not None:
            raise ValueError("needs the calibrated verifier, which this version does not have yet; set threshold")
        return value


class Cache(_Block):
    """Exact and semantic caching of chat completions."""

    enabled: bool = False
    scope: Literal["team", "key", "end_user", "global"] = "team"
    ttl_s: float = Field(default=3_600, gt=0)
    max_ttl_s: float = Field(default=7 * 86_400, gt=0)
    max_answer_kb: int = Field(default=256, ge=1)
    lookup_timeout_ms: float = Field(default=500, gt=0)
    exact: Exact = Exact()
    semantic: Semantic = Semantic()

    @model_validator(mode="after")
    def _ttl_within_bounds(self) -> Cache:
        if self.ttl_s > self.max_ttl_s:
            raise ValueError(f"ttl_s ({self.ttl_s:g}) is above max_ttl_s ({self.max_ttl_s:g})")
        return self


class Override(_Block):
    """What differs for one team, key or model: only the settings that are named change."""

    cache: dict[str, Any] = Field(default_factory=dict)


class Team(_Block):
    """A team whose keys are in the YAML file."""

    id: str = Field(min_length=1)
    alias: str | None = None
    models: tuple[str, ...] = ()  # empty: every model


class VirtualKey(_Block):
    """A key, by its hash only. Made by `litellm-plugins keys new`."""

    name: str = Field(min_length=1)
    hash: str
    team: str | None = None
    user: str | None = None
    models: tuple[str, ...] = ()  # empty: what the team may use

    @field_validator("hash")
    @classmethod
    def _hashed(cls, value: str) -> str:
        if not _KEY_HASH.match(value):
            raise ValueError("not a key hash (sha256: and 64 hex digits); `litellm-plugins keys new` makes one")
        return value


class VirtualKeys(_Block):
    """Keys without a database; see `general_settings.custom_auth` in proxy_config.yaml."""

    teams: tuple[Team, ...] = ()
    keys: tuple[VirtualKey, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> VirtualKeys:
        teams = [team.id for team in self.teams]
        _refuse_duplicates("team id", teams)
        _refuse_duplicates("key name", [key.name for key in self.keys])
        _refuse_duplicates("key hash", [key.hash for key in self.keys])
        unknown = sorted({key.team for key in self.keys if key.team} - set(teams))
        if unknown:
            raise ValueError(f"keys name teams that are not listed under teams: {', '.join(unknown)}")
        return self


class Telemetry(_Block):
    """Where decisions are told."""

    headers: bool = True
    log: bool = True
    prometheus: bool = True
    langfuse: bool = True  # tags and metadata on the host's own Langfuse traces; they need its callback


class Settings(_Block):
    """The whole block."""

    storage: Storage = Storage()
    cache: Cache = Cache()
    virtual_keys: VirtualKeys = VirtualKeys()
    telemetry: Telemetry = Telemetry()
    per_team: dict[str, Override] = Field(default_factory=dict)
    per_key: dict[str, Override] = Field(default_factory=dict)
    per_model: dict[str, Override] = Field(default_factory=dict)

    @property
    def cache_anywhere(self) -> bool:
        """Whether any request at all may be cached."""
        overrides = (*self.per_team.values(), *self.per_key.values(), *self.per_model.values())
        return self.cache.enabled or any(o.cache.get("enabled") for o in overrides)


class Policies:
    """The settings in force for one request: model, then team, then key; the narrower wins."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._merged = lru_cache(maxsize=4_096)(self._merge)

    @property
    def base(self) -> Cache:
        """What holds where nothing narrower does."""
        return self._settings.cache

    def cache_for(self, identity: Identity, model_group: str) -> Cache:
        """The cache settings for this identity and requested model group."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.cache
        team = next((n for n in (identity.team_id, identity.team_alias) if n in s.per_team), None)
        key = next((n for n in (identity.key_id, identity.key_alias) if n in s.per_key), None)
        return self._merged(model_group if model_group in s.per_model else None, team, key)

    def _merge(self, model: str | None, team: str | None, key: str | None) -> Cache:
        s = self._settings
        merged = s.cache.model_dump()
        for table, name in ((s.per_model, model), (s.per_team, team), (s.per_key, key)):
            if name is not None:
                merged = _deep_merge(merged, table[name].cache)
        merged["ttl_s"] = min(merged["ttl_s"], merged["max_ttl_s"])  # each fits alone; together they may not
        return Cache.model_validate(merged)


def parse(raw: object) -> Settings:
    """Settings from the parsed YAML block. Raises: SettingsError naming every fault."""
    if not isinstance(raw, Mapping):
        raise SettingsError([f"{ROOT}: expected a block of settings, got {type(raw).__name__}"])
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as exc:
        raise SettingsError(_problems(exc, Settings, ROOT)) from exc
    problems = _override_problems(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _override_problems(settings: Settings) -> list[str]:
    problems = []
    base = settings.cache.model_dump()
    for table_name in ("per_team", "per_key", "per_model"):
        for name, override in getattr(settings, table_name).items():
            try:
                Cache.model_validate(_deep_merge(base, override.cache))
            except ValidationError as exc:
                problems += _problems(exc, Cache, f"{ROOT}.{table_name}.{name}.cache")
    return problems


def _problems(exc: ValidationError, model: type[BaseModel], root: str) -> list[str]:
    return [_problem(error, model, root) for error in exc.errors()]


def _problem(error: ErrorDetails, model: type[BaseModel], root: str) -> str:
    path = ".".join([root, *(str(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{path}: unknown setting; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{path}: is required"
    shown = isinstance(error["input"], (str, int, float, bool)) or error["input"] is None
    if shown and error["loc"][-1] != "hash":  # somebody may have put the key itself there
        return f"{path}: {message[0].lower()}{message[1:]} (got {error['input']!r})"
    return f"{path}: {message[0].lower()}{message[1:]}"


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The field names of the model found by walking `path` from `model`."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
        else:  # an item of a list or a value of a dict: step into what it holds
            current = next((a for a in get_args(current) if isinstance(a, type) and issubclass(a, BaseModel)), current)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return list(current.model_fields)


def _deep_merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _deep_merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged
