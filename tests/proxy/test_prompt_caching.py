"""The provider's prompt cache is used without a word from the client, and it is said why where it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually
from tests.support.budgets import held_by, open_calls
from tests.support.clockwork import Clockwork
from tests.support.prompt_caches import (
    BROKEN,
    CLAUDE,
    GPT_MOVES,
    HEADER,
    KEPT,
    MIXED,
    MOVES,
    OFF,
    POINTS,
    TIED,
    ask,
    config_of,
    family,
    instructions,
    nano_usd,
    numbers,
    read_by_chat,
    say,
    stamped,
    why_not,
)


@pytest.fixture(scope="module")
def clock() -> Clockwork:
    return Clockwork()


@pytest.fixture(scope="module")
def claude(clock: Clockwork) -> Iterator[Provider]:
    with Provider(clock=clock) as provider:
        yield provider


@pytest.fixture(scope="module")
def caching(claude: Provider, clock: Clockwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("prompt_caching")
    clock.install(folder)
    with RunningProxy(config_of(claude.url), folder, provider_url=claude.url) as proxy:
        yield proxy


def test_a_chat_is_marked_from_its_second_time_on_and_read_at_the_third(caching: RunningProxy) -> None:
    """Seen once it may never come again; a write for nothing costs a quarter more."""
    system = instructions()
    seen = [ask(caching, system, f"Question {i}?") for i in range(4)]
    reasons = [headers[f"{HEADER}-reason"] for _, headers in seen]
    assert reasons == ["first_seen", "stable_prefix", "stable_prefix", "stable_prefix"]
    assert [read_by_chat(answer) > 1_024 for answer, _ in seen] == [False, False, True, True]
    assert (seen[1][1][HEADER], seen[1][1][f"{HEADER}-ttl"], seen[0][1][HEADER]) == ("marked", "5m", "none")
    told = family(caching, seen[0][1], answered=4)
    assert (told["read_requests"], told["active"], why_not(told)) == (2, True, [])
    assert float(told["saved_usd"]) > 0


def test_a_message_of_anthropics_sdk_is_marked_as_well(caching: RunningProxy) -> None:
    system = instructions()
    seen = [say(caching, system, f"Question {i}?") for i in range(3)]
    assert [(each.usage.cache_creation_input_tokens or 0) > 1_024 for each, _ in seen] == [False, True, False]
    assert [(each.usage.cache_read_input_tokens or 0) > 1_024 for each, _ in seen] == [False, False, True]
    told = family(caching, seen[0][1], answered=3)
    assert told["read_tokens"] == seen[2][0].usage.cache_read_input_tokens


def test_streams_are_marked_and_counted_as_well(caching: RunningProxy) -> None:
    system = instructions()
    _, headers = ask(caching, system)
    messages: list[Any] = [{"role": "system", "content": system}, {"role": "user", "content": "And now?"}]
    for _ in range(2):
        stream = caching.client(KEYS.support).chat.completions.create(
            model=CLAUDE, messages=messages, max_tokens=40, stream=True, stream_options={"include_usage": True}
        )
        assert [chunk for chunk in stream]  # noqa: C416 - a stream
    for _ in range(2):
        asked: Any = {"model": CLAUDE, "system": system, "messages": [{"role": "user", "content": "Where?"}]}
        with caching.anthropic(KEYS.support).messages.stream(max_tokens=40, **asked) as events:
            last = events.get_final_message()
    assert last.usage.cache_read_input_tokens
    told = family(caching, headers, answered=5)
    assert told["read_requests"] == 3


def test_only_what_came_before_is_marked(caching: RunningProxy, claude: Provider) -> None:
    """Never the question that nobody asked before; and the order of tools stays."""
    system, mark = instructions(), f"mark {next(numbers)}"
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
        for name in ("zebra", "ape")
    ]
    for i in range(3):
        ask(caching, system, f"{mark}, question {i}?", tools=tools)
    last = claude.requests_about(mark)[-1]["body"]
    assert last["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in json.dumps(last["messages"])
    assert [tool["name"] for tool in last["tools"]] == ["zebra", "ape"]


def test_a_conversation_is_read_further_with_every_turn(caching: RunningProxy) -> None:
    system = instructions()
    turns: list[Any] = [{"role": "system", "content": system}]
    read = []
    for i in range(6):
        turns.append({"role": "user", "content": f"Turn {i}: " + "tell me more about it. " * 40})
        answer = caching.client(KEYS.support).chat.completions.create(model=CLAUDE, messages=turns, max_tokens=200)
        read.append(read_by_chat(answer))
        turns.append({"role": "assistant", "content": answer.choices[0].message.content})
    assert read[:2] == [0, 0]
    assert read[2] > 1_024
    assert read[2:] == sorted(set(read[2:])), "each turn reads what the one before wrote"


def test_a_timestamp_in_the_second_line_is_named(caching: RunningProxy) -> None:
    rest = instructions()
    for i in range(4):
        first, _, below = rest.split("\n", 2)
        _, headers = ask(caching, f"{first}\nIt is 2027-03-05T10:3{i}:0{i}Z.\n{below}")
    assert headers[f"{HEADER}-reason"] == "prefix_changes"
    told = family(caching, headers, answered=4)
    assert why_not(told) == ["a timestamp in line 2 changes on every request"]
    assert told["read_tokens"] == 0


@pytest.mark.parametrize("asks", [ask, say])
def test_a_timestamp_goes_to_the_end_where_that_is_allowed_and_the_rest_is_read(
    caching: RunningProxy, claude: Provider, asks: Any
) -> None:
    """Without it nothing is ever read. The first change decides, the next request writes, those after it read."""
    read: dict[str, list[bool]] = {CLAUDE: [], MOVES: []}
    for group, found in read.items():
        rest, mark, told = instructions(), f"mark {next(numbers)}", []
        for i in range(5):
            system, line, without = stamped(rest, i)
            claude.clear()
            _, headers = asks(caching, system, f"{mark}, question {i}?", model=group, max_tokens=1_000)
            found.append(claude.bill()[CLAUDE].get("cache_read_tokens", 0) > 1_024)
            told.append(headers.get(f"{HEADER}-volatile"))
    assert read == {CLAUDE: [False] * 5, MOVES: [False, False, False, True, True]}
    assert told == ["not_seen_to_change", *["moved"] * 4]
    assert (headers[f"{HEADER}-reason"], headers[f"{HEADER}-moved"]) == ("stable_prefix", "1")
    assert claude.requests_about(mark)[-1]["body"]["system"] == [
        {"type": "text", "text": f"{without}\n", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": line},
    ]
    _, hit = asks(caching, system, f"{mark}, question 4?", model=MOVES, max_tokens=1_000)
    assert hit["x-litellm-plugins-cache"] == "exact", "our own key is of what the client sent"


def test_for_openai_a_timestamp_becomes_the_last_line(caching: RunningProxy, claude: Provider) -> None:
    rest, mark = instructions(), f"mark {next(numbers)}"
    for i in range(2):
        system, line, without = stamped(rest, i)
        _, headers = ask(caching, system, f"{mark}, question {i}?", model=GPT_MOVES)
    assert headers[f"{HEADER}-volatile"] == "moved"
    first, last = (each["body"]["messages"][0]["content"] for each in claude.requests_about(mark))
    assert (first, last) == (stamped(rest, 0)[0], f"{without}\n{line}")


def test_a_fallback_to_a_model_without_marks_gets_the_prompt_as_it_was(caching: RunningProxy, claude: Provider) -> None:
    rest, mark = instructions(), f"mark {next(numbers)}"
    for i in range(3):
        system = stamped(rest, i)[0]
        _, headers = ask(caching, system, f"{mark}, question {i}?", model=BROKEN)
    assert headers[f"{HEADER}-volatile"] == "moved"
    reached = [each["body"] for each in claude.requests_about(mark) if each["body"]["model"] == "gpt-4.1"]
    assert [each["messages"][0]["content"] for each in reached] == [stamped(rest, i)[0] for i in range(3)]


def test_a_prefix_below_the_minimum_is_named_with_its_length(caching: RunningProxy, claude: Provider) -> None:
    system = instructions(48)
    for i in range(3):
        _, headers = ask(caching, system, f"Question {i}?")
    assert headers[f"{HEADER}-reason"] == "below_minimum"
    told = family(caching, headers, answered=3)
    last = claude.requests_about("Question 2?")[-1]
    question_tokens = 20  # at most, with what a message costs
    counted = last["prompt_tokens"]
    assert 700 < counted < 1_000
    assert counted - question_tokens <= told["prefix_tokens"] <= counted
    assert why_not(told) == [f"{told['prefix_tokens']:,} tokens, the minimum is 1,024"]


def test_requests_that_come_too_rarely_are_named_with_their_gap(caching: RunningProxy, clock: Clockwork) -> None:
    """Of a model that may only have five minutes."""
    system = instructions()
    for i in range(4):
        _, headers = ask(caching, system, f"Question {i}?", model=TIED)
        clock.minutes_go_by(11)
    assert (headers[HEADER], headers[f"{HEADER}-reason"]) == ("none", "too_far_apart")
    told = family(caching, headers, answered=4)
    assert why_not(told) == ["requests are 11 minutes apart, TTL is 5"]
    assert told["written_5m_tokens"] == 0


def test_an_hour_is_chosen_where_requests_are_eleven_minutes_apart(caching: RunningProxy, clock: Clockwork) -> None:
    system, read = instructions(), []
    for i in range(4):
        answer, headers = ask(caching, system, f"Question {i}?")
        read.append(read_by_chat(answer) > 0)
        clock.minutes_go_by(11)
    assert headers[f"{HEADER}-ttl"] == "1h"
    assert read == [False, False, True, True]
    told = family(caching, headers, answered=4)
    assert told["written_1h_tokens"] > 1_024
    assert told["written_5m_tokens"] == 0


def test_nothing_is_written_for_prompts_that_never_come_again(caching: RunningProxy, claude: Provider) -> None:
    claude.clear()
    for _ in range(5):
        ask(caching, instructions())
    assert "cache_written_5m_tokens" not in claude.bill()[CLAUDE]


def test_the_clients_own_marks_are_kept_and_counted(caching: RunningProxy, claude: Provider) -> None:
    """With four of its own there is no room; an hour never comes after its five minutes."""
    mark, blocks = f"mark {next(numbers)}", [{"type": "text", "text": instructions(100)} for _ in range(4)]
    marked = [{**block, "cache_control": {"type": "ephemeral"}} for block in blocks]
    for i in range(3):
        _, headers = say(caching, marked, f"{mark}, question {i}?")
    assert headers[HEADER] == "none"
    assert claude.requests_about(mark)[-1]["body"]["system"] == marked
    told = family(caching, headers, answered=3)
    assert told["active"]
    assert told["client_marked_requests"] == 3


def test_where_the_host_puts_marks_the_pack_stands_down_and_says_so(caching: RunningProxy, claude: Provider) -> None:
    system, mark = instructions(), f"mark {next(numbers)}"
    for i in range(3):
        answer, headers = ask(caching, system, f"{mark}, question {i}?", model=POINTS)
    assert (headers[HEADER], headers[f"{HEADER}-reason"]) == ("none", "host_marks")
    assert read_by_chat(answer) > 1_024, "the host's own mark works on"
    assert json.dumps(claude.requests_about(mark)[-1]["body"]).count("cache_control") == 1


def test_it_is_off_where_it_is_set_off(caching: RunningProxy, claude: Provider) -> None:
    system, mark = instructions(), f"mark {next(numbers)}"
    for _ in range(3):
        _, headers = ask(caching, system, mark, model=OFF)
    assert not [name for name in headers if name.startswith(HEADER)]
    assert claude.requests_about(mark)[-1]["body"]["system"] == [{"type": "text", "text": system}]


@pytest.mark.parametrize("asks", [ask, say])
def test_a_fallback_to_a_model_without_marks_gets_none(caching: RunningProxy, claude: Provider, asks: Any) -> None:
    """They were put for the model that failed."""
    system, mark = instructions(), f"mark {next(numbers)}"
    for i in range(3):
        _, headers = asks(caching, system, f"{mark}, question {i}?", model=BROKEN)
    assert headers[HEADER] == "marked"
    reached = [each for each in claude.requests_about(mark) if each["body"]["model"] == "gpt-4.1"]
    assert len(reached) == 3
    assert "cache_control" not in json.dumps([each["body"] for each in reached])


@pytest.mark.parametrize("asks", [ask, say])
def test_the_dearer_call_of_a_cascade_is_marked_for_its_own_model(
    caching: RunningProxy, claude: Provider, asks: Any
) -> None:
    system, mark = instructions(), f"mark {next(numbers)}"
    seen = [asks(caching, system, f"{mark}, question {i}?", model="to-claude") for i in range(3)]
    assert [headers["x-litellm-plugins-route-path"] for _, headers in seen] == ["simple>complex"] * 3
    assert [headers[HEADER] for _, headers in seen] == ["none", "marked", "marked"]
    reached = [each["body"] for each in claude.requests_about(mark) if each["body"]["model"] == CLAUDE]
    assert [json.dumps(each).count("cache_control") for each in reached] == [0, 1, 1]
    told = family(caching, seen[-1][1], answered=3)
    assert (told["model"], told["read_requests"], told["active"]) == (CLAUDE, 1, True)


@pytest.mark.parametrize(("of", "said"), [("to-off", None), ("to-gpt", "automatic")])
def test_marks_for_the_cheap_model_of_a_cascade_do_not_go_to_the_dearer_one(
    caching: RunningProxy, claude: Provider, of: str, said: str | None
) -> None:
    system, mark = instructions(), f"mark {next(numbers)}"
    for i in range(3):
        _, headers = ask(caching, system, f"{mark}, question {i}?", model=of)
    assert headers.get(f"{HEADER}-reason") == said
    bodies = [json.dumps(each["body"]) for each in claude.requests_about(mark)]
    assert ["cache_control" in each for each in bodies] == [False, False, True, False, True, False]


def test_an_answer_of_the_packs_own_cache_is_found_though_its_prompt_was_marked(caching: RunningProxy) -> None:
    """Its key is of what the client sent; and a hit is nothing to mark."""
    system = instructions()
    for i in range(3):
        _, fresh = ask(caching, system, f"Question {i}?", model=KEPT, max_tokens=1_000)
    assert (fresh[HEADER], fresh["x-litellm-plugins-cache"]) == ("marked", "miss")
    _, hit = ask(caching, system, "Question 2?", model=KEPT, max_tokens=1_000)
    assert hit["x-litellm-plugins-cache"] == "exact"
    assert HEADER not in hit


def test_a_group_with_a_deployment_that_takes_no_marks_gets_none(caching: RunningProxy, claude: Provider) -> None:
    system, mark = instructions(), f"mark {next(numbers)}"
    for i in range(4):
        _, headers = ask(caching, system, f"{mark}, question {i}?", model=MIXED)
    assert (headers[HEADER], headers[f"{HEADER}-reason"]) == ("none", "unsupported")
    assert "cache_control" not in json.dumps([each["body"] for each in claude.requests_about(mark)])


def test_openais_models_get_no_marks(caching: RunningProxy, claude: Provider) -> None:
    system, mark = instructions(), f"mark {next(numbers)}"
    for _ in range(3):
        _, headers = ask(caching, system, mark, model="gpt-4.1")
    assert (headers[HEADER], headers[f"{HEADER}-reason"]) == ("none", "automatic")
    assert "cache_control" not in json.dumps(claude.requests_about(mark)[-1]["body"])


def test_teams_do_not_see_each_others_prompts(caching: RunningProxy) -> None:
    """What one team asked is no reason to mark another's."""
    system = instructions()
    for _ in range(3):
        _, ours = ask(caching, system)
    _, theirs = ask(caching, system, key=KEYS.sales)
    assert ours[f"{HEADER}-reason"] == "stable_prefix"
    assert theirs[f"{HEADER}-reason"] == "first_seen"
    assert ours[f"{HEADER}-family"] != theirs[f"{HEADER}-family"]


def test_the_budget_books_writes_and_reads_at_their_own_prices(caching: RunningProxy, claude: Provider) -> None:
    """To the nano-dollar what the provider charges."""
    eventually(lambda: not open_calls(caching), what="nothing to be under way")
    before, system = held_by(caching, "claude").spent, instructions()
    claude.clear()
    for i in range(4):
        ask(caching, system, f"Question {i}?", extra_body={"metadata": {"feature": "claude"}})
    bill = claude.bill()[CLAUDE]
    assert bill["cache_written_5m_tokens"] > 1_024
    assert bill["cache_read_tokens"] > 2_048
    eventually(lambda: held_by(caching, "claude").requests >= 4 and not open_calls(caching), what="all to be booked")
    assert held_by(caching, "claude").spent - before == nano_usd(bill)


def test_the_command_line_tells_the_same(caching: RunningProxy) -> None:
    ask(caching, instructions())
    command = [sys.executable, "-c", "from litellm_plugins.cli import main; main()", "prompt-cache", "report", "--json"]
    options = ["--url", caching.url, "--key", caching.master_key]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    assert told["families"]
    assert {"hit_rate", "saved_usd"} <= set(told["total"])


def test_the_report_is_for_admins_only(caching: RunningProxy) -> None:
    assert caching.http("GET", "/plugins/prompt-cache", KEYS.support).status_code in (401, 403)


def test_the_metrics_count_the_same_words(caching: RunningProxy) -> None:
    system = instructions()
    for _ in range(3):
        ask(caching, system)

    def counted() -> bool:
        metrics = caching.metrics()
        marked = metrics.value("litellm_plugins_prompt_cache_decisions_total", reason="stable_prefix")
        read = metrics.value("litellm_plugins_prompt_cache_tokens_total", kind="read", model_group=CLAUDE)
        return marked > 0 and read > 1_024

    assert eventually(counted, what="the counters")
