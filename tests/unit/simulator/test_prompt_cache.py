"""Anthropic's prompt cache by its documented rules, as the real Anthropic SDK sees it."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Usage

from litellm_plugins.simulator import Simulator, SimulatorSettings
from litellm_plugins.simulator.prompt_cache import Block, PromptCache, minimum_tokens

MODEL = "claude-sonnet-4-5"
FIVE: dict[str, Any] = {"type": "ephemeral"}
HOUR: dict[str, Any] = {"type": "ephemeral", "ttl": "1h"}
_texts = itertools.count()


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def minutes_go_by(self, minutes: float) -> None:
        self.now_s += minutes * 60


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def cached(clock: Clock) -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(latency_scale=0, clock=clock)) as simulator:
        yield simulator


@pytest.fixture
async def sdk(cached: Simulator) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=cached.url, api_key="sk-one", max_retries=0) as client:
        yield client


def long_text(words: int = 1_500) -> str:
    """Nobody else's, and of more tokens than words."""
    return f"Handbook {next(_texts)}. " + "Always be kind and brief to them. " * (words // 7)


def marked(text: str, mark: dict[str, Any] | None = FIVE) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    return block if mark is None else {**block, "cache_control": mark}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


async def usage(sdk: AsyncAnthropic, system: Any, *messages: Any, **options: Any) -> Usage:
    options = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": list(messages) or [user(marked("Hello?", None))],
        **options,
    }
    if system is not None:
        options["system"] = system
    used: Usage = (await sdk.messages.create(**options)).usage
    return used


def three(used: Usage) -> tuple[int, int, int]:
    return used.input_tokens, used.cache_creation_input_tokens or 0, used.cache_read_input_tokens or 0


async def test_a_marked_prefix_is_written_first_and_read_then(sdk: AsyncAnthropic) -> None:
    """The three counts together are the prompt."""
    system = [marked(long_text())]
    plain, _, _ = three(await usage(sdk, [marked(system[0]["text"], None)]))
    left, written, read = three(await usage(sdk, system))
    assert written > 1_024
    assert (left + written, read) == (plain, 0)
    assert three(await usage(sdk, system)) == (left, 0, written)


async def test_without_a_mark_nothing_is_cached(sdk: AsyncAnthropic) -> None:
    text = long_text()
    for _ in range(2):
        assert three(await usage(sdk, text))[1:] == (0, 0)


async def test_one_other_character_before_the_mark_and_all_is_written_anew(sdk: AsyncAnthropic) -> None:
    text = long_text()
    await usage(sdk, [marked("1" + text)])
    assert (await usage(sdk, [marked("2" + text)])).cache_read_input_tokens == 0


async def test_tools_come_before_system_and_system_before_messages(sdk: AsyncAnthropic) -> None:
    """A change of a tool costs everything after it; one of the messages costs nothing before them."""
    tool = {"name": "look_up", "description": "Looks up.", "input_schema": {"type": "object"}}
    system = [marked(long_text())]
    await usage(sdk, system, tools=[tool])
    kept = await usage(sdk, system, user(marked("Another question?", None)), tools=[tool])
    assert kept.cache_read_input_tokens
    changed = await usage(sdk, system, tools=[{**tool, "description": "Looks up!"}])
    assert (changed.cache_read_input_tokens, bool(changed.cache_creation_input_tokens)) == (0, True)


async def test_a_mark_on_the_last_tool_caches_the_tools(sdk: AsyncAnthropic) -> None:
    tool = {"name": "t", "description": long_text(), "input_schema": {"type": "object"}, "cache_control": FIVE}
    await usage(sdk, "One system.", tools=[tool])
    assert (await usage(sdk, "Another system.", tools=[tool])).cache_read_input_tokens


async def test_another_tool_choice_keeps_the_system_and_loses_the_messages(sdk: AsyncAnthropic) -> None:
    tool = {"name": "t", "input_schema": {"type": "object"}}
    system, asked = [marked(long_text())], user(marked(long_text()), marked("What then?", None))
    first = await usage(sdk, system, asked, tools=[tool])
    again = await usage(sdk, system, asked, tools=[tool], tool_choice={"type": "none"})
    assert 0 < (again.cache_read_input_tokens or 0) < (first.cache_creation_input_tokens or 0)
    assert again.cache_creation_input_tokens


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-sonnet-4-5", 1_024),
        ("claude-opus-4-1", 1_024),
        ("claude-opus-4-7", 2_048),
        ("claude-haiku-4-5", 4_096),
        ("claude-opus-4-5-20251101", 4_096),
        ("claude-opus-5", 512),
    ],
)
async def test_a_prefix_below_the_models_minimum_is_not_cached_and_nobody_is_told(
    sdk: AsyncAnthropic, model: str, tokens: int
) -> None:
    short, enough = long_text(int(tokens * 0.8)), long_text(int(tokens * 1.2))
    assert three(await usage(sdk, [marked(short)], model=model))[1:] == (0, 0)
    assert (await usage(sdk, [marked(enough)], model=model)).cache_creation_input_tokens


def test_the_minima_are_those_of_the_hosts_list() -> None:
    """Read as a file: the simulator shares no code with the host."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    listed = json.loads((Path(spec.origin).parent / "model_prices_and_context_window_backup.json").read_text())
    minima = {
        name: each["prompt_cache_min_tokens"]
        for name, each in listed.items()
        if isinstance(each, dict) and each.get("litellm_provider") == "anthropic" and "prompt_cache_min_tokens" in each
    }
    assert len(minima) > 15
    assert {name: minimum_tokens(name) for name in minima} == minima


async def test_an_entry_lives_five_minutes_and_anew_with_each_use(sdk: AsyncAnthropic, clock: Clock) -> None:
    system = [marked(long_text())]
    await usage(sdk, system)
    for _ in range(3):
        clock.minutes_go_by(4)
        assert (await usage(sdk, system)).cache_read_input_tokens
    clock.minutes_go_by(5.1)
    lapsed = await usage(sdk, system)
    assert (lapsed.cache_read_input_tokens, bool(lapsed.cache_creation_input_tokens)) == (0, True)


async def test_an_entry_of_an_hour_lives_an_hour_and_is_told_apart(sdk: AsyncAnthropic, clock: Clock) -> None:
    system = [marked(long_text(), HOUR)]
    written = await usage(sdk, system)
    assert written.cache_creation is not None
    assert written.cache_creation.ephemeral_1h_input_tokens == written.cache_creation_input_tokens
    assert written.cache_creation.ephemeral_5m_input_tokens == 0
    clock.minutes_go_by(59)
    assert (await usage(sdk, system)).cache_read_input_tokens
    clock.minutes_go_by(61)
    assert (await usage(sdk, system)).cache_read_input_tokens == 0


async def test_both_lifetimes_in_one_prompt_are_billed_each_on_its_own(sdk: AsyncAnthropic) -> None:
    system = [marked(long_text(), HOUR), marked(long_text(), FIVE)]
    used = await usage(sdk, system)
    assert used.cache_creation is not None
    made = used.cache_creation
    assert made.ephemeral_1h_input_tokens > 1_024
    assert made.ephemeral_5m_input_tokens > 1_024
    assert made.ephemeral_1h_input_tokens + made.ephemeral_5m_input_tokens == used.cache_creation_input_tokens


async def test_an_hour_after_five_minutes_is_refused(sdk: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="must not come after"):
        await usage(sdk, [marked(long_text(), FIVE), marked(long_text(), HOUR)])


async def test_a_fifth_mark_is_refused(sdk: AsyncAnthropic) -> None:
    assert (await usage(sdk, [marked(f"{i} {long_text()}") for i in range(4)])).cache_creation_input_tokens
    with pytest.raises(anthropic.BadRequestError, match=r"A maximum of 4 blocks.*Found 5"):
        await usage(sdk, [marked(f"{i} {long_text()}") for i in range(5)])


async def test_a_mark_of_the_whole_request_counts_as_one_and_moves_on(sdk: AsyncAnthropic) -> None:
    """Automatic caching: on the last block, so that the next turn reads this one."""
    system, first = long_text(), user(marked("What is it?", None))
    automatic = {"extra_body": {"cache_control": FIVE}}
    wrote = await usage(sdk, system, first, **automatic)
    turns = [first, {"role": "assistant", "content": "It is that."}, user(marked("And then?", None))]
    read = await usage(sdk, system, *turns, **automatic)
    assert read.cache_read_input_tokens == wrote.cache_creation_input_tokens
    with pytest.raises(anthropic.BadRequestError, match="maximum of 4"):
        await usage(sdk, [marked(f"{i} {long_text()}") for i in range(4)], **automatic)


@pytest.mark.parametrize(("more", "is_read"), [(19, True), (20, False)])
async def test_a_mark_looks_back_twenty_blocks_with_itself(sdk: AsyncAnthropic, more: int, is_read: bool) -> None:
    document = long_text()
    await usage(sdk, None, user(marked(document)))
    later = [marked(f"Paragraph {i}.", None) for i in range(more)]
    later[-1] = marked("The last one.")
    used = await usage(sdk, None, user(marked(document, None), *later))
    assert bool(used.cache_read_input_tokens) is is_read


async def test_what_no_mark_wrote_is_not_read_though_it_was_in_a_cached_prompt(sdk: AsyncAnthropic) -> None:
    """Entries are written where marks stand, and nowhere between."""
    system = long_text()
    await usage(sdk, system, user(marked("One question?")))
    assert (await usage(sdk, system, user(marked("Another?")))).cache_read_input_tokens == 0


async def test_other_models_and_other_keys_have_caches_of_their_own(sdk: AsyncAnthropic, cached: Simulator) -> None:
    system = [marked(long_text())]
    await usage(sdk, system)
    assert (await usage(sdk, system, model="claude-opus-4-1")).cache_read_input_tokens == 0
    async with AsyncAnthropic(base_url=cached.url, api_key="sk-two", max_retries=0) as other:
        assert (await usage(other, system)).cache_read_input_tokens == 0


async def test_a_stream_tells_what_was_read_where_it_begins(sdk: AsyncAnthropic) -> None:
    system: Any = [marked(long_text())]
    await usage(sdk, system)
    message: Any = {"role": "user", "content": "Hello?"}
    async with sdk.messages.stream(model=MODEL, max_tokens=50, system=system, messages=[message]) as stream:
        begun = [event async for event in stream if event.type == "message_start"]
    assert begun[0].message.usage.cache_read_input_tokens


async def test_the_bill_tells_them_apart(sdk: AsyncAnthropic, cached: Simulator) -> None:
    cached.clear()
    system = [marked(long_text(), HOUR)]
    written = (await usage(sdk, system)).cache_creation_input_tokens
    await usage(sdk, system)
    bill = cached.bill()[MODEL]
    assert (bill["cache_written_1h_tokens"], bill["cache_read_tokens"]) == (written, written)
    assert bill["cache_written_5m_tokens"] == 0


def test_an_entry_is_there_once_the_answer_of_who_wrote_it_begins() -> None:
    """Two that are asked at the same time both write."""
    clock = Clock()
    cache, blocks = PromptCache(clock), [Block(b"one", 2_000, "5m")]
    for _ in range(2):
        assert cache.use("us", blocks, minimum=1_024, begins_in_s=2).written_5m == 2_000
    clock.now_s += 2.1
    assert cache.use("us", blocks, minimum=1_024, begins_in_s=2).read == 2_000


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (marked("Hello", {"type": "forever"}), "cache_control"),
        (marked("Hello", {"type": "ephemeral", "ttl": "1d"}), "ttl"),
    ],
)
async def test_marks_that_anthropic_does_not_know_are_refused(sdk: AsyncAnthropic, block: Any, why: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=why):
        await usage(sdk, None, user(block))
