"""Webhook events: whose word counts, and what they make stale."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from litellm_plugins.cache.admin.events import sign, stale_tags, verify
from litellm_plugins.errors import RequestError, SignatureRefused
from litellm_plugins.settings import Events

BODY, NOW = b'{"type": "order_updated"}', 1_700_000_000
GOOD = sign("s3cret", BODY, at=NOW)


def refused(header: str | None, *, body: bytes = BODY, now: float = NOW, secret: str = "s3cret") -> str:
    try:
        verify(secret, body, header, now=now, tolerance_s=300)
    except SignatureRefused as exc:
        return exc.reason
    return ""


def test_the_signature_is_what_the_documentation_says() -> None:
    """`t=TIME,v1=HMAC-SHA256(secret, "TIME." + body)`, so that a shell script can make one."""
    digest = hmac.new(b"s3cret", b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert f"t=1700000000,v1={digest}" == GOOD
    assert refused(GOOD) == ""
    assert refused(f" t=1700000000 , v1={digest}") == ""


def test_while_a_secret_is_changed_one_right_signature_is_enough() -> None:
    other = sign("older", BODY, at=NOW).partition(",")[2]
    assert refused(f"{GOOD},{other}") == ""
    assert refused(f"t={NOW},{other},{GOOD.partition(',')[2]}") == ""


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "signature_missing"),
        ("", "signature_missing"),
        ("v1=00", "signature_malformed"),
        (f"t={NOW}", "signature_malformed"),
        (f"t=soon,{GOOD.partition(',')[2]}", "signature_malformed"),
        (f"t=-1,{GOOD.partition(',')[2]}", "signature_malformed"),
        (f"t={NOW},{GOOD}", "signature_malformed"),
        (f"t={NOW},v1=", "signature_wrong"),
        (f"t={NOW},v1=ü", "signature_wrong"),
        (f"t={NOW + 1},{GOOD.partition(',')[2]}", "signature_wrong"),
        (GOOD.upper().replace("T=", "t=").replace("V1=", "v1="), "signature_wrong"),
        (sign("guessed", BODY, at=NOW), "signature_wrong"),
    ],
)
def test_any_other_is_refused(header: str | None, reason: str) -> None:
    assert refused(header) == reason


def test_another_body_or_another_time_is_refused() -> None:
    assert refused(GOOD, body=BODY + b" ") == "signature_wrong"
    assert refused(GOOD, now=NOW + 300) == ""
    assert refused(GOOD, now=NOW - 300) == ""
    assert refused(GOOD, now=NOW + 301) == "signature_too_old"
    assert refused(GOOD, now=NOW - 301) == "signature_too_old"


TYPES = {"order_updated": {"tags": ["order:{order_id}", "orders"]}, "plain": {}}


def tags(event: dict[str, Any], types: dict[str, Any] = TYPES) -> tuple[str, ...]:
    return stale_tags(event, Events.model_validate({"types": types}))


def test_a_type_stands_for_tags_that_are_filled_from_the_event() -> None:
    assert tags({"type": "order_updated", "order_id": 42}) == ("order:42", "orders")
    assert tags({"type": "order_updated", "order_id": "a-1", "tags": ["x"]}) == ("order:a-1", "orders", "x")
    assert tags({"type": "plain", "tags": ["b", "a", "b"]}) == ("a", "b")
    assert tags({"type": "whatever", "tags": ["a"]}, types={}) == ("a",)


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"tags": ["a"]}, "type"),
        ({"type": 7}, "type"),
        ({"type": "unknown", "tags": ["a"]}, "type"),
        ({"type": "order_updated"}, "order_id"),
        ({"type": "order_updated", "order_id": ["a"]}, "order_id"),
        ({"type": "order_updated", "order_id": True}, "order_id"),
        ({"type": "order_updated", "order_id": "a b"}, "tags"),
        ({"type": "plain", "tags": "a"}, "tags"),
        ({"type": "plain", "tags": [7]}, "tags"),
        ({"type": "plain", "tags": [""]}, "tags"),
        ({"type": "plain", "tags": ["source:shelf"]}, "tags"),
        ({"type": "plain", "tags": [str(n) for n in range(101)]}, "tags"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_with_the_field_at_fault(event: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        tags(event)
    assert caught.value.param == param
