"""A curated answer on every endpoint, as the endpoint's own SDK reads it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from litellm_plugins.cache.curated import asked
from litellm_plugins.cache.curated_shapes import SHAPES, chat_body
from litellm_plugins.cache.keys import Keys
from litellm_plugins.model import Request
from tests.unit.cache.builders import chat

BODY = chat_body("00ff", "Block it.", model="small", created=1_700_000_000)


def shaped(endpoint: str) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(SHAPES[endpoint](BODY))
    return body


def test_as_a_chat_completion() -> None:
    told = ChatCompletion.model_validate(shaped("chat"), strict=True)
    assert (told.id, told.choices[0].message.content) == ("chatcmpl-curated-00ff", "Block it.")


def test_as_a_response() -> None:
    told = Response.model_validate(shaped("responses"))
    assert (told.id, told.output_text, told.status) == ("resp_curated_00ff", "Block it.", "completed")


def test_as_a_message() -> None:
    types = pytest.importorskip("anthropic.types")
    told = types.Message.model_validate(shaped("messages"))
    assert (told.id, told.content[0].text, told.stop_reason) == ("msg_curated_00ff", "Block it.", "end_turn")


KEYS = Keys("team:support", b"p", b"e", "lost")
SYSTEM = [{"type": "text", "text": "Be calm."}]


@pytest.mark.parametrize(
    ("endpoint", "parameters"),
    [
        ("messages", {"max_tokens": 300, "system": "Be calm."}),
        ("messages", {"max_tokens": 300, "system": SYSTEM, "temperature": 1}),
        ("responses", {"instructions": "Be calm.", "max_output_tokens": 300, "store": False}),
        ("responses", {"instructions": "Be calm.", "max_output_tokens": 300, "text": {"format": {"type": "text"}}}),
    ],
)
def test_each_endpoint_says_its_system_prompt_and_its_limit_in_its_own_way(
    endpoint: str, parameters: dict[str, Any]
) -> None:
    wanted = asked(chat("lost", endpoint=endpoint, parameters=parameters), KEYS)
    assert wanted is not None
    assert (wanted.system, wanted.max_tokens, wanted.endpoint) == ("Be calm.", 300, endpoint)


@pytest.mark.parametrize(
    "request_",
    [
        chat("lost", endpoint="completions"),
        chat("lost", endpoint="embeddings"),
        chat("lost", endpoint="responses", parameters={"store": True}),
        chat("lost", endpoint="responses", parameters={"text": {"format": {"type": "json_schema"}}}),
        chat("lost", endpoint="responses", parameters={"previous_response_id": "resp_1"}),
        chat("lost", endpoint="messages", parameters={"thinking": {"type": "enabled"}}),
        chat("lost", parameters={"instructions": "a chat has none"}),
    ],
)
def test_what_cannot_be_answered_by_a_plain_text_is_not(request_: Request) -> None:
    assert asked(request_, KEYS) is None
