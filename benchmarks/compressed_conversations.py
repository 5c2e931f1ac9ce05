"""Compression and the provider's prompt cache together: the same conversations in four ways, and what each costs.

    .venv/bin/python benchmarks/compressed_conversations.py --conversations 4 --turns 6

Users paste records, tables and logs into their turns; a system prompt and tools stand before them. Each way runs
through a proxy of its own against the local provider: `nothing`, `caching` (the pack's marks), `compression`
(lossless), `both`. In the scene `switched on` the first half of each conversation goes out uncompressed: compression
is then switched on. Claude's bill is what the provider says that it read, wrote and answered, at the prices of
claude-sonnet-4-5. OpenAI caches by itself, which the local provider does not: the bill of gpt-4.1 is worked out from
what the provider received, by OpenAI's documented rules (the longest prefix that came within 5 minutes, from 1,024
tokens on, in steps of 128); in the way `compression` it is billed as if nothing were cached.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiktoken

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.prompt_caching import CLAUDE, usd
from tests.support import KEYS, Provider, RunningProxy, model, proxy_config
from tests.support.clockwork import CALLBACK, Clockwork

GPT = "gpt-4.1"
GPT_INPUT, GPT_CACHED, GPT_OUTPUT = 2.0, 0.5, 8.0  # dollars a million tokens
WAYS = ("nothing", "caching", "compression", "both")
_LEAST, _STEP, _KEPT_S, _GAP_S = 1_024, 128, 300.0, 20.0
_PLAIN = "plain"  # the feature whose prompts are not compressed
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Looks up {what} of a customer of the shop by number, and tells all of them.",
            "parameters": {"type": "object", "properties": {"customer": {"type": "string"}}, "required": ["customer"]},
        },
    }
    for name, what in (("orders", "the orders"), ("refunds", "the refunds"), ("addresses", "the addresses"))
]


@dataclass(frozen=True, slots=True)
class Scene:
    """`switched`: turns of each conversation that go out before compression is switched on."""

    name: str
    model: str
    switched: int = 0


def main() -> None:
    """Replay every scene in every way, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=4)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scenes", default="", help="those whose names begin so")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    scenes = tuple(each for each in _scenes(given.turns) if each.name.startswith(given.scenes))
    found = {way: dict(replays(way, scenes, given.conversations, given.turns, given.seed)) for way in WAYS}
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'scene':<22}" + "".join(f"{way:>14}" for way in WAYS) + "   both/caching  both/compression")
    for scene in scenes:
        costs = [found[way][scene.name]["usd"] for way in WAYS]
        ratios = f"{costs[3] / costs[1]:>15.3f}{costs[3] / costs[2]:>18.3f}"
        print(f"{scene.name:<22}" + "".join(f"{cost:>14.4f}" for cost in costs) + ratios)
    for way in ("compression", "both"):
        for scene in scenes:
            print(f"{way}, {scene.name}: {found[way][scene.name]['reasons']}")


def _scenes(turns: int) -> tuple[Scene, ...]:
    return (
        Scene("claude", CLAUDE),
        Scene("claude, switched on", CLAUDE, turns // 2),
        Scene("gpt", GPT),
        Scene("gpt, switched on", GPT, turns // 2),
    )


def replays(
    way: str, scenes: Sequence[Scene], conversations: int, turns: int, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The bill of each scene, its tokens, and what compression said."""
    clock = Clockwork()
    with (
        Provider(clock=clock) as provider,
        tempfile.TemporaryDirectory() as folder,
        proxy_of(way, provider, clock, Path(folder)) as proxy,
    ):
        for scene in scenes:
            provider.clear()
            reasons, times = replay(proxy, clock, scene, conversations, turns, random.Random(f"{seed}{scene.name}"))
            bill = provider.bill()[scene.model]
            cost = usd(bill) if scene.model == CLAUDE else gpt_usd(provider, bill, times, caches=way != "compression")
            told = {"prompt_tokens": bill["prompt_tokens"], "read": bill.get("cache_read_tokens", 0)}
            yield scene.name, {"usd": cost, "reasons": dict(reasons), **told}


def proxy_of(way: str, provider: Provider, clock: Clockwork, folder: Path) -> RunningProxy:
    """A stock proxy with the pack."""
    compresses = way in ("compression", "both")
    pack = {
        "cache": {"enabled": False},
        "prompt_caching": {"enabled": way in ("caching", "both")},
        "compression": {"enabled": compresses, "deadline_ms": 20_000, "features": {_PLAIN: {"enabled": False}}},
    }
    config = proxy_config(provider.url, pack=pack, more_models=[model(CLAUDE, provider.url, via="anthropic")])
    clock.install(folder)
    if way in ("caching", "both"):
        config["litellm_settings"]["callbacks"].append(CALLBACK)
    return RunningProxy(config, folder, provider_url=provider.url)


def replay(
    proxy: RunningProxy, clock: Clockwork, scene: Scene, conversations: int, turns: int, chance: random.Random
) -> tuple[Counter[str], list[float]]:
    """Turn by turn, in a shuffled order; what compression said, and when each request was sent."""
    order = [number for number in range(conversations) for _ in range(turns)]
    chance.shuffle(order)
    said: dict[int, list[Any]] = {number: [] for number in range(conversations)}
    reasons: Counter[str] = Counter()
    times: list[float] = []
    system: Any = {"role": "system", "content": system_of(scene)}
    for number in order:
        turn = len(said[number]) // 2
        question = f"{scene.name} {number}/{turn}: which of these is the dearest, and whose is it?"
        said[number].append({"role": "user", "content": f"{pasted(chance, turn)}\n\n{question}"})
        more = {"metadata": {"feature": _PLAIN}} if turn < scene.switched else {}
        raw = proxy.client(KEYS.support).chat.completions.with_raw_response.create(
            model=scene.model, messages=[system, *said[number]], max_tokens=150, tools=TOOLS, extra_body=more
        )
        times.append(clock())
        reasons[raw.headers.get("x-litellm-plugins-compression") or "none"] += 1
        said[number].append({"role": "assistant", "content": str(raw.parse().choices[0].message.content)})
        clock.minutes_go_by(_GAP_S / 60)
    return reasons, times


def system_of(scene: Scene) -> str:
    """Of one shop."""
    rules = (f"Rule {i}: whoever asks about case {i} of {scene.name} gets answer {i * 7}." for i in range(60))
    return "\n".join(["You help the clerks of a shop. Answer in two sentences.", *rules])


def pasted(chance: random.Random, turn: int) -> str:
    """What people paste: pretty JSON, a table with padded cells, a log, and prose now and then."""
    rows = [
        {
            "id": chance.randrange(10**6),
            "customer": chance.choice(("Ann Lee", "Bob Kim", "Cy Roe", "Di Orr")),
            "email": f"user{chance.randrange(1_000)}@example.com",
            "amount": chance.randrange(10**5) / 100,
            "status": chance.choice(("paid", "open", "late")),
        }
        for _ in range(30)
    ]
    if turn % 4 == 0:
        return "Here are the orders:\n\n" + json.dumps(rows, indent=2)
    if turn % 4 == 1:
        head = "| " + " | ".join(f"{name:<24}" for name in rows[0]) + " |"
        lines = ["| " + " | ".join(f"{each!s:<24}" for each in row.values()) + " |" for row in rows]
        return "The same as a table:\n\n" + "\n".join([head, "|" + "|".join(["-" * 26] * 5) + "|", *lines])
    if turn % 4 == 2:
        log = (f"2027-03-05 10:{i:02}:00  INFO   order {row['id']}   {row['status']}" for i, row in enumerate(rows))
        return "And the log of it:\n\n" + "\n\n\n".join(log)
    return " ".join(f"{row['customer']} wrote that the parcel {row['id']} had not come." for row in rows)


def gpt_usd(provider: Provider, bill: dict[str, int], times: Sequence[float], *, caches: bool) -> float:
    """What OpenAI would charge; where it did not cache, as in the way that has compression alone."""
    encoding, earlier, cached = tiktoken.get_encoding("o200k_base"), list[tuple[float, list[int]]](), 0
    asked = [each for each in provider.requests() if each["endpoint"] == "chat"]
    for at_s, request in zip(times, asked, strict=True):
        body = request["body"]
        tokens = encoding.encode(json.dumps([body.get("tools"), body["messages"]]), disallowed_special=())
        live = (before for then, before in earlier if at_s - then < _KEPT_S)
        longest = max((_common(before, tokens) for before in live), default=0)
        scale = request["prompt_tokens"] / len(tokens)
        found = int(longest * scale)
        cached += found // _STEP * _STEP if caches and found >= _LEAST else 0
        earlier.append((at_s, tokens))
    plain = bill["prompt_tokens"] - cached
    return (plain * GPT_INPUT + cached * GPT_CACHED + bill["completion_tokens"] * GPT_OUTPUT) / 1e6


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    differing = (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(differing, min(len(one), len(other)))


if __name__ == "__main__":
    main()
