"""Budgets of the settings over LiteLLM's own teams and keys, on a real Postgres: marks, refusal, reset, metadata."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.proxy.stores import LEDGER_SCHEMA
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support import Answer, Provider
from tests.support.database import DatabaseProxy, database_config, database_proxy
from tests.support.fixtures import new_question
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.timeout(300)  # the machine's first run installs what LiteLLM's database client needs
DEAR, CHEAP = "gpt-4.1", "gpt-4.1-mini"
LIMIT_USD = 0.002  # of a team and a day: about 13 short answers of the dear model, or 65 of the cheap one
BUDGET = {
    "name": "team-day",
    "scope": "team",
    "limit_usd": str(LIMIT_USD),
    "window": "1d",
    "soft": [0.5],
    "on_soft": "degrade",
    "degrade": {"model": CHEAP},
}
MORE_THAN_FIT = 80
STATE, REMAINING, NAME = (f"x-litellm-plugins-budget{part}" for part in ("-state", "-remaining-usd", ""))


@pytest.fixture(scope="module")
def proxy(
    postgres: PostgresServer, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseProxy]:
    config = database_config(provider.url, pack={"budgets": [BUDGET]})
    folder = tmp_path_factory.mktemp("database_budgets")
    with database_proxy(postgres, config, folder, provider_url=provider.url) as proxy:
        yield proxy


def test_a_team_s_keys_spend_to_the_soft_mark_to_the_hard_mark_and_on_after_a_reset(
    proxy: DatabaseProxy, provider: Provider
) -> None:
    team = proxy.new_team("Spending")
    ann, bob = proxy.new_key(team=team), proxy.new_key(team=team)

    question, degraded = ask_until(proxy, (ann, bob), "degraded")
    assert degraded.headers[NAME] == "team-day"
    assert float(degraded.headers[REMAINING]) < LIMIT_USD / 2
    assert model_asked(provider, question) == CHEAP

    refused = ask_until_refused(proxy, (ann, bob))
    assert_names_the_budget(refused, "$0.002")
    with pytest.raises(openai.RateLimitError):
        proxy.ask(bob, new_question(), max_tokens=16)

    reset(proxy, f"team-day/team={team}")
    question = new_question()
    again = proxy.ask(ann, question, max_tokens=16)
    assert again.headers[STATE] == "ok"
    assert model_asked(provider, question) == DEAR


def test_one_team_s_spent_budget_is_no_other_team_s(proxy: DatabaseProxy) -> None:
    spent, other = proxy.new_key(team=proxy.new_team("Spent")), proxy.new_key(team=proxy.new_team("Untouched"))
    ask_until_refused(proxy, (spent,))

    assert proxy.ask(other, new_question(), max_tokens=16).headers[STATE] == "ok"


def test_what_is_known_is_served_to_a_team_that_has_spent_everything(proxy: DatabaseProxy, question: str) -> None:
    key = proxy.new_key(team=proxy.new_team("Remembering"))
    first = proxy.teach(key, question, max_tokens=200)  # a whole answer: one that was cut is not kept
    ask_until_refused(proxy, (key,))

    hit = proxy.ask(key, question, max_tokens=200)
    assert (hit.cache, hit.body.id, hit.cost_usd) == ("exact", first.body.id, 0)


def test_a_team_s_metadata_tightens_its_budget(proxy: DatabaseProxy) -> None:
    tightened = {"litellm_plugins": {"budgets": {"team-day": {"limit_usd": "0.0008"}}}}
    key = proxy.new_key(team=proxy.new_team("Tightened", metadata=tightened))

    refused = ask_until_refused(proxy, (key,))
    assert_names_the_budget(refused, "$0.0008")


def test_a_key_s_metadata_adds_a_budget_of_its_own(proxy: DatabaseProxy) -> None:
    own = {"name": "own", "limit_requests": 2, "window": "1d"}
    team = proxy.new_team("Adding")
    key = proxy.new_key(team=team, metadata={"litellm_plugins": {"budgets": [own]}})

    for _ in range(2):
        proxy.ask(key, new_question(), max_tokens=16)
    with pytest.raises(openai.RateLimitError) as refused:
        proxy.ask(key, new_question(), max_tokens=16)
    assert "own" in str(refused.value)
    assert proxy.ask(proxy.new_key(team=team), new_question(), max_tokens=16).text


def test_metadata_cannot_loosen_a_budget(proxy: DatabaseProxy) -> None:
    loosened = {"litellm_plugins": {"budgets": {"team-day": {"limit_usd": "50"}}}}
    key = proxy.new_key(team=proxy.new_team("Loosened", metadata=loosened), metadata=loosened)

    answer = proxy.ask(key, new_question(), max_tokens=16)
    assert float(answer.headers[REMAINING]) < LIMIT_USD


def ask_until(proxy: DatabaseProxy, keys: tuple[str, ...], state: str) -> tuple[str, Answer]:
    """Ask with one key after the other until the budget is in `state`; the last question, and what came of it."""
    for number in range(MORE_THAN_FIT):
        question = new_question()
        answer = proxy.ask(keys[number % len(keys)], question, model=DEAR, max_tokens=16)
        if answer.headers[STATE] == state:
            assert number > 1, "the first answers are within the budget"
            return question, answer
        assert answer.headers[STATE] in ("ok", "soft")
    raise AssertionError(f"the budget never came to be {state}")


def ask_until_refused(proxy: DatabaseProxy, keys: tuple[str, ...]) -> openai.RateLimitError:
    """The same, until there is no room even for the cheap model."""
    for number in range(MORE_THAN_FIT):
        try:
            proxy.ask(keys[number % len(keys)], new_question(), model=DEAR, max_tokens=16)
        except openai.RateLimitError as refused:
            assert number > 0, "the first answer is within the budget"
            return refused
    raise AssertionError("nobody was refused")


def assert_names_the_budget(refused: openai.RateLimitError, limit: str) -> None:
    """Status, headers and words of the refusal."""
    error: Any = refused.body
    headers = refused.response.headers
    assert refused.status_code == 429
    assert error["type"] == "budget_exceeded"
    assert headers[STATE] == "denied"
    assert headers["x-should-retry"] == "false"
    assert 0 < int(headers["retry-after"]) <= 86_400
    for words in ("team-day", f"limit {limit}", "spent", "resets at"):
        assert words in error["message"]


def model_asked(provider: Provider, question: str) -> str:
    """Which of the provider's models was asked, the one time it was."""
    (request,) = provider.requests_about(question)
    return str(request["body"]["model"])


def reset(proxy: DatabaseProxy, account: str) -> None:
    """What an admin does to an account of the ledger."""

    async def forget() -> int:
        ledger = SqliteLedger(SqliteFile(proxy.database.with_suffix(".ledger.db"), schema=LEDGER_SCHEMA))
        try:
            return await ledger.reset(account, now_ms=int(time.time() * 1_000))
        finally:
            await ledger.aclose()

    assert asyncio.run(forget()) == 1
