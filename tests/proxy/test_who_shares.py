"""Who may be served whose answers."""

from __future__ import annotations

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)


@ALL_ROUTES
def test_another_team_s_key_is_a_miss(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    first = proxy.teach(keys.support, question, route=route)
    other = proxy.ask(keys.sales, question, route=route)

    assert other.cache == "miss"
    assert other.body.id != first.body.id
    assert provider.times_asked(question) == 2


def test_a_paraphrase_by_another_team_is_a_miss(proxy: RunningProxy, keys: Keys) -> None:
    proxy.teach(keys.support, "How do I top up my travel card?")
    other = proxy.ask(keys.sales, "How can I top up my travel card?")

    assert other.cache == "miss"


@ALL_ROUTES
def test_another_key_of_the_same_team_is_a_hit(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    first = proxy.teach(keys.support, question, route=route)
    colleague = proxy.ask(keys.support_colleague, question, route=route)

    assert (colleague.cache, colleague.body.id) == ("exact", first.body.id)


def test_a_key_without_a_team_shares_with_nobody(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question)
    proxy.teach(keys.freelancer, question)

    assert proxy.ask(keys.other_freelancer, question).cache == "miss"
    assert proxy.ask(keys.freelancer, question).cache == "exact"


def test_the_admin_s_key_shares_with_no_team(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question)

    assert proxy.ask(proxy.master_key, question).cache == "miss"


def test_users_of_a_team_share_by_default(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question, user="ann")

    assert proxy.ask(keys.support, question, user="bob").cache == "exact"


@ALL_ROUTES
def test_scope_end_user_keeps_users_apart(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    """Team legal has it, by `per_team`."""
    proxy.teach(keys.legal, question, user="ann", route=route)

    assert proxy.ask(keys.legal, question, user="bob", route=route).cache == "miss"
    assert proxy.ask(keys.legal, question, user="ann", route=route).cache == "exact"


def test_scope_end_user_without_a_user_caches_nothing(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    for _ in range(2):
        answer = proxy.ask(keys.legal, question)
        assert (answer.cache, answer.reason) == ("bypass", "no_end_user")
    assert provider.times_asked(question) == 2
