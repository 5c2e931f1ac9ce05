"""What admission makes of a request that the host is about to send on."""

from __future__ import annotations

from typing import Any

import pytest
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.proxy.admission.stage import HostAdmission, host_admission
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import Telemetry

CHAT = "acompletion"


def admission(**block: Any) -> HostAdmission:
    settings = parse({"admission": {"enabled": True, **block}})
    made = host_admission(settings, Policies(settings), Telemetry([]))
    assert made is not None
    return made


def prepared(
    made: HostAdmission, auth: UserAPIKeyAuth | None = None, call_type: str = CHAT, **data: Any
) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "small", **data}
    made.prepare(body, auth or UserAPIKeyAuth(), call_type)
    return body


def asking(word: str) -> dict[str, Any]:
    return {"proxy_server_request": {"headers": {"x-litellm-plugins-priority": word}}}


def test_it_is_not_there_where_it_is_on_for_nobody() -> None:
    settings = parse({"admission": {"max_messages": 1}})
    assert host_admission(settings, Policies(settings), Telemetry([])) is None
    settings = parse({"per_team": {"t": {"admission": {"enabled": True}}}})
    assert host_admission(settings, Policies(settings), Telemetry([])) is not None


def test_a_timeout_is_its_model_groups() -> None:
    made = admission(timeouts={"small": 5})
    assert prepared(made)["timeout"] == 5
    assert "timeout" not in prepared(made, model="large")
    assert prepared(made, timeout=3)["timeout"] == 3
    assert prepared(made, timeout=30)["timeout"] == 5


def test_a_stream_has_it_under_both_of_the_hosts_names() -> None:
    made = admission(timeouts={"small": 5})
    assert "stream_timeout" not in prepared(made)
    both = prepared(made, stream=True, timeout=3)
    assert (both["timeout"], both.get("stream_timeout")) == (3, 3)
    both = prepared(made, stream=True, stream_timeout=60)
    assert (both["timeout"], both["stream_timeout"]) == (5, 5)


def test_a_clients_own_number_is_dropped_where_priorities_are_on() -> None:
    assert "priority" not in prepared(admission(priorities={}), priority=0)
    assert prepared(admission(priorities={}), priority=0, **asking("low"))["priority"] == 50
    assert prepared(admission(), priority=0)["priority"] == 0


@pytest.mark.parametrize("call_type", ["anthropic_messages", "aresponses", "aembedding"])
def test_no_priority_is_set_where_the_host_would_send_it_on(call_type: str) -> None:
    assert "priority" not in prepared(admission(priorities={}), call_type=call_type, **asking("low"))


@pytest.mark.parametrize(
    ("key", "team", "number"),
    [
        ({}, {}, 1),
        ({"highest_priority": "normal"}, {}, 10),
        ({"highest_priority": "normal"}, {"highest_priority": "low"}, 50),
    ],
)
def test_the_metadata_of_key_and_team_hold_it(key: dict[str, str], team: dict[str, str], number: int) -> None:
    auth = UserAPIKeyAuth(metadata={"litellm_plugins": key}, team_metadata={"litellm_plugins": team})
    assert prepared(admission(priorities={}), auth, **asking("high"))["priority"] == number
