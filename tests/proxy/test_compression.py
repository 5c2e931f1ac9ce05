"""Stage 5 in a running proxy: what reaches the provider, what it costs, and what is told of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from litellm_plugins.compression.lossless import restore
from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budget_proxy import budget
from tests.support.budgets import billed, held_by, settled
from tests.support.fixtures import CLAUDE, LEGACY_MODEL

PREFIX = "x-litellm-plugins-compression"
_numbers = itertools.count(1)
CODE = '```python\ndef  odd(n):\n    return   n % 2  # "odd"\n\n\n\nprint(odd(3))\n```'
HELD = f'See https://example.org/a?b=1&c=%20d and "Do  not   fold".\n\n{CODE}'


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def mine(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """On for all but team legal; team sales takes nothing below 5,000 tokens; `late` has no time, `rag` chooses."""
    chosen = {"methods": ["lossless", "extractive"], "min_tokens": 200, "extractive": {"strict": False}}
    features = {
        "late": {"deadline_ms": 0.001},
        "rag": {**chosen, "rate_by_tier": {"small": 0.25}},
        "rag-late": {**chosen, "deadline_ms": 0.001},
        "strict": {**chosen, "extractive": {}},
        "meaning": {**chosen, "extractive": {"strict": False, "embeddings": True}},
    }
    tiers = [{"name": "small", "models": ["gpt-4.1-mini"]}, {"name": "strong", "models": ["gpt-4.1"]}]
    config = proxy_config(
        charging.url,
        pack={
            "cache": {"semantic": {"enabled": False}},
            "compression": {"enabled": True, "deadline_ms": 20_000, "features": features},
            "routing": {"routers": {"auto": {"tiers": tiers, "thresholds": [0.5]}}},
            "per_team": {
                "legal": {"compression": {"enabled": False}},
                "sales": {"compression": {"min_tokens": 50_000, "tools": False}},
                "support": {"routing": {"may_force": True}},
            },
            "per_key": {
                "freelancer": {"compression": {"rate": 0.75}},
            },
            "budgets": [budget("paid", limit_usd=10), budget("paid-messages", limit_usd=10)],
        },
        more_models=[
            model(CLAUDE, charging.url, via="anthropic"),
            model("auto", charging.url, "gpt-4.1-mini"),
            model(LEGACY_MODEL, charging.url, via="text-completion-openai"),
            model(
                "claude-marked",
                charging.url,
                CLAUDE,
                via="anthropic",
                cache_control_injection_points=[{"location": "message", "index": -1}],
            ),
        ],
    )
    with RunningProxy(config, tmp_path_factory.mktemp("compression"), provider_url=charging.url) as proxy:
        yield proxy


def records(count: int = 100) -> str:
    """Pretty JSON, as programs write it."""
    names = ("Ann Lee", "Bob Kim", "Cy Roe", "Di Orr", "Ed Fox", "Flo Ito", "Gus Paz")
    states = ("active", "inactive", "pending")
    rows = [
        {
            "id": at,
            "name": names[at * at % 7],
            "email": f"user{at}@example.com",
            "amount": at * 37 % 991 + at / 100,
            "date": f"2024-{at % 12 + 1:02}-{at % 28 + 1:02}",
            "status": states[at % 3],
        }
        for at in range(1, count + 1)
    ]
    return json.dumps(rows, indent=2)


def asked(middle: str = "") -> str:
    """A text that nobody asked before, with data enough to be made shorter."""
    number = next(_numbers)
    return f"Report {number} is this.\n\n{records()}\n\n{middle}Who has the highest amount in report {number}?"


def sent_about(provider: Provider, text: str) -> dict[str, Any]:
    """What the provider was asked with the question that ends `text`."""
    question = text.rpartition("\n")[2]
    [request] = provider.requests_about(question)
    body = request["body"]
    assert isinstance(body, dict)
    return body


def compression(headers: Any) -> tuple[str, int, int]:
    """Reason, and tokens before and after."""
    return (
        headers[PREFIX],
        int(headers.get(f"{PREFIX}-tokens-before", 0)),
        int(headers.get(f"{PREFIX}-tokens-after", 0)),
    )


def test_a_hundred_records_reach_the_provider_as_a_table(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    plain = mine.ask(KEYS.legal, asked(), max_tokens=5)
    answer = mine.ask(KEYS.support, text, max_tokens=5)

    sent = sent_about(charging, text)["messages"][0]["content"]
    reason, before, after = compression(answer.headers)
    assert plain.body.usage is not None
    assert answer.body.usage is not None
    assert reason == "applied"
    assert plain.body.usage.prompt_tokens > 5_500
    assert answer.body.usage.prompt_tokens <= 1_700
    assert abs(before - plain.body.usage.prompt_tokens) < 20
    assert abs(after - answer.body.usage.prompt_tokens) < 20
    assert sent.endswith(text.rpartition("\n")[2])
    assert json.loads(restore(sent).split("\n\n")[1]) == json.loads(records())


def test_a_team_that_does_without_gets_no_header_and_its_own_bytes(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    answer = mine.ask(KEYS.legal, text, max_tokens=5)
    assert PREFIX not in answer.headers
    assert sent_about(charging, text)["messages"][0]["content"] == text


def test_another_team_has_another_bound(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    answer = mine.ask(KEYS.sales, text, max_tokens=5)
    assert compression(answer.headers) == ("short", 0, 0)
    assert sent_about(charging, text)["messages"][0]["content"] == text


def test_a_repeat_of_the_original_is_a_hit(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    first = mine.teach(KEYS.support, text)
    again = mine.ask(KEYS.support, text)
    assert (first.cache, again.cache) == ("miss", "exact")
    assert PREFIX not in again.headers
    assert again.text == first.text
    assert sent_about(charging, text)["messages"][0]["content"] != text


def test_what_must_not_be_touched_is_the_same_bytes_at_the_provider(mine: RunningProxy, charging: Provider) -> None:
    text = asked(f"{HELD}\n\n")
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":  1,   "b": [ 2 ]}'}}
    messages: list[Any] = [
        {"role": "system", "content": f"Be  brief.\n\n\n\n{records(30)}"},
        {"role": "user", "content": "Look   it up."},
        {"role": "assistant", "content": "One   moment.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": records(40)},
        {"role": "assistant", "content": f"Found:\n\n{records(30)}"},
        {"role": "user", "content": text},
    ]
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    answer = mine.ask(KEYS.support, messages=messages, tools=[tool], max_tokens=5)
    sent = sent_about(charging, text)
    assert compression(answer.headers)[0] == "applied"
    assert sent["messages"][:-1] == messages[:-1]
    assert HELD in sent["messages"][-1]["content"]
    assert sent["messages"][-1]["content"].endswith(text.rpartition("\n")[2])
    assert sent["tools"] == [tool]


def test_with_the_anthropic_sdk_the_prompt_is_shorter_too(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    raw = mine.anthropic(KEYS.support).messages.with_raw_response.create(
        model=CLAUDE, max_tokens=5, system="Be brief.", messages=[{"role": "user", "content": text}]
    )
    whole = mine.anthropic(KEYS.legal).messages.create(
        model=CLAUDE, max_tokens=5, system="Be brief.", messages=[{"role": "user", "content": f"Now: {text}"}]
    )
    reason, before, after = compression(raw.headers)
    assert reason == "applied"
    assert after < before / 3
    assert raw.parse().usage.input_tokens < whole.usage.input_tokens / 3


def test_what_lies_before_a_clients_cache_mark_is_not_touched(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    messages: Any = [{"role": "user", "content": [block]}]
    raw = mine.anthropic(KEYS.support).messages.with_raw_response.create(model=CLAUDE, max_tokens=5, messages=messages)
    assert compression(raw.headers)[0] == "cached_prefix"
    assert sent_about(charging, text)["messages"] == messages


def test_nor_what_lies_before_a_mark_that_the_host_will_set(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    answer = mine.ask(KEYS.support, text, model="claude-marked", max_tokens=5)
    assert compression(answer.headers)[0] == "cached_prefix"
    [block] = sent_about(charging, text)["messages"][0]["content"]
    assert block["text"] == text
    assert block["cache_control"]


def test_responses_and_completions(mine: RunningProxy, charging: Provider) -> None:
    for_responses, for_completions = asked(), asked()
    client = mine.client(KEYS.support)
    raw = client.responses.with_raw_response.create(model="gpt-4.1", input=for_responses, max_output_tokens=20)
    legacy = client.completions.with_raw_response.create(model=LEGACY_MODEL, prompt=for_completions, max_tokens=5)
    assert (compression(raw.headers)[0], compression(legacy.headers)[0]) == ("applied", "applied")
    assert "[table 1: 100 records" in json.dumps(sent_about(charging, for_responses)["input"])
    assert "[table 1: 100 records" in json.dumps(sent_about(charging, for_completions)["prompt"])


def test_a_conversation_has_a_stable_prefix_at_the_provider(mine: RunningProxy, charging: Provider) -> None:
    turns = [asked() for _ in range(4)]
    messages: list[Any] = []
    sent: list[str] = []
    for text in turns:
        messages.append({"role": "user", "content": text})
        answer = mine.ask(KEYS.support, messages=messages, max_tokens=5)
        messages.append({"role": "assistant", "content": answer.text})
        request = charging.requests_about(text.rpartition("\n")[2])[-1]
        sent.append(json.dumps(request["body"]["messages"])[:-1])
        assert compression(answer.headers)[0] == "applied"
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(sent))
    assert sent[3].count("[table 1: 100 records") == 4


def test_a_stream_is_asked_for_with_the_shorter_prompt(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    answer = mine.ask_streamed(KEYS.support, text, max_tokens=5)
    assert compression(answer.headers)[0] == "applied"
    assert "[table 1: 100 records" in sent_about(charging, text)["messages"][0]["content"]


def test_past_its_deadline_the_original_goes_out(mine: RunningProxy, charging: Provider) -> None:
    text = asked()
    answer = mine.ask(KEYS.support, text, max_tokens=5, extra_body={"metadata": {"feature": "late"}})
    assert compression(answer.headers) == ("deadline", 0, 0)
    assert sent_about(charging, text)["messages"][0]["content"] == text


def test_what_is_reserved_and_booked_is_the_price_of_what_is_sent(mine: RunningProxy, charging: Provider) -> None:
    charging.clear()
    text = asked()
    mine.ask(KEYS.support, text, max_tokens=20, extra_body={"metadata": {"feature": "paid"}})
    booked = settled(lambda: held_by(mine, "paid"), 1)
    assert booked.spent == billed(charging)
    assert booked.spent < 1_700 * 2_000 + 20 * 8_000

    def told() -> list[dict[str, Any]]:
        lines = [line for line in mine.log().splitlines() if line.startswith("{") and '"paid"' in line]
        return [line for line in map(json.loads, lines) if line["event"] == "budget_settled"]

    eventually(lambda: bool(told()), what="the settlement to be told")
    [line] = told()
    assert float(line["reserved_usd"]) < 2 * 0.0034 + 20 * 0.000008


def test_log_metrics_and_headers_say_the_same(mine: RunningProxy) -> None:
    text = asked()
    labels = {"reason": "applied", "method": "lossless", "model_group": "gpt-4.1-mini"}
    answer = mine.ask(KEYS.support, text, model="gpt-4.1-mini", max_tokens=5)
    _, before, after = compression(answer.headers)
    metrics = mine.metrics()
    assert metrics.value("litellm_plugins_compressions_total", **labels) == 1
    counted = [
        metrics.value("litellm_plugins_compression_tokens_total", when=when, model_group="gpt-4.1-mini")
        for when in ("before", "after")
    ]
    assert counted == [before, after]
    saved = {"cause": "compression", "model_group": "gpt-4.1-mini"}
    tokens = "litellm_plugins_saved_tokens_total"
    eventually(lambda: mine.metrics().value(tokens, **saved) == before - after, what="the end of the call")
    usd = mine.metrics().value("litellm_plugins_saved_usd_total", **saved)
    assert usd == pytest.approx((before - after) * 0.4e-6)
    ends = [line for line in mine.log().splitlines() if '"call_finished"' in line and "gpt-4.1-mini" in line]
    assert [json.loads(line)["saved_tokens"] for line in ends] == [before - after]
    lines = [line for line in mine.log().splitlines() if '"compression_decision"' in line and "gpt-4.1-mini" in line]
    [line] = [json.loads(line) for line in lines]
    assert (line["compression"], line["tokens_before"], line["tokens_after"]) == ("applied", before, after)


PARTS = ("Ash", "Birch", "Cedar", "Elder", "Fern", "Hazel"), ("bridge", "field", "mouth", "wick", "stead")
FEATURE = {name: {"metadata": {"feature": name}} for name in ("rag", "rag-late", "strict", "meaning")}


def documents(facts: str = "") -> tuple[str, str, str]:
    """A prompt of thirty documents, its question, and the one sentence that answers it."""
    number = next(_numbers)
    names = [a + b for a in PARTS[0] for b in PARTS[1]]
    wanted = names[11 + number % 8]
    stories = [
        f"Document [{at}](Title: {name}) {name} lies where two rivers meet, below a hill with an old mill on it. "
        f"The town hall of {name} was paid for by the guild of its glovers. Its market is known for its honey. "
        f"In winter people skate on the pond behind the school.{facts} The mayor likes to be seen in the theatre."
        for at, name in enumerate(names, 1)
    ]
    question = f"Question: who paid for the town hall of {wanted}, asks reader {number}, please"
    text = "\n".join([f"Answer reader {number} from the documents.\n", *stories, f"\n{question}\nAnswer:"])
    return text, question, f"The town hall of {wanted} was paid for by the guild of its glovers."


def as_sent(provider: Provider, question: str) -> str:
    [request] = provider.requests_about(question)
    return str(request["body"]["messages"][-1]["content"])


def prose_share(text: str, sent: str) -> float:
    """Of what lies between the ends, which stay whole for they may be the task."""
    head, tail = 600, 600
    return (len(sent) - head - tail) / (len(text) - head - tail)


def test_of_documents_half_goes_out_with_the_question_and_the_answer_in_it(
    mine: RunningProxy, charging: Provider
) -> None:
    text, question, gold = documents()
    answer = mine.ask(KEYS.support, text, max_tokens=5, extra_body=FEATURE["rag"])
    sent = as_sent(charging, question)
    reason, before, after = compression(answer.headers)
    assert reason == "applied"
    assert 0.4 < prose_share(text, sent) < 0.6
    assert 0.45 < after / before < 0.7
    assert answer.body.usage is not None
    assert abs(after - answer.body.usage.prompt_tokens) < 20
    assert gold in sent
    assert sent.endswith(f"{question}\nAnswer:")
    assert "[…]" in sent
    kept = [piece.strip() for piece in sent.split("[…]")]
    assert all(piece in text for piece in kept), "what stays is as it stood"
    line = next(json.loads(each) for each in mine.log().splitlines() if '"extractive"' in each and '"rag"' in each)
    assert (line["event"], line["methods"]) == ("compression_decision", ["lossless", "extractive"])


def test_strictly_numbers_negations_and_quotations_stay(mine: RunningProxy, charging: Provider) -> None:
    facts = ' It has 812 seats. Dogs are not admitted. The sign says "no bread".'
    text, question, gold = documents(facts)
    answer = mine.ask(KEYS.support, text, max_tokens=5, extra_body=FEATURE["strict"])
    sent = as_sent(charging, question)
    assert compression(answer.headers)[0] == "applied"
    assert sent.count(facts.strip()) == text.count(facts.strip()) == 30
    assert gold in sent
    free, about, _ = documents(facts)
    mine.ask(KEYS.support, free, max_tokens=5, extra_body=FEATURE["rag"])
    assert as_sent(charging, about).count("It has 812 seats.") < 30


def test_the_embedder_chooses_where_it_is_asked_for(mine: RunningProxy, charging: Provider) -> None:
    text, question, gold = documents()
    answer = mine.ask(KEYS.support, text, max_tokens=5, extra_body=FEATURE["meaning"])
    assert compression(answer.headers)[0] == "applied"
    assert gold in as_sent(charging, question)
    failed = {"stage": "compress", "reason": "embedder_late"}
    assert not mine.metrics().value("litellm_plugins_stage_failures_total", **failed)


def test_an_old_turns_documents_are_the_same_bytes_whatever_is_asked_later(
    mine: RunningProxy, charging: Provider
) -> None:
    messages: list[Any] = []
    sent: list[str] = []
    for _ in range(3):
        text, question, _ = documents()
        messages.append({"role": "user", "content": text})
        answer = mine.ask(KEYS.support, messages=messages, max_tokens=5, extra_body=FEATURE["rag"])
        assert compression(answer.headers)[0] == "applied"
        messages.append({"role": "assistant", "content": answer.text})
        [request] = charging.requests_about(question)
        sent.append(json.dumps(request["body"]["messages"])[:-1])
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(sent))


def test_documents_before_a_cache_mark_stay_whole_and_the_reason_is_told(
    mine: RunningProxy, charging: Provider
) -> None:
    text, question, _ = documents()
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    messages: Any = [{"role": "user", "content": [block]}]
    raw = mine.anthropic(KEYS.support).messages.with_raw_response.create(
        model=CLAUDE,
        max_tokens=5,
        messages=messages,
        extra_headers={"x-litellm-tags": "feature:rag"},
    )
    assert compression(raw.headers)[0] == "cached_prefix"
    [request] = charging.requests_about(question)
    assert request["body"]["messages"][0]["content"][0]["text"] == text


def test_without_a_question_and_without_time_documents_go_out_whole(mine: RunningProxy, charging: Provider) -> None:
    text, question, _ = documents()
    late = mine.ask(KEYS.support, text, max_tokens=5, extra_body=FEATURE["rag-late"])
    assert compression(late.headers)[0] == "deadline"
    assert as_sent(charging, question) == text
    text, question, _ = documents()
    task = text.replace(f"{question}\nAnswer:", f"Summarise all of it for reader {next(_numbers)}.")
    whole = mine.ask(KEYS.support, task, max_tokens=5, extra_body=FEATURE["rag"])
    assert compression(whole.headers)[0] == "no_question"
    assert as_sent(charging, task.rpartition("\n")[2]) == task


def test_a_key_and_a_tier_have_rates_of_their_own(mine: RunningProxy, charging: Provider) -> None:
    shares = {}
    small = {"x-litellm-plugins-route": "small"}
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("half", KEYS.support, {}),
        ("key", KEYS.freelancer, {}),
        ("tier", KEYS.support, {"model": "auto", "extra_headers": small}),
    ]
    for name, key, more in cases:
        text, question, gold = documents()
        answer = mine.ask(key, text, max_tokens=5, extra_body=FEATURE["rag"], **more)
        assert compression(answer.headers)[0] == "applied", name
        sent = as_sent(charging, question)
        assert gold in sent
        shares[name] = prose_share(text, sent)
    assert shares["tier"] < 0.35 < shares["half"] < 0.6 < shares["key"] < 0.85
