"""What a simulated model says, without a server."""

import hashlib
from dataclasses import replace

import pytest

from litellm_plugins.simulator import reference
from litellm_plugins.simulator.answers import Answer, Prompt, Tool, answer, mentioned
from litellm_plugins.simulator.faults import Fault
from litellm_plugins.simulator.tokens import tokenizer_for

TOKENIZER = tokenizer_for("gpt-4o")
PROMPT = Prompt("gpt-4o", "How do I change my address?", hashlib.sha256(b"one").digest())


def answered(prompt: Prompt = PROMPT, fault: Fault | None = None) -> Answer:
    return answer(prompt, 0, TOKENIZER, fault or Fault())


def seeded(number: int) -> Prompt:
    return replace(PROMPT, seed=hashlib.sha256(str(number).encode()).digest())


def test_an_answer_has_40_to_160_tokens() -> None:
    """Savings and latency that the demo shows rest on answers of a support chat's length."""
    lengths = [answered(seeded(number)).tokens for number in range(2_000)]
    assert min(lengths) >= 40
    assert max(lengths) <= 160
    assert max(lengths) - min(lengths) > 60


def test_tokens_are_counted_as_the_tokenizer_counts_the_whole_text() -> None:
    """Sentences are counted one by one, so that counts can be cached; the sum must still be exact."""
    for number in range(200):
        given = answered(seeded(number))
        assert given.tokens == TOKENIZER.count(given.text)


def test_an_answer_carries_the_reference_of_its_question() -> None:
    """This is how a client notices that a cache served it the answer to another question."""
    assert f"[ref {reference(PROMPT.question)}]" in answered().text
    assert reference(PROMPT.question) == hashlib.sha256(PROMPT.question.encode()).hexdigest()[:8]


def test_the_reference_survives_a_cut_answer() -> None:
    """It stands in the first sentence, so that early stops and small limits do not hide a wrong answer."""
    assert reference(PROMPT.question) in answered(replace(PROMPT, max_tokens=25)).text


def test_different_seeds_give_different_answers() -> None:
    """A follow-up question in another conversation must not look like the same answer."""
    assert len({answered(seeded(number)).text for number in range(2_000)}) == 2_000


def test_max_tokens_cuts_to_exactly_that_many() -> None:
    """A budget that was reserved by max_tokens must be settled by the same count."""
    cut = answered(replace(PROMPT, max_tokens=10))
    assert (cut.tokens, cut.finish) == (10, "length")
    assert answered().text.startswith(cut.text)


def test_an_answer_that_just_fits_is_not_cut() -> None:
    """Off by one here would make complete answers look incomplete, and a cache would not store them."""
    whole = answered()
    assert answered(replace(PROMPT, max_tokens=whole.tokens)) == whole


def test_a_stop_text_ends_the_answer_before_it() -> None:
    """OpenAI leaves the stop text itself out."""
    stopped = answered(replace(PROMPT, stop=("nowhere to be found", "case number")))
    assert stopped.text.endswith("Your ")
    assert stopped.finish == "stop"


@pytest.mark.parametrize(
    ("fault", "finish"),
    [(Fault(truncate=True), "length"), (Fault(content_filter=True), "content_filter")],
)
def test_a_cutting_fault_leaves_half_of_the_answer(fault: Fault, finish: str) -> None:
    """What must not be stored by a cache has to be distinguishable by its finish reason alone."""
    half = answered(PROMPT, fault)
    assert half.finish == finish
    assert half.tokens == answered().tokens // 2
    assert answered().text.startswith(half.text)


@pytest.mark.parametrize("tokens", [1, 16, 200, 2_000])
def test_a_loop_says_the_same_for_so_many_tokens(tokens: int) -> None:
    looped = answered(fault=Fault(loop_tokens=tokens))

    assert (looped.tokens, looped.finish) == (tokens, "stop")
    assert looped.text.count("I checked that again") >= tokens // 17


def test_the_limit_cuts_the_arguments_of_a_tool_call_too() -> None:
    """A provider cuts wherever the limit falls, and leaves JSON that does not parse."""
    tool = Tool("look_up", {"type": "object", "properties": {"order": {"type": "string"}, "day": {"type": "string"}}})
    prompt = replace(PROMPT, tools=(tool,))
    whole = answered(prompt)
    cut = answered(replace(prompt, max_tokens=whole.tokens - 2))
    assert (cut.finish, cut.tokens) == ("length", whole.tokens - 2)
    assert whole.tool_calls[0].arguments.startswith(cut.tool_calls[0].arguments)
    assert cut.tool_calls[0].arguments != whole.tool_calls[0].arguments


def test_a_tool_is_mentioned_by_its_name_as_a_word() -> None:
    """`auto` calls a tool when the user names it, and not when its name is only part of another word."""
    tools = (Tool("get_weather", {}), Tool("book", {}))
    assert mentioned(tools, "Please get weather for Paris") == tools[:1]
    assert mentioned(tools, "I lost my booking, use GET_WEATHER") == tools[:1]
    assert mentioned(tools, "I lost my bookings") == ()
