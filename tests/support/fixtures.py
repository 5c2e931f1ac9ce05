"""Fixtures that suites share; a suite's conftest imports those it uses."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator

import pytest

from tests.support.config import KEYS, Keys, model, proxy_config
from tests.support.forked import HostTemplate
from tests.support.process import ProxyProcess, proxy_env
from tests.support.provider import Provider
from tests.support.proxy import RunningProxy
from tests.support.redis_server import RedisServer, why_no_redis

SLOW_MODEL = "gpt-4.1-slow"
CLAUDE, SLOW_CLAUDE = "claude-sonnet-4-5", "claude-slow"  # behind Anthropic's protocol
LEGACY_MODEL = "gpt-3.5-turbo-instruct"  # behind legacy completions
_numbers = itertools.count(random.randrange(100_000, 900_000))


@pytest.fixture
def question() -> str:
    """A question that no other test asks: its number keeps the semantic layer from taking it for another."""
    return new_question()


def new_question() -> str:
    """One more of them."""
    return f"What does article {next(_numbers)} of the handbook say?"


@pytest.fixture(scope="session", autouse=True)
def host_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """From here on proxies are forks of one process; where FRESH_PROXIES is set, each imports LiteLLM itself."""
    if os.environ.get("FRESH_PROXIES"):
        yield
        return
    with HostTemplate(proxy_env("http://127.0.0.1:9", tmp_path_factory.getbasetemp())) as template:
        template.start()
        ProxyProcess.template = template
        yield
        ProxyProcess.template = None


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """One local provider for the whole run, answering at once."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def slow_provider() -> Iterator[Provider]:
    """One that streams for a second or two, behind the model `SLOW_MODEL`."""
    with Provider(latency_scale=1) as provider:
        yield provider


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis with vector search for the whole run. Whoever uses it empties it first."""
    missing = why_no_redis()
    if missing:
        pytest.skip(missing)
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def keys() -> Keys:
    """The virtual keys of every proxy of the run."""
    return KEYS


@pytest.fixture(scope="session")
def proxy(
    provider: Provider, slow_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """One proxy with the pack, for all tests that leave it as they found it: use questions of your own.

    Team legal shares answers by end user, the others as by default.
    """
    config = proxy_config(
        provider.url,
        pack={"per_team": {"legal": {"cache": {"scope": "end_user"}}}},
        more_models=[
            model(CLAUDE, provider.url, via="anthropic"),
            model(LEGACY_MODEL, provider.url, via="text-completion-openai"),
            model(SLOW_MODEL, slow_provider.url, "gpt-4.1"),
            model(SLOW_CLAUDE, slow_provider.url, CLAUDE, via="anthropic"),
        ],
    )
    with RunningProxy(config, tmp_path_factory.mktemp("proxy"), provider_url=provider.url) as proxy:
        yield proxy
