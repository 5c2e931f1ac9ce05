"""Keys in the YAML block: only their hashes belong there, and what is wrong is said without repeating a secret."""

from __future__ import annotations

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse

HASH = "sha256:" + "0a" * 32
SECRET = "sk-lp-THIS_IS_THE_SECRET"


def told(block: object) -> str:
    """Everything that is said of a block."""
    with pytest.raises(SettingsError) as caught:
        parse(block)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    "virtual_keys",
    [
        {"keys": [{"name": "a", "hash": SECRET}]},
        {"keys": [{"name": "a", "hash": f"sha256:{SECRET}"}]},
        {"keys": [{"name": "a", "hash": [SECRET]}]},
        {"keys": [{"name": "a", "hash": {"sha256": SECRET}}]},
        {"keys": [{"name": "a", "key": SECRET}]},
        {"keys": [{"name": "a", "hash": HASH, "secret": SECRET}]},
        {"keys": [SECRET]},
        {"keys": SECRET},
        {"keys": {"a": SECRET}},
        {"keys": [{"name": "a", "hash": HASH, SECRET: 1}]},
        {SECRET: 1},
        SECRET,
    ],
)
def test_a_plain_key_in_place_of_its_hash_is_never_echoed(virtual_keys: object) -> None:
    """The message goes to logs and tickets."""
    assert SECRET not in told({"virtual_keys": virtual_keys})


def test_who_pastes_a_plain_key_is_told_how_to_make_a_hash() -> None:
    """Rather than only that it matched no pattern."""
    assert "litellm-plugins keys new" in told({"virtual_keys": {"keys": [{"name": "a", "hash": SECRET}]}})


def test_a_plain_key_as_the_name_of_an_override_is_never_echoed() -> None:
    """Its own overrides are what somebody with a key in his hand wants to write."""
    assert SECRET not in told({"per_key": {SECRET: {"cache": {"ttls": 5}}}})
    assert SECRET not in told({"per_key": {SECRET: 5}})


def test_a_password_in_a_database_url_is_never_echoed() -> None:
    """Somebody will try the Postgres that the host uses."""
    assert "hunter2" not in told({"storage": {"url": "postgresql://admin:hunter2@db/litellm"}})


@pytest.mark.parametrize(
    "digest", ["", "sha256:", HASH[:-1], HASH + "0", HASH.upper(), HASH + "\n", HASH[7:], f" {HASH}"]
)
def test_a_hash_is_exactly_what_keys_new_prints(digest: str) -> None:
    """A hash that is nearly right would be a key that nobody can use, found out at the first request."""
    said = told({"virtual_keys": {"keys": [{"name": "a", "hash": digest}]}})
    assert "virtual_keys.keys.0.hash: not a key hash" in said
