"""Making keys, and finding who holds one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from litellm_plugins.settings import VirtualKeys
from litellm_plugins.virtual_keys.key_ring import KeyHolder, KeyRing, KeyState, hash_of, new_secret, same_secret


def ring(**block: Any) -> KeyRing:
    return KeyRing.of(VirtualKeys.model_validate(block))


def key(secret: str, **more: Any) -> dict[str, Any]:
    return {"name": f"the key {secret}", "hash": f"sha256:{hash_of(secret)}"} | more


def holder(of: KeyRing, secret: str) -> KeyHolder:
    found = of.find(secret)
    assert found is not None
    return found


def test_a_key_is_found_by_its_secret_and_by_nothing_else() -> None:
    """Not by its hash: who reads the config file must not be able to use the keys in it."""
    keys = ring(keys=[key("sk-a"), key("sk-b")])
    assert holder(keys, "sk-a").key.name == "the key sk-a"
    assert holder(keys, "sk-b").key.name == "the key sk-b"
    for wrong in (
        "",
        "sk-c",
        "sk-A",
        "sk-a ",
        " sk-a",
        "sk-",
        hash_of("sk-a"),
        f"sha256:{hash_of('sk-a')}",
        "the key sk-a",
    ):
        assert keys.find(wrong) is None


def test_a_holder_is_told_with_team_user_and_models() -> None:
    """What the host needs to know of a request's sender."""
    keys = ring(
        teams=[{"id": "support", "alias": "Support", "models": ["small", "large"]}],
        keys=[key("sk-a", team="support", user="ann", models=["small"])],
    )
    found = holder(keys, "sk-a")
    assert (found.key_hash, found.key.name, found.key.user) == (hash_of("sk-a"), "the key sk-a", "ann")
    assert found.team is not None
    assert (found.team.id, found.team.alias) == ("support", "Support")
    assert (found.models, found.team_models) == (("small",), ("small", "large"))


def test_a_key_without_models_may_use_its_teams() -> None:
    """Not every model, which is what an empty list means to the host."""
    keys = ring(teams=[{"id": "t", "models": ["small"]}], keys=[key("sk-a", team="t")])
    assert holder(keys, "sk-a").models == ("small",)


def test_a_key_without_team_and_models_may_use_every_model() -> None:
    """Said by the empty list, as the host says it."""
    found = holder(ring(keys=[key("sk-a")]), "sk-a")
    assert (found.team, found.key.user, found.models, found.team_models) == (None, None, (), ())


def test_an_empty_ring_knows_nobody() -> None:
    """No key is ever valid by default."""
    keys = ring()
    assert len(keys) == 0
    assert keys.find("") is None


@pytest.mark.parametrize("presented", ["", "sk-\x00", "sk-" + "x" * 1_000_000, "schlüssel", "🔑", "\udcff"])
def test_whatever_is_presented_as_a_key_is_looked_up_without_a_fault(presented: str) -> None:
    """A wrong key is a 401, whatever it looks like."""
    assert ring(keys=[key("sk-a")]).find(presented) is None


def test_new_secrets_cannot_be_guessed_and_do_not_repeat() -> None:
    """256 bits of randomness, in letters that survive a shell, a header and a YAML file."""
    secrets = {new_secret() for _ in range(1_000)}
    assert len(secrets) == 1_000
    for secret in secrets:
        assert re.fullmatch(r"sk-lp-[A-Za-z0-9_-]{43}", secret)


def test_a_hash_is_sha256_as_any_tool_computes_it() -> None:
    """`printf %s sk-a | sha256sum` must agree, and so must every later version of ours."""
    assert hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sk-a", "sk-a", True),
        ("sk-a", "sk-b", False),
        ("sk-a", "sk-aa", False),
        ("", "", True),
        ("ü", "ü", True),
        ("ü", "u", False),
    ],
)
def test_two_secrets_are_the_same_to_the_last_character(one: str, other: str, same: bool) -> None:
    """Also beyond ASCII, where Python's own comparison refuses text."""
    assert same_secret(one, other) is same


NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("of_key", "of_team", "state"),
    [
        ({}, {}, "active"),
        ({"expires": "2030-01-31"}, {}, "active"),
        ({"expires": "2030-01-30"}, {}, "expired"),
        ({"expires": "2030-01-31T12:00:00Z"}, {}, "expired"),
        ({"expires": "2030-01-31T12:00:01Z"}, {}, "active"),
        ({"expires": "2030-01-31T13:00:01+01:00"}, {}, "active"),
        ({"expires": "2030-01-31T13:00:00+01:00"}, {}, "expired"),
        ({}, {"expires": "2030-01-30"}, "expired"),
        ({"expires": "2031-01-01"}, {"expires": "2030-01-30"}, "expired"),
        ({"expires": "2030-01-30"}, {"expires": "2031-01-01"}, "expired"),
        ({"blocked": True}, {}, "blocked"),
        ({}, {"blocked": True}, "blocked"),
        ({"revoked": True}, {}, "revoked"),
        ({"revoked": True, "blocked": True, "expires": "2020-01-01"}, {"blocked": True}, "revoked"),
        ({"blocked": True, "expires": "2020-01-01"}, {}, "blocked"),
        ({"expires": "9999-12-31"}, {}, "active"),
        ({"expires": "9999-12-31T23:59:59-05:00"}, {}, "active"),
        ({"expires": "0001-01-01T00:00:00+05:00"}, {}, "expired"),
    ],
)
def test_a_key_is_what_it_and_its_team_say(of_key: dict[str, Any], of_team: dict[str, Any], state: str) -> None:
    """A date ends with its day in UTC; a moment is over when it is there."""
    found = holder(ring(teams=[{"id": "t"} | of_team], keys=[key("sk-a", team="t") | of_key]), "sk-a")
    assert found.state(NOW) == state


def test_a_ring_without_some_keys_still_knows_whose_they_were() -> None:
    """So that the holder of a revoked key is told so, and nobody else learns anything."""
    keys = ring(keys=[key("sk-a"), key("sk-b")])
    fewer = keys.without({f"sha256:{hash_of('sk-a')}", "sha256:of nobody"})
    assert holder(fewer, "sk-a").state(NOW) is KeyState.REVOKED
    assert holder(fewer, "sk-b").state(NOW) is KeyState.ACTIVE
    assert holder(keys, "sk-a").state(NOW) is KeyState.ACTIVE
