"""The settings of virtual keys without a database: teams and keys, in the config or in a file of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from pydantic import Field, JsonValue, field_validator, model_validator

from litellm_plugins.settings.block import Block, twice

_KEY_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_A_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Holder(Block):
    """What a key and a team have in common. The limits are counted and enforced by the host's own rate limiter."""

    models: tuple[str, ...] = ()
    rpm_limit: int | None = Field(default=None, ge=1, le=10**12, strict=True)  # requests in a minute
    tpm_limit: int | None = Field(default=None, ge=1, le=10**15, strict=True)  # tokens in a minute
    expires: datetime | None = None
    blocked: bool = Field(default=False, strict=True)  # for now; who means it for good writes `revoked` on the key
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("expires", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        return None if value is None else moment(value)

    @field_validator("metadata")
    @classmethod
    def _ours_is_a_block(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if not isinstance(value.get("litellm_plugins", {}), Mapping):
            raise ValueError("litellm_plugins in it is a block of settings: litellm_plugins: {…}")
        tags = value.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise ValueError("tags in it is a list of words: tags: [batch, internal]")
        return value


class Team(_Holder):
    """A team whose keys are in YAML. `models` empty: every model."""

    id: str = Field(min_length=1)
    alias: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_such_limit(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the YAML holds
        if isinstance(value, Mapping) and "max_parallel_requests" in value:
            raise ValueError("max_parallel_requests: the host counts calls in parallel per key; set it on the keys")
        return value


class VirtualKey(_Holder):
    """A key, by its hash only. Made by `litellm-plugins keys new`. `models` empty: what the team may use."""

    name: str = Field(min_length=1)
    hash: str
    team: str | None = None
    user: str | None = None
    max_parallel_requests: int | None = Field(default=None, ge=1, le=10**6, strict=True)
    revoked: bool = Field(default=False, strict=True)

    @field_validator("hash")
    @classmethod
    def _hashed(cls, value: str) -> str:
        if not _KEY_HASH.fullmatch(value):
            raise ValueError("not a key hash (sha256: and 64 hex digits); `litellm-plugins keys new` makes one")
        return value


class KeysFile(Block):
    """What a file of keys holds."""

    teams: tuple[Team, ...] = ()
    keys: tuple[VirtualKey, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> KeysFile:
        if faults := self._faults():
            raise ValueError("; ".join(faults))
        return self

    def _faults(self) -> list[str]:
        return [
            *twice("team id", [team.id for team in self.teams]),
            *twice("key name", [key.name for key in self.keys]),
            *twice("key hash", [key.hash for key in self.keys]),
        ]


class VirtualKeys(KeysFile):
    """Keys without a database; see `general_settings.custom_auth` in proxy_config.yaml."""

    file: str | None = Field(default=None, min_length=1)  # more teams and keys, read again whenever it changes

    def _faults(self) -> list[str]:
        unknown = {key.team for key in self.keys if key.team} - {team.id for team in self.teams}
        if not unknown or self.file is not None:  # with a file the teams may stand there
            return super()._faults()
        return [*super()._faults(), f"keys name teams that are not listed under teams: {', '.join(sorted(unknown))}"]

    def with_file(self, filed: KeysFile) -> VirtualKeys:
        """All of both. Raises: pydantic.ValidationError, where they contradict each other."""
        return VirtualKeys(teams=self.teams + filed.teams, keys=self.keys + filed.keys)


def moment(value: object) -> datetime:
    """The end that `value` names: a date-time with its offset, or a date, which ends with its day in UTC.

    Raises: ValueError.
    """
    read = _read(value) if isinstance(value, str) else value
    if isinstance(read, datetime):
        if read.tzinfo is None:
            raise ValueError("a date-time needs its offset from UTC, as in 2030-01-31T18:00:00+01:00 or …Z")
        return read
    if isinstance(read, date):
        return datetime.combine(read, time.max, UTC)
    raise ValueError("expected a date (2030-01-31) or a date-time with offset (2030-01-31T18:00:00+01:00)")


def _read(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _A_DATE.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        return None
