from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from litellm_plugins.proxy.cache.tag_routing import routing_tags

TAGGED = {"litellm_params": {"model": "openai/x", "tags": ["eu"]}}
BY_PATTERN = {"litellm_params": {"model": "openai/x", "tag_regex": ["^User-Agent: shop"]}}
PLAIN = {"litellm_params": {"model": "openai/x"}}
ASKED = {"metadata": {"tags": ["eu", "a"]}}


def router(*deployments: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(model_list=list(deployments))


def test_tags_count_only_where_they_may_choose_the_deployment() -> None:
    """Elsewhere they are labels for a report, and every label would be a cache of its own."""
    assert routing_tags(ASKED, router(PLAIN)) == ()
    assert routing_tags(ASKED, router(PLAIN, TAGGED)) == ("a", "eu")


def test_their_order_and_repetition_do_not_matter() -> None:
    swapped = {"metadata": {"tags": ["a", "eu", "a"]}, "litellm_metadata": {"tags": ["eu"]}}
    assert routing_tags(swapped, router(TAGGED)) == ("a", "eu")


@pytest.mark.parametrize("tags", [None, [], 5, {}, True, "eu"])
def test_tags_of_another_shape_are_none(tags: Any) -> None:
    """The host's to complain of."""
    assert routing_tags({"metadata": {"tags": tags}}, router(TAGGED)) == ()


def test_where_patterns_match_the_user_agent_it_counts_too() -> None:
    """Two clients may then be answered by two deployments."""
    shop, phone = (
        {**ASKED, "proxy_server_request": {"headers": {"user-agent": agent}}} for agent in ("shop/1", "phone/1")
    )
    assert routing_tags(shop, router(BY_PATTERN)) != routing_tags(phone, router(BY_PATTERN))
    assert routing_tags(shop, router(TAGGED)) == routing_tags(phone, router(TAGGED))


def test_before_the_router_is_up_there_is_nothing_to_choose() -> None:
    assert routing_tags(ASKED, None) == ()
