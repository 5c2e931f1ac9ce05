"""Whose deployment answers: a batch is one account's, so nobody may reach by it what he could not reach at once."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from litellm import Router
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.batch.provider import ProviderFault
from litellm_plugins.batch.queue import Batch
from litellm_plugins.model import Identity
from litellm_plugins.proxy.batch.provider import OpenAiBatches
from litellm_plugins.proxy.batch.whose import fetched_by, goes_elsewhere, has_host_budget

pytestmark = pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning")  # the host's own
GROUP = "mini"


def deployment(key: str = "sk-all", *, info: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    where = {"model": "openai/gpt-4.1-mini", "api_key": key, "api_base": "http://127.0.0.1:9"}
    return {"model_name": GROUP, "litellm_params": {**where, **parameters}, "model_info": {"id": key, **(info or {})}}


def batches(*deployments: dict[str, Any]) -> OpenAiBatches:
    router = Router(model_list=list(deployments))
    return OpenAiBatches(lambda: router)


def test_deployments_that_everybody_may_reach_are_offered() -> None:
    offered = batches(deployment(info={"access_groups": ["a"]}), deployment("sk-two", info={"access_groups": ["a"]}))
    assert offered.offers(GROUP)
    assert offered.is_for_everybody(GROUP, None)
    assert offered.is_for_everybody(GROUP, "support")


@pytest.mark.parametrize(
    "other",
    [
        deployment("sk-theirs", info={"team_id": "sales"}),
        deployment("sk-theirs", tags=["paying"]),
        deployment("sk-theirs", tag_regex=["^User-Agent: x"]),
        deployment("sk-theirs", info={"access_groups": ["gold"]}),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_group_of_which_some_may_not_reach_a_deployment_is_not_for_everybody(
    other: dict[str, Any], is_first: bool
) -> None:
    both = [other, deployment()] if is_first else [deployment(), other]
    assert not batches(*both).is_for_everybody(GROUP, None)
    assert not batches(*both).is_for_everybody(GROUP, "support")


def test_what_a_team_has_of_its_own_under_that_name_is_not_for_everybody() -> None:
    own = deployment("sk-sales", info={"team_id": "sales", "team_public_model_name": GROUP})
    offered = batches(deployment(), own | {"model_name": "model_name_sales_1"})
    assert offered.is_for_everybody(GROUP, "support")
    assert not offered.is_for_everybody(GROUP, "sales")


def test_a_batch_is_never_given_to_a_teams_own_or_a_paused_deployment() -> None:
    others = [deployment("sk-sales", info={"team_id": "sales"}), deployment("sk-paused", info={"blocked": True})]
    offered = batches(*others, deployment())
    found = offered.deployment_of(Batch("b", GROUP, 0.0))
    assert found["litellm_params"]["api_key"] == "sk-all"
    assert not batches(*others).offers(GROUP)


def test_a_deployment_that_adds_to_what_is_asked_is_not_offered() -> None:
    """A batch would be answered without it."""
    assert not batches(deployment(extra_body={"store": False})).offers(GROUP)


async def test_without_credentials_of_its_own_a_deployment_is_never_asked_with_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The host gives out none of one that an admin has paused since: else the environment's key would do."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    router = Router(model_list=[deployment()])
    monkeypatch.setattr(router, "get_deployment_credentials_with_provider", lambda *_: None)
    with pytest.raises(ProviderFault, match="no credentials"):
        await OpenAiBatches(lambda: router).look_up(Batch("b", GROUP, 0.0))


@pytest.mark.parametrize(
    "data",
    [
        {"api_key": "sk-mine"},
        {"api_base": "https://eu.example"},
        {"organization": "org-mine"},
        {"allowed_model_region": "eu"},
        {"headers": {"x-api-account": "mine", "x-litellm-plugins-defer": "require"}},
        {"router_settings_override": {"num_retries": 1}},
    ],
)
def test_what_is_sent_elsewhere_is_seen(data: dict[str, Any]) -> None:
    assert goes_elsewhere({"model": GROUP, **data}) == next(iter(data))
    assert not goes_elsewhere({"model": GROUP, "headers": {"x-litellm-plugins-defer": "require"}, "api_base": None})


@pytest.mark.parametrize(
    "budget",
    [
        {"max_budget": 0.0},
        {"team_max_budget": 5.0},
        {"end_user_max_budget": 1.0},
        {"organization_max_budget": 1.0},
        {"model_max_budget": {GROUP: 1.0}},
        {"budget_limits": [{"budget_duration": "1d", "max_budget": 2.0}]},
    ],
)
def test_a_budget_of_the_hosts_is_seen(budget: dict[str, Any]) -> None:
    assert has_host_budget(UserAPIKeyAuth(api_key="sk-1", **budget))
    assert not has_host_budget(UserAPIKeyAuth(api_key="sk-1", spend=3.0))


def test_a_budget_of_the_whole_proxy_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "max_budget", 10.0)
    assert has_host_budget(UserAPIKeyAuth(api_key="sk-1"))


def test_an_answer_is_fetched_by_its_team_else_by_its_key_else_by_its_user_else_by_nobody() -> None:
    """Who comes with the token of a login has no key; two of those are not the same."""
    assert fetched_by(Identity(key_id="k", team_id="t", user_id="u")) == "team:t"
    assert fetched_by(Identity(key_id="k", user_id="u")) == "key:k"
    assert fetched_by(Identity(user_id="u")) == "user:u"
    assert fetched_by(Identity()) == ""
