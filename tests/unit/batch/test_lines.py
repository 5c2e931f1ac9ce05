"""What a batch's files say, and what of a request they can."""

from __future__ import annotations

import orjson
import pytest

from litellm_plugins.batch.lines import read, written
from litellm_plugins.batch.queue import Deferred, Status
from litellm_plugins.batch.wish import UnknownWish, Wish, body_for, left_out, wish_of


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
            b'{"custom_id": "a", "response": {"status_code": 200, "body": {"id": 1, "usage": {"prompt_tokens": 2}}}}',
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
    assert told["a"].usage == {"prompt_tokens": 2}
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
