"""What the host gets to know of a key's holder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from litellm_plugins.proxy.auth import identity
from litellm_plugins.settings import VirtualKeys
from litellm_plugins.virtual_keys.key_ring import KeyHolder, KeyRing, hash_of

# The host's own: its pydantic models are built on first use.
pytestmark = pytest.mark.filterwarnings("ignore")


def holder(key: dict[str, Any], team: dict[str, Any] | None = None) -> KeyHolder:
    entry = {"name": "a", "hash": f"sha256:{hash_of('sk-a')}", **({"team": "t"} if team is not None else {}), **key}
    teams = [{"id": "t", **team}] if team is not None else []
    found = KeyRing.of(VirtualKeys.model_validate({"teams": teams, "keys": [entry]})).find("sk-a")
    assert found is not None
    return found


def test_the_host_gets_limits_models_end_and_metadata_of_key_and_team() -> None:
    key = {"rpm_limit": 1, "tpm_limit": 2, "max_parallel_requests": 3, "expires": "2030-01-31T00:00:00Z", "user": "ann"}
    told = identity(
        holder(
            key | {"models": ["small", "other"], "metadata": {"tags": ["x"], "litellm_plugins": {"budgets": []}}},
            {"alias": "T", "models": ["small"], "rpm_limit": 4, "tpm_limit": 5, "metadata": {"litellm_plugins": {}}},
        )
    )
    assert (told.rpm_limit, told.tpm_limit, told.max_parallel_requests) == (1, 2, 3)
    assert (told.team_rpm_limit, told.team_tpm_limit) == (4, 5)
    assert (told.models, told.team_models) == (["small"], ["small"])
    assert told.expires == datetime(2030, 1, 31, tzinfo=UTC)
    assert (told.key_alias, told.user_id, told.team_id, told.team_alias) == ("a", "ann", "t", "T")
    assert told.metadata == {"tags": ["x"], "litellm_plugins": {"budgets": []}}
    assert told.team_metadata == {"litellm_plugins": {}}


def test_what_the_host_writes_into_one_requests_metadata_is_not_in_the_nexts() -> None:
    found = holder({"metadata": {"tags": ["x"]}}, {"metadata": {"a": {"b": 1}}})
    first = identity(found)
    first.metadata["tags"].append("mine")
    assert first.team_metadata is not None
    first.team_metadata["a"]["b"] = 2
    second = identity(found)
    assert (second.metadata, second.team_metadata) == ({"tags": ["x"]}, {"a": {"b": 1}})


def test_a_key_without_anything_is_limited_by_nothing() -> None:
    told = identity(holder({}))
    assert (told.rpm_limit, told.tpm_limit, told.max_parallel_requests, told.expires) == (None, None, None, None)
    assert (told.models, told.metadata, told.team_id, told.team_metadata) == ([], {}, None, None)
