"""Tags choose deployments in this proxy (`router_settings.enable_tag_filtering`); ours must not."""

from __future__ import annotations

from contextlib import suppress

import openai
import pytest

from tests.contract.conftest import Contract
from tests.support import Route
from tests.support.fixtures import new_question

ROUTES = pytest.mark.parametrize("route", ["v1", "host"])
# The deployments of `regional`, told apart by the model that the provider is asked for.
MODEL_OF = {"eu": "gpt-4.1", "us": "gpt-4.1-mini"}


def tagged(*tags: str) -> dict[str, object]:
    return {"extra_body": {"metadata": {"tags": list(tags)}}}


def asked_models(contract: Contract, question: str) -> list[str]:
    return [request["body"]["model"] for request in contract.provider.requests_about(question)]


def test_the_switch_is_where_we_look_for_it(contract: Contract) -> None:
    """We stand on this because only where tags choose the deployment do they join the cache key."""
    assert contract.facts()["enable_tag_filtering"] is True


@ROUTES
@pytest.mark.parametrize("region", MODEL_OF)
def test_a_tag_of_the_client_s_chooses_the_deployment(
    contract: Contract, question: str, route: Route, region: str
) -> None:
    """We stand on this because our own tag is added only after the choice."""
    contract.proxy.teach(contract.key(), question, model="regional", route=route, **tagged(region))

    assert asked_models(contract, question) == [MODEL_OF[region]]


@ROUTES
def test_what_one_region_answered_is_not_served_to_another(contract: Contract, question: str, route: Route) -> None:
    """We stand on this because a tag here says where data may go."""
    key = contract.key()
    for region in MODEL_OF:
        assert contract.proxy.teach(key, question, model="regional", route=route, **tagged(region)).cache == "miss"
    for region in MODEL_OF:
        assert contract.proxy.ask(key, question, model="regional", route=route, **tagged(region)).cache == "exact"

    assert asked_models(contract, question) == list(MODEL_OF.values())


@ROUTES
def test_a_request_without_tags_is_served_by_deployments_without(
    contract: Contract, question: str, route: Route
) -> None:
    """We stand on this because a tag of ours on such a request would leave it without any deployment."""
    key = contract.key()
    assert contract.proxy.teach(key, question, route=route).cache == "miss"
    assert contract.proxy.ask(key, question, route=route).cache == "exact"


@ROUTES
def test_a_retry_is_routed_by_the_client_s_tags_alone(loud: Contract, route: Route) -> None:
    """We stand on this because the retry finds our tag in the metadata: the host must have kept the routing tags."""
    for _ in range(20):
        question, call = new_question(), loud.call_id()
        with suppress(openai.InternalServerError):  # both attempts may have met the failing one
            loud.proxy.ask(loud.key(), question, model="half-regional", route=route, **tagged("eu"), **call)
        models = asked_models(loud, question)
        assert set(models) <= {"gpt-4.1", "gpt-4.1-mini"}, "our tag led a retry to a deployment of another region"
        if len(set(models)) > 1:
            break
    else:
        pytest.fail("no request was ever retried")

    attempts = [e for e in loud.events(call, until="log_success") if e["what"] == "pre_call_deployment"]
    assert "cache:miss" in attempts[-1]["tags"], "our tag was not there on the retry: this proves nothing"
    assert all(attempt["routing_tags"] == ["eu"] for attempt in attempts), (
        "the host no longer keeps the tags it routes by: our tag sways retries"
    )


@ROUTES
def test_a_retry_without_tags_stays_without(loud: Contract, question: str, route: Route) -> None:
    """We stand on this because with our tag alone no deployment would match."""
    call = loud.call_id()
    answer = loud.proxy.ask(loud.key(), question, model="fragile", route=route, **call)
    attempts = [e for e in loud.events(call, until="log_success") if e["what"] == "pre_call_deployment"]

    assert answer.text
    assert len(attempts) > 2
    assert all(attempt["routing_tags"] == [] for attempt in attempts)
