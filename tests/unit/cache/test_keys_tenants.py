"""Whose answers they are: nobody reads another's, whatever names he gives himself."""

from __future__ import annotations

from itertools import combinations

import pytest

from litellm_plugins.cache.keys import Keys, TenantScope, derive, tenant_of
from litellm_plugins.model import Identity, Reason
from tests.unit.cache.builders import chat

CRAFTED = [
    "a",
    "b",
    "a|b",
    "a:b",
    "team:a",
    "key:a",
    "global",
    "a\x00",
    "A",
    "a ",
    '["team:a","end_user","b"]',
    'a","end_user","b',
    'a\\",\\"b',
    "a\u0301",
    "á",
]
PEOPLE = [
    *(Identity(team_id=name) for name in CRAFTED),
    *(Identity(key_id=name) for name in CRAFTED),
    *(Identity(team_id="a", end_user_id=name) for name in CRAFTED),
    *(Identity(key_id="a", end_user_id=name) for name in CRAFTED),
    *(Identity(team_id=name, end_user_id="b") for name in CRAFTED if name != "a"),
]


def test_no_two_people_of_any_ids_are_one_tenant() -> None:
    """Team ids and end-user ids are free text; a key's id may equal a team's."""
    tenants: dict[str | Reason, Identity] = {}
    for person in PEOPLE:
        scope: TenantScope = "end_user" if person.end_user_id else "team"
        tenant = tenant_of(person, scope)
        # Those same two: an end user "b" of team "a" stands in the list twice.
        assert tenants.setdefault(tenant, person) == person, f"{person} is taken for {tenants[tenant]}"


@pytest.mark.parametrize(
    "joint", ["|", ":", "/", ",", " ", "\x00", '","', "|end_user|", ":end_user:", '","end_user","', ""]
)
def test_where_an_owners_id_ends_and_an_end_users_begins_cannot_be_shifted(joint: str) -> None:
    """The end user's id is free text of the client's: he must not be able to spell another team's user."""
    longer_team = Identity(team_id=f"a{joint}b", end_user_id="c")
    longer_user = Identity(team_id="a", end_user_id=f"b{joint}c")
    assert tenant_of(longer_team, "end_user") != tenant_of(longer_user, "end_user")


def test_a_tenant_is_told_apart_in_partition_and_exact_key_too() -> None:
    """The store filters by tenant; the keys hold by themselves, should a store forget to."""
    derived = [derive(chat(identity=Identity(team_id=name)), "team") for name in CRAFTED]
    for one, other in combinations(derived, 2):
        assert isinstance(one, Keys)
        assert isinstance(other, Keys)
        assert one.exact != other.exact
        assert one.partition != other.partition


def test_a_namespace_does_not_reach_into_another_tenant() -> None:
    """The client chooses the namespace freely: it only ever divides what is his."""
    from litellm_plugins.model import CacheControls

    mine = derive(chat(identity=Identity(team_id="a"), controls=CacheControls(namespace="b")), "team")
    theirs = derive(chat(identity=Identity(team_id="b"), controls=CacheControls(namespace="a")), "team")
    assert isinstance(mine, Keys)
    assert isinstance(theirs, Keys)
    assert mine.exact != theirs.exact


BOTH = Identity(key_id="k", team_id="t", end_user_id="e", user_id="u")
KEY_ONLY = Identity(key_id="k", end_user_id="e")


@pytest.mark.parametrize(
    ("scope", "person", "same_as", "differs_from"),
    [
        ("team", BOTH, Identity(key_id="other", team_id="t"), Identity(key_id="k", team_id="other")),
        ("team", KEY_ONLY, Identity(key_id="k", user_id="u"), Identity(key_id="other")),
        ("key", BOTH, Identity(key_id="k", team_id="other"), Identity(key_id="other", team_id="t")),
        (
            "end_user",
            BOTH,
            Identity(team_id="t", end_user_id="e"),
            Identity(team_id="t", end_user_id="other"),
        ),
        (
            "end_user",
            BOTH,
            Identity(team_id="t", end_user_id="e"),
            Identity(team_id="other", end_user_id="e"),
        ),
        ("end_user", KEY_ONLY, KEY_ONLY, Identity(key_id="other", end_user_id="e")),
    ],
)
def test_the_scope_says_who_shares(
    scope: TenantScope, person: Identity, same_as: Identity, differs_from: Identity
) -> None:
    """The team where there is one, else the key; an end user only ever within those."""
    assert tenant_of(person, scope) == tenant_of(same_as, scope)
    assert tenant_of(person, scope) != tenant_of(differs_from, scope)


def test_only_the_global_scope_lets_strangers_share() -> None:
    """It has to be written into the config by name."""
    assert tenant_of(Identity(), "global") == tenant_of(BOTH, "global")


def test_a_person_unknown_to_the_scope_is_refused_never_pooled() -> None:
    """A pool of the nameless would be a leak between all of them."""
    assert tenant_of(Identity(team_id="t"), "key") == Reason.NO_IDENTITY
    assert tenant_of(Identity(user_id="u"), "team") == Reason.NO_IDENTITY
    assert tenant_of(Identity(team_id="t"), "end_user") == Reason.NO_END_USER
    assert tenant_of(Identity(end_user_id="e"), "end_user") == Reason.NO_IDENTITY
    assert tenant_of(Identity(team_id="t", end_user_id=""), "end_user") == Reason.NO_END_USER


def test_an_end_user_id_that_is_no_text_is_malformed() -> None:
    """Half a surrogate pair in the `user` field is the client's doing: it is no fault of ours."""
    person = Identity(team_id="t", end_user_id="\ud83d")
    assert derive(chat(identity=person), "end_user") == Reason.MALFORMED


def test_a_team_id_that_is_no_text_is_malformed() -> None:
    """The same where the id comes from an identity provider."""
    assert derive(chat(identity=Identity(team_id="\ud83d")), "team") == Reason.MALFORMED
