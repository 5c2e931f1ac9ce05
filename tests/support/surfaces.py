"""The endpoints that answer questions, as clients see them: one way to ask each, through the real SDKs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from tests.support.answers import cache_of, reason_of
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, SLOW_CLAUDE, SLOW_MODEL
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.proxy import RunningProxy

Json = dict[str, Any]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, before an endpoint spells it. What an endpoint cannot say it is not asked to."""

    question: str
    system: str | None = None
    before: tuple[tuple[str, str], ...] = ()  # role and words of each earlier turn
    role: str = "user"  # of the last turn
    attached: tuple[str, str] | None = None  # the kind (image, audio, file) and its bytes in base64, or its URL
    tools: Mapping[str, Json] = field(default_factory=dict)  # schema by name
    tool_choice: str | None = None
    called: Json | None = None  # the arguments of an earlier call of `get_weather`
    call_name: str = "get_weather"
    result: str = "12 degrees"
    more: Json = field(default_factory=dict)  # fields of the body, in the endpoint's own words

    def but(self, **different: Any) -> Asked:
        """The same with something different about it."""
        return replace(self, **different)


@dataclass(frozen=True, slots=True)
class Told:
    """What came back, put together by the SDK where it was a stream."""

    text: str
    calls: tuple[tuple[str, Json], ...]
    finish: str | None
    usage: tuple[int, int]
    body: Any
    headers: Mapping[str, str]

    @property
    def cache(self) -> str | None:
        """See `cache_of`."""
        return cache_of(self.headers)

    @property
    def reason(self) -> str | None:
        """See `reason_of`."""
        return reason_of(self.headers)

    @property
    def cost_usd(self) -> float:
        """The host's cost header."""
        return float(self.headers["x-litellm-response-cost"])


@dataclass(frozen=True, slots=True)
class Surface:
    """One endpoint with one model behind it."""

    name: str
    endpoint: str
    model: str
    slow_model: str
    spell: Callable[[Asked], Json]
    send: Callable[[RunningProxy, str, Json], Told]
    send_streamed: Callable[[RunningProxy, str, Json], Told]
    says: frozenset[str] = frozenset({"system", "before", "attached", "tools"})
    finished: str = "stop"
    cut_short: str = "length"

    def ask(
        self, proxy: RunningProxy, key: str, asked: Asked | str, *, streamed: bool = False, model: str | None = None
    ) -> Told:
        """Ask once."""
        wanted = Asked(asked) if isinstance(asked, str) else asked
        body = {"model": model or self.model, **self.spell(wanted), **wanted.more}
        return (self.send_streamed if streamed else self.send)(proxy, key, body)

    def teach(self, proxy: RunningProxy, key: str, asked: Asked | str, **how: Any) -> Told:
        """Ask, and return once the answer has been stored: storing is asynchronous."""
        told = self.ask(proxy, key, asked, **how)
        mark = told.text or told.body.id
        eventually(lambda: proxy.has_stored(orjson.dumps(mark).decode()[1:-1]), what=f"{self.name} to be stored")
        return told


# Spelling


def _turns(asked: Asked, attachments: Callable[[str, str], Json], text: str) -> list[Json]:
    content: Any = asked.question
    if asked.attached is not None:
        content = [{"type": text, "text": asked.question}, attachments(*asked.attached)]
    earlier = [{"role": role, "content": words} for role, words in asked.before]
    return [*earlier, {"role": asked.role, "content": content}]


def _chat(asked: Asked) -> Json:
    attach: dict[str, Callable[[str], Json]] = {
        "image": lambda data: {"type": "image_url", "image_url": {"url": data}},
        "audio": lambda data: {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        "file": lambda data: {"type": "file", "file": {"file_data": data, "filename": "a.pdf"}},
    }
    messages = _turns(asked, lambda kind, data: attach[kind](data), "text")
    if asked.called is not None:
        function = {"name": asked.call_name, "arguments": orjson.dumps(asked.called).decode()}
        call = {"id": "call_1", "type": "function", "function": function}
        messages[-1:-1] = [
            {"role": "user", "content": "What is the weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": asked.result},
        ]
    if asked.system is not None:
        messages.insert(0, {"role": "system", "content": asked.system})
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in asked.tools.items()
    ]
    return {"messages": messages, **_given(tools=tools, tool_choice=asked.tool_choice)}


def _messages(asked: Asked) -> Json:
    attach: dict[str, Callable[[str], Json]] = {
        "image": lambda data: {"type": "image", "source": _source(data, "image/png")},
        "audio": lambda data: {"type": "document", "source": _source(data, "audio/wav")},
        "file": lambda data: {"type": "document", "source": _source(data, "application/pdf")},
    }
    messages = _turns(asked, lambda kind, data: attach[kind](data), "text")
    if asked.called is not None:
        use = {"type": "tool_use", "id": "toolu_1", "name": asked.call_name, "input": asked.called}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": asked.result}
        messages[-1:-1] = [
            {"role": "user", "content": "What is the weather?"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": "It is cool."},
        ]
    tools = [{"name": name, "input_schema": schema} for name, schema in asked.tools.items()]
    choice = {"type": {"required": "any"}.get(asked.tool_choice, asked.tool_choice)} if asked.tool_choice else None
    return {"max_tokens": 500, "messages": messages, **_given(system=asked.system, tools=tools, tool_choice=choice)}


def _source(data: str, media_type: str) -> Json:
    if data.startswith("http"):
        return {"type": "url", "url": data}
    return {"type": "base64", "media_type": media_type, "data": data.rpartition(",")[2]}


def _responses(asked: Asked) -> Json:
    attach: dict[str, Callable[[str], Json]] = {
        "image": lambda data: {"type": "input_image", "image_url": data, "detail": "auto"},
        "audio": lambda data: {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        "file": lambda data: {"type": "input_file", "file_data": data, "filename": "a.pdf"},
    }
    items = _turns(asked, lambda kind, data: attach[kind](data), "input_text")
    if asked.called is not None:
        call = {"call_id": "call_1", "name": asked.call_name, "arguments": orjson.dumps(asked.called).decode()}
        items[-1:-1] = [
            {"role": "user", "content": "What is the weather?"},
            {"type": "function_call", **call},
            {"type": "function_call_output", "call_id": "call_1", "output": asked.result},
        ]
    tools = [{"type": "function", "name": name, "parameters": schema} for name, schema in asked.tools.items()]
    given: Any = asked.question if len(items) == 1 and asked.attached is None and asked.role == "user" else items
    return {"input": given, **_given(instructions=asked.system, tools=tools, tool_choice=asked.tool_choice)}


def _completions(asked: Asked) -> Json:
    return {"prompt": asked.question}


def _given(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value}


# Sending


def _send_chat(proxy: RunningProxy, key: str, body: Json) -> Told:
    raw = proxy.client(key).chat.completions.with_raw_response.create(**body)
    made: Any = raw.parse()
    choice = made.choices[0]
    calls = [(each.function.name, orjson.loads(each.function.arguments)) for each in choice.message.tool_calls or ()]
    usage = (made.usage.prompt_tokens, made.usage.completion_tokens)
    return Told(choice.message.content or "", tuple(calls), choice.finish_reason, usage, made, raw.headers)


def _send_chat_streamed(proxy: RunningProxy, key: str, body: Json) -> Told:
    streamed = proxy.ask_streamed(key, **body, stream_options={"include_usage": True})
    usage = next((chunk.usage for chunk in reversed(streamed.chunks) if chunk.usage), None)
    calls = tuple((name, orjson.loads(arguments)) for _, name, arguments in streamed.tool_calls)
    counts = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    return Told(streamed.text, calls, streamed.finish_reason, counts, streamed.chunks[0], streamed.headers)


def _send_message(proxy: RunningProxy, key: str, body: Json) -> Told:
    raw = proxy.anthropic(key).messages.with_raw_response.create(**body)
    return _told_by_message(raw.parse(), raw.headers)


def _send_message_streamed(proxy: RunningProxy, key: str, body: Json) -> Told:
    with proxy.anthropic(key).messages.stream(**body) as stream:
        return _told_by_message(stream.get_final_message(), stream.response.headers)


def _told_by_message(made: Any, headers: Any) -> Told:
    text = "".join(block.text for block in made.content if block.type == "text")
    calls = tuple((block.name, block.input) for block in made.content if block.type == "tool_use")
    usage = (made.usage.input_tokens, made.usage.output_tokens)
    return Told(text, calls, made.stop_reason, usage, made, headers)


def _send_response(proxy: RunningProxy, key: str, body: Json) -> Told:
    raw = proxy.client(key).responses.with_raw_response.create(**body)
    return _told_by_response(raw.parse(), raw.headers)


def _send_response_streamed(proxy: RunningProxy, key: str, body: Json) -> Told:
    raw = proxy.client(key).responses.with_raw_response.create(**body, stream=True)
    with raw.parse() as stream:
        events: list[Any] = list(stream)
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1].response
    assert deltas == last.output_text
    return _told_by_response(last, raw.headers)


def _told_by_response(made: Any, headers: Any) -> Told:
    calls = tuple((item.name, orjson.loads(item.arguments)) for item in made.output if item.type == "function_call")
    reason = made.incomplete_details.reason if made.incomplete_details else made.status
    usage = (made.usage.input_tokens, made.usage.output_tokens)
    return Told(made.output_text, calls, reason, usage, made, headers)


def _send_completion(proxy: RunningProxy, key: str, body: Json) -> Told:
    raw = proxy.client(key).completions.with_raw_response.create(**body)
    made: Any = raw.parse()
    usage = (made.usage.prompt_tokens, made.usage.completion_tokens)
    return Told(made.choices[0].text, (), made.choices[0].finish_reason, usage, made, raw.headers)


def _send_completion_streamed(proxy: RunningProxy, key: str, body: Json) -> Told:
    raw = proxy.client(key).completions.with_raw_response.create(
        **body, stream=True, stream_options={"include_usage": True}
    )
    with raw.parse() as stream:
        chunks: list[Any] = list(stream)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    usage = next(chunk.usage for chunk in reversed(chunks) if chunk.usage)
    finish = next((choice.finish_reason for choice in choices if choice.finish_reason), None)
    text = "".join(choice.text or "" for choice in choices)
    return Told(text, (), finish, (usage.prompt_tokens, usage.completion_tokens), chunks[0], raw.headers)


def _surface(endpoint: str, model: str, slow_model: str, spell: Any, send: Any, streamed: Any, **more: Any) -> Surface:
    return Surface(f"{endpoint} {model}", endpoint, model, slow_model, spell, send, streamed, **more)


def _of_messages(model: str, slow_model: str) -> Surface:
    ends = {"finished": "end_turn", "cut_short": "max_tokens"}
    return _surface("messages", model, slow_model, _messages, _send_message, _send_message_streamed, **ends)


def _of_responses(model: str, slow_model: str) -> Surface:
    ends = {"finished": "completed", "cut_short": "max_output_tokens"}
    return _surface("responses", model, slow_model, _responses, _send_response, _send_response_streamed, **ends)


def _of_completions(model: str, slow_model: str) -> Surface:
    ways = (_completions, _send_completion, _send_completion_streamed)
    return _surface("completions", model, slow_model, *ways, says=frozenset())


CHAT = _surface("chat", "gpt-4.1", SLOW_MODEL, _chat, _send_chat, _send_chat_streamed)
MESSAGES = _of_messages(CLAUDE, SLOW_CLAUDE)
RESPONSES = _of_responses("gpt-4.1", SLOW_MODEL)
COMPLETIONS = _of_completions(LEGACY_MODEL, SLOW_MODEL)
# Each endpoint with a model of its own protocol, and then with one that the host translates for.
NEW_SURFACES = (
    MESSAGES,
    _of_messages("gpt-4.1", SLOW_MODEL),
    RESPONSES,
    _of_responses(CLAUDE, SLOW_CLAUDE),
    COMPLETIONS,
    _of_completions("gpt-4.1", SLOW_MODEL),
)
ENDPOINTS = (CHAT, MESSAGES, RESPONSES, COMPLETIONS)
