"""The proxies of this suite. Each boot takes 15 to 40 seconds, so they are few and shared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Provider, RunningProxy, model, proxy_config, without_pack
from tests.support.browsing import browser, page
from tests.support.database import why_no_database
from tests.support.fixtures import (
    CLAUDE,
    LEGACY_MODEL,
    host_template,
    keys,
    provider,
    proxy,
    question,
    redis_server,
    slow_provider,
)
from tests.support.postgres import PostgresServer

__all__ = ["browser", "host_template", "keys", "page", "provider", "proxy", "question", "redis_server", "slow_provider"]


@pytest.fixture(scope="session")
def sturdy_proxy(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """One to be ill-treated: killed, robbed of its files. Each test leaves it running and able to store."""
    folder = tmp_path_factory.mktemp("sturdy")
    with RunningProxy(proxy_config(provider.url), folder, provider_url=provider.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def bare_proxy(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """The config without our block: stock LiteLLM, but for the callback line. Ask it with the master key."""
    more = [
        model(CLAUDE, provider.url, via="anthropic"),
        model(LEGACY_MODEL, provider.url, via="text-completion-openai"),
    ]
    config = without_pack(proxy_config(provider.url, more_models=more))
    folder = tmp_path_factory.mktemp("bare")
    with RunningProxy(config, folder, provider_url=provider.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres for the proxies that keep LiteLLM's own virtual keys in one."""
    missing = why_no_database()
    if missing:
        pytest.skip(missing)
    with PostgresServer() as server:
        yield server
