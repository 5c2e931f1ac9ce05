"""The pack beside LiteLLM's own virtual keys and teams, on a real Postgres."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from tests.support import ROUTES, Provider, Route, RunningProxy, eventually
from tests.support.database import DatabaseProxy, database_config, database_proxy
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.timeout(300)  # the machine's first run installs what LiteLLM's database client needs
ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)


@dataclass(frozen=True, slots=True)
class Staff:
    """Secrets of keys made through the host's routes."""

    ann: str  # of team Support, as is the next
    bob: str
    carl: str  # of team Sales
    dora: str  # of no team, as is the next
    emil: str


@pytest.fixture(scope="module")
def proxy(
    postgres: PostgresServer, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseProxy]:
    config = database_config(provider.url, pack={"ui": {"enabled": True}}, general_settings={"proxy_batch_write_at": 1})
    folder = tmp_path_factory.mktemp("database_keys")
    with database_proxy(postgres, config, folder, provider_url=provider.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def staff(proxy: DatabaseProxy) -> Staff:
    support, sales = proxy.new_team("Support"), proxy.new_team("Sales")
    return Staff(
        ann=proxy.new_key(team=support, key_alias="ann"),
        bob=proxy.new_key(team=support, key_alias="bob"),
        carl=proxy.new_key(team=sales, key_alias="carl"),
        dora=proxy.new_key(key_alias="dora"),
        emil=proxy.new_key(key_alias="emil"),
    )


@ALL_ROUTES
def test_the_keys_of_a_team_share_answers_and_another_team_s_key_does_not(
    proxy: DatabaseProxy, provider: Provider, staff: Staff, question: str, route: Route
) -> None:
    first = proxy.teach(staff.ann, question, route=route)
    colleague = proxy.ask(staff.bob, question, route=route)
    other = proxy.ask(staff.carl, question, route=route)

    assert (colleague.cache, colleague.body.id) == ("exact", first.body.id)
    assert other.cache == "miss"
    assert other.body.id != first.body.id
    assert provider.times_asked(question) == 2


def test_a_paraphrase_by_another_team_is_a_miss(proxy: DatabaseProxy, staff: Staff) -> None:
    proxy.teach(staff.ann, "How do I top up my travel card?")

    assert proxy.ask(staff.bob, "How can I top up my travel card?").cache == "semantic"
    assert proxy.ask(staff.carl, "How can I top up my travel card?").cache == "miss"


def test_a_key_without_a_team_shares_with_nobody(proxy: DatabaseProxy, staff: Staff, question: str) -> None:
    proxy.teach(staff.ann, question)
    proxy.teach(staff.dora, question)

    assert proxy.ask(staff.emil, question).cache == "miss"
    assert proxy.ask(staff.dora, question).cache == "exact"


def test_our_log_line_names_the_key_and_the_team_by_their_aliases(
    proxy: DatabaseProxy, staff: Staff, question: str
) -> None:
    before = len(decisions(proxy))
    proxy.ask(staff.carl, question)

    told = eventually(lambda: decisions(proxy)[before:], what="the decision to be logged")
    assert [(line["team"], line["key"]) for line in told] == [("Sales", "carl")]


def test_the_host_books_an_answer_once_and_a_hit_at_nothing(proxy: DatabaseProxy, question: str) -> None:
    key = proxy.new_key(team=proxy.new_team("Booked"), key_alias="booked")
    cost = proxy.teach(key, question).cost_usd
    hit = proxy.ask(key, question)

    assert (hit.cache, hit.cost_usd) == ("exact", 0)
    eventually(lambda: len(proxy.spend_logs(key)) == 2, what="the host to write down both", timeout_s=60)
    rows = proxy.spend_logs(key)
    assert sorted(row["spend"] for row in rows) == pytest.approx([0, cost])
    assert {row["metadata"]["user_api_key_team_alias"] for row in rows} == {"Booked"}
    assert proxy.spent_usd(key, at_least=cost * 0.99) == pytest.approx(cost)


@ALL_ROUTES
def test_a_deleted_key_is_refused_at_once_even_where_the_answer_is_known(
    proxy: DatabaseProxy, provider: Provider, question: str, route: Route
) -> None:
    key = proxy.new_key()
    proxy.teach(key, question, route=route)
    proxy.delete_keys(key)

    with pytest.raises(openai.AuthenticationError):
        proxy.ask(key, question, route=route)
    assert provider.times_asked(question) == 1


def test_a_blocked_key_is_refused_at_once_and_served_again_when_unblocked(proxy: DatabaseProxy, question: str) -> None:
    key = proxy.new_key()
    proxy.teach(key, question)
    proxy.block(key)
    assert proxy.status_of(key, question) == 401

    proxy.unblock(key)
    assert proxy.ask(key, question).cache == "exact"


def test_a_key_that_has_run_out_is_refused(proxy: DatabaseProxy, question: str) -> None:
    key = proxy.new_key(duration="2s")

    assert proxy.ask(key, question).text
    eventually(lambda: proxy.status_of(key, question) == 401, what="the key to be refused", every_s=0.5)


@ALL_ROUTES
def test_a_key_may_use_only_its_models_even_where_its_team_knows_the_answer(
    proxy: DatabaseProxy, provider: Provider, question: str, route: Route
) -> None:
    team = proxy.new_team("Thrifty")
    anything, mini_only = proxy.new_key(team=team), proxy.new_key(team=team, models=["gpt-4.1-mini"])
    proxy.teach(anything, question, route=route)

    with pytest.raises((openai.AuthenticationError, openai.PermissionDeniedError)) as refused:
        proxy.ask(mini_only, question, route=route)
    assert "gpt-4.1" in str(refused.value)
    assert provider.times_asked(question) == 1
    assert proxy.ask(mini_only, question, model="gpt-4.1-mini", route=route).text


@ALL_ROUTES
@pytest.mark.parametrize("key", ["sk-wrong", "wrong"])
def test_a_wrong_key_is_a_401_in_openai_s_words(
    proxy: DatabaseProxy, provider: Provider, question: str, key: str, route: Route
) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        proxy.ask(key, question, route=route)

    error = refused.value.body
    assert isinstance(error, dict)
    assert {"message", "type", "param", "code"} <= error.keys()
    assert provider.times_asked(question) == 0


def decisions(proxy: RunningProxy) -> list[dict[str, Any]]:
    """The log lines of the cache's decisions."""
    lines = [json.loads(line) for line in proxy.log().splitlines() if line.startswith('{"time"')]
    return [line for line in lines if line["event"] == "cache_decision"]


def test_the_page_s_token_is_for_one_team_and_shows_nothing_once_another_has_its_name(proxy: DatabaseProxy) -> None:
    alone = proxy.new_team("Alone")
    twins = [proxy.new_team("Twins") for _ in range(2)]

    def made(team: str) -> httpx.Response:
        return proxy.http("POST", "/plugins/ui/tokens", proxy.master_key, json={"team": team})

    assert [made(name).status_code for name in ("Twins", *twins, "Nobody")] == [400] * 4
    token = made("Alone").raise_for_status().json()
    assert (token["team"], token["team_id"]) == ("Alone", alone)
    with httpx.Client(base_url=proxy.url, trust_env=False, follow_redirects=True) as http:
        word = re.search(r'name="word" value="([0-9a-f]+)"', http.get("/plugins/ui").text)
        assert word is not None
        page = http.post("/plugins/ui/sign-in", data={"word": word[1], "key": token["token"]})
        assert "Team <bdi>Alone</bdi>" in page.text
        proxy.new_team("Alone")
        assert http.get("/plugins/ui").status_code == 403
