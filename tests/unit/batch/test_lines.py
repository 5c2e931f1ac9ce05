"""What a batch's files say, and what of a request they can."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from litellm_plugins.batch.lines import read, written
from litellm_plugins.batch.queue import Deferred, Status
from litellm_plugins.batch.wish import UnknownWish, Wish, body_for, has_audio, left_out, wish_of

GOOD = {"id": 1, "choices": [{}], "usage": {"prompt_tokens": 2, "completion_tokens": 0}}


def test_a_line_is_the_request_for_the_providers_model() -> None:
    body = orjson.dumps({"model": "group", "messages": [], "temperature": 0})
    waiting = Deferred("a", "t", "group", body, b"{}", 0, 1)
    lines = written([waiting, waiting], model="gpt").splitlines()
    assert len(lines) == 2
    assert orjson.loads(lines[0]) == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt", "messages": [], "temperature": 0},
    }


def test_results_are_read_and_everything_else_is_passed_over() -> None:
    content = b"\n".join(
        [
            orjson.dumps({"custom_id": "a", "response": {"status_code": 200, "body": GOOD}}),
            b'{"custom_id": "b", "response": {"status_code": 400, "body": {"error": {"code": "x", "message": "y"}}}}',
            b'{"custom_id": "c", "response": null, "error": {"code": "batch_expired", "message": "late"}}',
            b'{"custom_id": "d", "response": null, "error": {"code": "batch_cancelled"}}',
            b'{"custom_id": "e", "response": {"status_code": 200}}',
            b"{oh",
            b'{"custom_id": 5}',
            b"",
        ]
    )
    told = {each.id: each for each in read(content)}
    assert {id_: (str(each.status), each.reason) for id_, each in told.items()} == {
        "a": ("completed", ""),
        "b": ("failed", "x"),
        "c": ("expired", "batch_expired"),
        "d": ("cancelled", "batch_cancelled"),
        "e": ("failed", "provider_error"),
    }
    assert orjson.loads(told["a"].answer)["id"] == 1
    assert told["a"].usage == {"prompt_tokens": 2, "completion_tokens": 0}
    assert told["a"].status is Status.COMPLETED


@pytest.mark.parametrize(("said", "wish"), [(None, None), ("off", None), ("", None), ("allow", Wish.ALLOW)])
def test_a_wish_is_one_of_three_words(said: object, wish: Wish | None) -> None:
    assert wish_of(said) is wish


@pytest.mark.parametrize("said", ["yes", "ALLOW", 1, True, ["require"]])
def test_another_word_is_refused(said: object) -> None:
    with pytest.raises(UnknownWish):
        wish_of(said)


def test_only_what_a_model_reads_goes_into_a_batch() -> None:
    asked = {"model": "m", "messages": [], "seed": 0, "stop": None, "fallbacks": ["x"], "api_base": "http://x"}
    assert body_for(asked) == {"model": "m", "messages": [], "seed": 0}
    assert left_out(asked) == ["api_base", "fallbacks"]
    assert left_out({"model": "m", "stream": False, "store": None}) == []


@pytest.mark.parametrize("body", [{"error": {"code": "boom", "message": "no"}}, {"choices": []}, {"choices": None}])
def test_a_success_without_an_answer_is_a_failure(body: dict[str, Any]) -> None:
    line = orjson.dumps({"custom_id": "a", "response": {"status_code": 200, "body": body}})
    (told,) = read(line)
    assert (told.status, told.reason) == (Status.FAILED, "boom" if "error" in body else "provider_error")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": 5},
        {"prompt_tokens": -5, "completion_tokens": 1},
        {"prompt_tokens": 5, "completion_tokens": 10**18},
        {"prompt_tokens": 5.5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        "5",
    ],
)
def test_a_usage_that_is_none_is_not_believed(usage: object) -> None:
    """Nor is the answer free then: what was reserved is booked."""
    body = {"choices": [{}], "usage": usage}
    (told,) = read(orjson.dumps({"custom_id": "a", "response": {"status_code": 200, "body": body}}))
    assert (told.status, told.usage) == (Status.COMPLETED, None)


def test_what_is_not_paid_by_tokens_of_text_does_not_wait() -> None:
    asked = {"audio": {"voice": "x"}, "modalities": ["audio"], "web_search_options": {}}
    assert left_out(asked) == ["audio", "modalities", "web_search_options"]
    said = {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "input_audio", "input_audio": {}}]}
    assert has_audio([{"role": "system", "content": "x"}, said])
    assert not has_audio([{"role": "user", "content": [{"type": "text", "text": "?"}]}, "odd"])
