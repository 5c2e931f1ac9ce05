"""The provider's prompt cache with and without the pack: the same conversations replayed, hit rate and bill.

    .venv/bin/python benchmarks/prompt_caching.py --conversations 12 --turns 6

Each replay runs through a proxy of its own, half of the conversations with the OpenAI SDK and half with Anthropic's,
against the local provider, whose prompt cache keeps Anthropic's documented rules; time between turns is made to go by
on the clocks of both. `pack` puts marks where a prefix came before; `ahead` is the pack with `ahead: true`, `moves`
with `move_volatile: true`;
`host` is LiteLLM's own `enable_anthropic_prompt_caching`, which marks the system prompt and the last message of every
request. The bill is what the provider says it read, wrote and answered, at Anthropic's prices of claude-sonnet-4-5.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import KEYS, Provider, RunningProxy, model, proxy_config
from tests.support.clockwork import CALLBACK, Clockwork

CLAUDE = "claude-sonnet-4-5"
# Dollars a million tokens.
INPUT, OUTPUT, WRITE_5M, WRITE_1H, READ = 3.0, 15.0, 3.75, 6.0, 0.3
WAYS = ("off", "pack", "ahead", "moves", "host")
_OURS = ("pack", "ahead", "moves")
_RULE = "Rule {} ({}): whoever asks about case {} of shop {} gets answer {} and the address of department {}."


@dataclass(frozen=True, slots=True)
class Scene:
    """`gap_s`: between any two requests of the replay."""

    name: str
    gap_s: float
    rules: int = 150  # of the system prompt, some 22 tokens each
    shops: int = 3  # system prompts
    turns: int | None = None
    dated: bool = False  # a timestamp in the second line


SCENES = (
    Scene("busy", 20),
    Scene("slow", 11 * 60, shops=1),
    Scene("rare", 3 * 3_600, shops=1),
    Scene("never again", 20, shops=10_000, turns=1),
    Scene("timestamp", 20, dated=True),
    Scene("short", 20, rules=20),
)


def main() -> None:
    """Replay every scene in every way, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--ways", default=",".join(WAYS), help="comma-separated")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    ways = given.ways.split(",")
    found = {way: dict(replays(way, given.conversations, given.turns, given.seed)) for way in ways}
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'scene':<12} {'requests':>8} " + " ".join(f"{way + ' hit':>9} {way + ' USD':>9}" for way in ways))
    for scene in (*(each.name for each in SCENES), "all"):
        cells = " ".join(f"{found[way][scene]['hit_rate']:>9.1%} {found[way][scene]['usd']:>9.4f}" for way in ways)
        print(f"{scene:<12} {found[ways[0]][scene]['requests']:>8} {cells}")
    for scene, words in found.get("pack", {}).get("why_not", {}).items():
        print(f"why not, {scene}: {'; '.join(words)}")


def replays(way: str, conversations: int, turns: int, seed: int) -> Iterator[tuple[str, Any]]:
    """Of every scene, and of all together."""
    clock, total = Clockwork(), {"requests": 0, "hit_rate": 0.0, "usd": 0.0, "prompt": 0, "read": 0}
    why: dict[str, list[str]] = {}
    with (
        Provider(clock=clock) as provider,
        tempfile.TemporaryDirectory() as folder,
        proxy_of(way, provider, clock, Path(folder)) as proxy,
    ):
        for scene in SCENES:
            provider.clear()
            replay(proxy, clock, scene, conversations, scene.turns or turns, random.Random(f"{seed}{scene.name}"))
            bill = provider.bill()[CLAUDE]
            read, prompt = bill.get("cache_read_tokens", 0), bill["prompt_tokens"]
            total = {
                "requests": total["requests"] + bill["requests"],
                "usd": total["usd"] + usd(bill),
                "prompt": total["prompt"] + prompt,
                "read": total["read"] + read,
            }
            yield scene.name, {"requests": bill["requests"], "hit_rate": read / prompt, "usd": usd(bill)}
            why[scene.name] = reasons(proxy, scene) if way == "pack" else []
    yield "all", {**total, "hit_rate": total["read"] / total["prompt"]}
    yield "why_not", {scene: words for scene, words in why.items() if words}


def proxy_of(way: str, provider: Provider, clock: Clockwork, folder: Path) -> RunningProxy:
    """A stock proxy with the pack, whose prompt caching is on for `pack` alone."""
    pack = {
        "cache": {"enabled": False},
        "prompt_caching": {"enabled": way in _OURS, "ahead": way == "ahead", "move_volatile": way == "moves"},
    }
    config = proxy_config(provider.url, pack=pack, more_models=[model(CLAUDE, provider.url, via="anthropic")])
    config["litellm_settings"]["enable_anthropic_prompt_caching"] = way == "host"
    clock.install(folder)
    if way in _OURS:
        config["litellm_settings"]["callbacks"].append(CALLBACK)
    return RunningProxy(config, folder, provider_url=provider.url)


def replay(
    proxy: RunningProxy, clock: Clockwork, scene: Scene, conversations: int, turns: int, chance: random.Random
) -> None:
    """The conversations turn by turn, in a shuffled order."""
    order = [number for number in range(conversations) for _ in range(turns)]
    chance.shuffle(order)
    said: dict[int, list[dict[str, str]]] = {number: [] for number in range(conversations)}
    for at, number in enumerate(order):
        words = " ".join(
            chance.choice(("parcel", "invoice", "address", "refund", "delay", "please")) for _ in range(80)
        )
        said[number].append({"role": "user", "content": f"{scene.name} {number}: {words}?"})
        system = system_of(scene, number % scene.shops, at)
        answer = ask_openai(proxy, system, said[number]) if number % 2 else ask_anthropic(proxy, system, said[number])
        said[number].append({"role": "assistant", "content": answer})
        clock.minutes_go_by(scene.gap_s / 60)


def system_of(scene: Scene, shop: int, at: int) -> str:
    """Of one shop; some say what time it is."""
    dated = f"It is 2027-03-05T{at // 60 % 24:02}:{at % 60:02}:00Z." if scene.dated else "Answer in two sentences."
    rules = (_RULE.format(i, scene.name, i, shop, i, shop + i) for i in range(scene.rules))
    return "\n".join([f"You help the customers of shop {shop} ({scene.name}).", dated, *rules])


def ask_openai(proxy: RunningProxy, system: str, turns: Sequence[dict[str, str]]) -> str:
    """One turn with the OpenAI SDK."""
    messages: Any = [{"role": "system", "content": system}, *turns]
    answer = proxy.client(KEYS.support).chat.completions.create(model=CLAUDE, messages=messages, max_tokens=150)
    return str(answer.choices[0].message.content)


def ask_anthropic(proxy: RunningProxy, system: str, turns: Any) -> str:
    """One turn with Anthropic's SDK."""
    sdk = proxy.anthropic(KEYS.support)
    answer = sdk.messages.create(model=CLAUDE, system=system, messages=list(turns), max_tokens=150)
    return "".join(block.text for block in answer.content if block.type == "text")


def usd(bill: dict[str, int]) -> float:
    """What the provider charges."""
    read, short, hour = (
        bill.get(name, 0) for name in ("cache_read_tokens", "cache_written_5m_tokens", "cache_written_1h_tokens")
    )
    plain = bill["prompt_tokens"] - read - short - hour
    cached = read * READ + short * WRITE_5M + hour * WRITE_1H
    return (plain * INPUT + cached + bill["completion_tokens"] * OUTPUT) / 1e6


def reasons(proxy: RunningProxy, scene: Scene) -> list[str]:
    """What the pack says of the scene's families that are not read from the cache."""
    report = proxy.http("GET", "/plugins/prompt-cache", proxy.master_key).raise_for_status().json()
    latest = [each for each in report["families"] if each["last_seen_s"] <= scene.gap_s * 8 and not each["active"]]
    return sorted({each["words"] for family in latest for each in family["why_not"]})[:3]


if __name__ == "__main__":
    main()
