"""The host's authentication and its limits hold for requests that the front route answers."""

from __future__ import annotations

import json
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.contract.conftest import Contract
from tests.support import ROUTES, Route, eventually

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)
FRONT_AND_HOST = pytest.mark.parametrize("route", ["v1", "host"])


@ALL_ROUTES
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_refusal_of_custom_auth_is_a_401_in_openai_s_shape(
    contract: Contract, question: str, route: Route, streamed: bool
) -> None:
    """We stand on this because wrong keys are refused by raising ProxyException from custom auth."""
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    with pytest.raises(openai.AuthenticationError) as refused:
        ask("sk-unknown", question, route=route)

    error = refused.value.body
    assert isinstance(error, dict)
    assert {"message", "type", "param", "code"} <= error.keys()
    assert "Incorrect API key provided." in error["message"]
    assert contract.provider.times_asked(question) == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/deployments/gpt-4.1/chat/completions"])
def test_custom_auth_is_asked_even_where_there_is_no_key(contract: Contract, question: str, path: str) -> None:
    """We stand on this because nothing else stands between a request without a key and an answer."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}]}
    response = contract.proxy.http("POST", path, json=body)

    assert response.status_code == 401
    assert "Incorrect API key provided." in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/deployments/gpt-4.1/chat/completions"])
@pytest.mark.parametrize(
    "header",
    ["Authorization", "api-key", "x-api-key", "x-goog-api-key", "Ocp-Apim-Subscription-Key", "x-litellm-api-key"],
)
def test_a_key_is_taken_from_each_header_that_the_host_knows(
    contract: Contract, question: str, path: str, header: str
) -> None:
    """We stand on this because the front route reads these headers itself, on the host's behalf."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}]}
    key = contract.key()
    sent = f"Bearer {key}" if header == "Authorization" else key
    taken = contract.proxy.http("POST", path, json=body, headers={header: sent})
    refused = contract.proxy.http("POST", path, json=body, headers={header: sent.replace(key, "sk-unknown")})
    assert (taken.status_code, refused.status_code) == (200, 401), (taken.text, refused.text)


@ALL_ROUTES
def test_the_models_of_an_identity_are_enforced(contract: Contract, question: str, route: Route) -> None:
    """We stand on this because both switches, `custom_auth_run_common_checks` and `enable_post_custom_auth_checks`,
    are in the config that we ship; a hit must not go around it.
    """
    contract.proxy.teach(contract.key(), question, route=route)
    narrow = contract.key("models=gpt-4.1-mini")
    with pytest.raises((openai.AuthenticationError, openai.PermissionDeniedError)):
        contract.proxy.ask(narrow, question, route=route)

    assert contract.proxy.ask(narrow, question, model="gpt-4.1-mini", route=route).text


@pytest.mark.parametrize("switch", ["custom_auth_run_common_checks", "enable_post_custom_auth_checks"])
def test_the_switches_are_named_as_the_host_reads_them(host: object, switch: str) -> None:
    """We stand on this because a switch that the host no longer knows is one that it silently ignores."""
    from litellm.proxy.auth import user_api_key_auth

    assert f'"{switch}"' in Path(str(user_api_key_auth.__file__)).read_text(), f"{switch} does nothing any more"


@FRONT_AND_HOST
def test_hits_count_against_requests_per_minute(contract: Contract, question: str, route: Route) -> None:
    """We stand on this because the front route runs the host's pre-call hooks, its limiter among them."""
    key = contract.key("rpm=4")
    contract.proxy.teach(key, question, route=route)
    for _ in range(3):
        assert contract.proxy.ask(key, question, route=route).cache == "exact"
    with pytest.raises(openai.RateLimitError) as refused:
        contract.proxy.ask(key, question, route=route)

    assert refused.value.response.headers.get("retry-after")


@FRONT_AND_HOST
def test_a_limit_on_parallel_requests_holds_for_hits(contract: Contract, question: str, route: Route) -> None:
    """We stand on this for the same reason."""
    key = contract.key("parallel=1")
    contract.proxy.teach(key, question, route=route)
    _wait_for_a_free_slot(contract, key, question, route)
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(contract.proxy.ask, key, f"{question} simulator:stall:3", route=route)
        eventually(lambda: contract.provider.times_asked(f"{question} simulator"), what="the slow call to be under way")
        with pytest.raises(openai.RateLimitError):
            contract.proxy.ask(key, question, route=route)
        assert slow.result().text

    _wait_for_a_free_slot(contract, key, question, route)


@FRONT_AND_HOST
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_fifty_hits_leave_no_slot_taken(contract: Contract, question: str, route: Route, streamed: bool) -> None:
    """We stand on this because a slot is given back when the hit is logged: one that is lost locks the key out."""
    key = contract.key("parallel=5")
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    contract.proxy.teach(key, question, route=route)
    caches = {ask(key, question, route=route).cache for _ in range(50)}

    assert caches == {"exact"}
    assert _slots(contract, key, question, route) == 5


@FRONT_AND_HOST
def test_streamed_hits_that_nobody_reads_leave_no_slot_taken(contract: Contract, question: str, route: Route) -> None:
    """We stand on this because clients go away, some before the first byte."""
    key = contract.key("parallel=5")
    contract.proxy.teach(key, question, route=route)
    calls = [_ask_and_hang_up(contract, key, question, route, after_s=n % 5 * 0.01) for n in range(25)]
    begun = [call for call in calls if any(e["what"] == "headers" for e in contract.events(call))]
    assert begun, "no request got as far as its headers before its client was gone: this proves nothing"

    eventually(lambda: _slots(contract, key, question, route) == 5, what="every slot to be free again", timeout_s=20)


@FRONT_AND_HOST
def test_hits_in_parallel_are_all_answered_within_the_limit(contract: Contract, question: str, route: Route) -> None:
    """We stand on this because a burst of hits is the ordinary case."""
    key = contract.key("parallel=64")
    contract.proxy.teach(key, question, route=route)
    contract.proxy.client(key, route)  # made here: threads would each make their own
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: contract.proxy.ask(key, question, route=route), range(32)))

    assert {answer.cache for answer in answers} == {"exact"}


def _wait_for_a_free_slot(contract: Contract, key: str, question: str, route: Route) -> None:
    def answered() -> bool:
        try:
            return contract.proxy.ask(key, question, route=route).cache == "exact"
        except openai.RateLimitError:
            time.sleep(0.2)
            return False

    eventually(answered, what="a free slot")
    time.sleep(0.5)  # that request's own slot is given back when it is logged


def _slots(contract: Contract, key: str, question: str, route: Route) -> int:
    """How many calls `key` can have under way at once, out of six that are slow even for a busy machine."""
    time.sleep(0.5)
    contract.proxy.client(key, route)

    def slow(n: int) -> bool:
        try:
            contract.proxy.ask(key, f"{question} {time.monotonic_ns()} {n} simulator:stall:3", route=route)
        except openai.RateLimitError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        return sum(pool.map(slow, range(6)))


def _ask_and_hang_up(contract: Contract, key: str, question: str, route: Route, *, after_s: float) -> dict[str, Any]:
    call = contract.call_id()
    path = {"v1": "/v1/chat/completions", "host": "/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21"}
    body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": question}]}
    content = json.dumps(body).encode()
    head = (
        f"POST {path[route]} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        f"x-litellm-call-id: {call['extra_headers']['x-litellm-call-id']}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", contract.proxy.port)) as connection:
        connection.sendall(head.encode() + content)
        time.sleep(after_s)
        # An abortive close: the proxy sees a reset, not a half-closed connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.02)
    return call
