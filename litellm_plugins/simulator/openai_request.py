"""Reading a chat completion request of OpenAI's protocol."""

import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from litellm_plugins.simulator.answers import ANY_OBJECT, Prompt
from litellm_plugins.simulator.openai_messages import (
    Message,
    conversation_of,
    conversation_tokens,
    messages_of,
    question_of,
)
from litellm_plugins.simulator.openai_tools import forces_function, tools_to_call
from litellm_plugins.simulator.schemas import Schema
from litellm_plugins.simulator.tokens import Tokenizer
from litellm_plugins.simulator.tool_definitions import definition_tokens
from litellm_plugins.simulator.wire import RequestError

T = TypeVar("T")

_MAX_CHOICES = 128
_MAX_STOPS = 4
MAX_TOKENS = 1_000_000_000
# Another value of one of these is another answer. What only cuts, counts or carries the answer is left out.
_SAMPLING = (
    "temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias",
    "tools", "tool_choice", "response_format", "reasoning_effort",
    "top_k", "thinking", "suffix",  # of other endpoints
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion request that has been found valid."""

    prompt: Prompt
    messages: list[Message]
    tools: list[Any]
    choices: int
    stream: bool
    include_usage: bool
    forced_function: bool
    tools_as_json: bool = False  # how its model reads their definitions


def parse_chat(body: dict[str, Any]) -> ChatRequest:
    """Raises: RequestError, where OpenAI would answer with 400."""
    model, messages = model_of(body), messages_of(body)
    tools: list[Any] = given_of(body, "tools", list)
    question = question_of(messages)
    prompt = Prompt(
        model=model,
        question=question,
        seed=_seed_of(model, messages, body),
        max_tokens=_max_tokens_of(body),
        stop=_stop_of(body),
        tools=tools_to_call(body, tools, question, messages[-1]["role"]),
        schema=_schema_of(given_of(body, "response_format", dict)),
    )
    return ChatRequest(
        prompt=prompt,
        messages=messages,
        tools=tools,
        choices=whole_number_of(body, "n", _MAX_CHOICES) or 1,
        stream=body.get("stream") is True,
        include_usage=given_of(body, "stream_options", dict).get("include_usage") is True,
        forced_function=forces_function(body.get("tool_choice")),
    )


def model_of(body: dict[str, Any]) -> str:
    """Raises: RequestError."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError(400, "you must provide a model parameter")
    return model


def prompt_tokens(request: ChatRequest, tokenizer: Tokenizer) -> int:
    """What the messages and the tool definitions count as input."""
    if request.tools_as_json:
        tools = tokenizer.count(orjson.dumps(request.tools).decode()) if request.tools else 0
        return tools + conversation_tokens(request.messages, tokenizer)
    functions = [tool["function"] for tool in request.tools if isinstance(tool, dict) and tool.get("function")]
    with_system = any(message["role"] in ("system", "developer") for message in request.messages)
    tools = definition_tokens(functions, tokenizer, with_system=with_system)
    return tools + conversation_tokens(request.messages, tokenizer)


def _seed_of(model: str, messages: list[Message], body: dict[str, Any]) -> bytes:
    sampling = {name: body[name] for name in _SAMPLING if body.get(name) is not None}
    asked = [model, conversation_of(messages), sampling]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


def given_of(body: dict[str, Any], name: str, kind: type[T]) -> T:
    """The value under that name, or an empty one. Raises: RequestError, where it is of another kind."""
    value = body.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise RequestError(400, f"Invalid type for '{name}'", param=name, code="invalid_type")
    return value


def _max_tokens_of(body: dict[str, Any]) -> int | None:
    newer = whole_number_of(body, "max_completion_tokens", MAX_TOKENS)
    return whole_number_of(body, "max_tokens", MAX_TOKENS) if newer is None else newer


def whole_number_of(body: dict[str, Any], name: str, limit: int, least: int = 1) -> int | None:
    """The number under that name. Raises: RequestError, where it is none from `least` to `limit`."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= limit:
        raise RequestError(400, f"Invalid '{name}': a whole number from {least} to {limit} is needed", param=name)
    return value


def _stop_of(body: dict[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > _MAX_STOPS or not all(isinstance(s, str) for s in stops):
        raise RequestError(400, f"'stop' must be a string or up to {_MAX_STOPS} strings", param="stop")
    return tuple(text for text in stops if text)


def _schema_of(response_format: dict[str, Any]) -> Schema | None:
    kind = response_format.get("type", "text")
    if kind == "json_schema":
        schema: Schema = given_of(given_of(response_format, "json_schema", dict), "schema", dict)
        return schema or ANY_OBJECT
    return ANY_OBJECT if kind == "json_object" else None
