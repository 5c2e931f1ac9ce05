"""A proxy that marks prompts for Anthropic's cache, prompts to ask it with, and what it tells of them."""

from __future__ import annotations

import itertools
from typing import Any

from tests.support import KEYS, RunningProxy, eventually, model, proxy_config
from tests.support.budget_proxy import budget
from tests.support.clockwork import CALLBACK

CLAUDE, TIED, OFF, POINTS = "claude-sonnet-4-5", "claude-tied", "claude-off", "claude-points"
BROKEN, KEPT, MIXED = "claude-broken", "claude-kept", "claude-mixed"
MOVES, GPT_MOVES = "claude-moves", "gpt-moves"
# Nano-dollars a token, as Anthropic's price list has them.
INPUT, WRITE_5M, WRITE_1H, READ, OUTPUT = 3_000, 3_750, 6_000, 300, 15_000
HEADER = "x-litellm-plugins-prompt-cache"
CASCADES = {"to-claude": ("gpt-4.1-mini", CLAUDE), "to-off": (CLAUDE, OFF), "to-gpt": (CLAUDE, "gpt-4.1")}
numbers = itertools.count()
PACK: dict[str, Any] = {
    "cache": {"enabled": False},
    "prompt_caching": {"enabled": True},
    "per_model": {
        TIED: {"prompt_caching": {"ttl": "5m"}},
        OFF: {"prompt_caching": {"enabled": False}},
        KEPT: {"cache": {"enabled": True}},
        MOVES: {"cache": {"enabled": True}, "prompt_caching": {"move_volatile": True}},
        GPT_MOVES: {"prompt_caching": {"move_volatile": True}},
        BROKEN: {"prompt_caching": {"move_volatile": True}},
    },
    "budgets": [budget("claude", limit_usd=50)],
    # The cheap tier's answer is cut short, and so the dearer one is asked.
    "routing": {
        "routers": {
            name: {
                "tiers": [
                    {"name": "simple", "models": [cheap], "max_tokens": 1},
                    {"name": "complex", "models": [dear]},
                ],
                "thresholds": [0.99],
                "cascade": {"checks": ["cut_short"]},
            }
            for name, (cheap, dear) in CASCADES.items()
        }
    },
}


def config_of(url: str) -> dict[str, Any]:
    points = [{"location": "message", "role": "system"}]
    more = [
        model(CLAUDE, url, via="anthropic"),
        model(TIED, url, CLAUDE, via="anthropic"),
        model(OFF, url, CLAUDE, via="anthropic"),
        model(POINTS, url, CLAUDE, via="anthropic", cache_control_injection_points=points),
        model(KEPT, url, CLAUDE, via="anthropic"),
        model(MOVES, url, CLAUDE, via="anthropic"),
        model(GPT_MOVES, url, "gpt-4.1"),
        model(BROKEN, url, CLAUDE, via="anthropic", extra_headers={"x-simulator-fault": "error:500"}),
        model(MIXED, url, CLAUDE, via="anthropic"),
        model(MIXED, url, "gpt-4.1"),
        *(model(name, url, "gpt-4.1-mini") for name in CASCADES),
    ]
    config = proxy_config(url, pack=PACK, more_models=more)
    config["litellm_settings"]["callbacks"].append(CALLBACK)
    config["router_settings"]["fallbacks"].append({BROKEN: ["gpt-4.1"]})
    return config


def instructions(lines: int = 150, *, second: str = "Answer in two sentences.") -> str:
    """Of a new application: some 11 tokens a line."""
    number = next(numbers)
    told = (f"Rule {number}-{i}: whoever asks about case {i} gets answer {i}." for i in range(lines))
    return "\n".join([f"You help the customers of shop {number}.", second, *told])


def stamped(rest: str, at: int) -> tuple[str, str, str]:
    """A prompt with the time in its second line, that line, and the prompt without it."""
    first, _, below = rest.split("\n", 2)
    line = f"It is 2027-03-05T10:3{at}:0{at}Z."
    return f"{first}\n{line}\n{below}", line, f"{first}\n{below}"


def ask(
    proxy: RunningProxy, system: str, question: str = "Where is my parcel?", key: str = KEYS.support, **body: Any
) -> tuple[Any, dict[str, str]]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    options = {"model": CLAUDE, "messages": messages, "max_tokens": 40, **body}
    raw = proxy.client(key).chat.completions.with_raw_response.create(**options)
    return raw.parse(), dict(raw.headers)


def say(proxy: RunningProxy, system: Any, question: str = "Where is it?", **body: Any) -> tuple[Any, dict[str, str]]:
    options = {"model": CLAUDE, "max_tokens": 40, "messages": [{"role": "user", "content": question}], **body}
    raw = proxy.anthropic(KEYS.support).messages.with_raw_response.create(system=system, **options)
    return raw.parse(), dict(raw.headers)


def nano_usd(bill: dict[str, int]) -> int:
    """What the provider charges for what it says it read, wrote and answered."""
    apart = {"cache_read_tokens": READ, "cache_written_5m_tokens": WRITE_5M, "cache_written_1h_tokens": WRITE_1H}
    cached = {name: bill.get(name, 0) for name in apart}
    plain = bill["prompt_tokens"] - sum(cached.values())
    return (
        plain * INPUT + sum(cached[name] * price for name, price in apart.items()) + bill["completion_tokens"] * OUTPUT
    )


def family(proxy: RunningProxy, headers: dict[str, str], answered: int) -> dict[str, Any]:
    """What is told of that request's family, once that many of its requests are over."""

    def told() -> dict[str, Any] | None:
        report = proxy.http("GET", "/plugins/prompt-cache", proxy.master_key).raise_for_status().json()
        found = next(each for each in report["families"] if each["family"] == headers[f"{HEADER}-family"])
        return found if found["answered"] >= answered else None

    found: dict[str, Any] | None = eventually(told, what=f"{answered} requests of the family to be over")
    assert found is not None
    return found


def why_not(told: dict[str, Any]) -> list[str]:
    return [each["words"] for each in told["why_not"]]


def read_by_chat(answer: Any) -> int:
    details = answer.usage.prompt_tokens_details
    return 0 if details is None else details.cached_tokens or 0
