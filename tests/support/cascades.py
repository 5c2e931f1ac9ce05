"""A proxy whose routers go up a tier where an answer is not good enough, and how each endpoint is asked by its SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support import KEYS, Provider, RunningProxy, model, proxy_config
from tests.support.fixtures import new_question

GOOD, UNSURE, SORRY = "The capital of France is Paris.", "I'm not sure, it may be Lyon.", "I'm sorry, but I can't help."
STRONG = "Paris has been the capital of France since 987."
CHEAP_SAYS = {"unsure": UNSURE, "sorry": SORRY, "blank": "", "sum 12 and 30": "It is 12 + 30 = 43."}
WAYS = ("chat", "messages", "responses", "completions")
LIMIT = {"chat": "max_tokens", "messages": "max_tokens", "responses": "max_output_tokens", "completions": "max_tokens"}


def script(of: str, question: str) -> str | None:
    """The cheap model errs where the question says so; the strong one knows."""
    if of != "gpt-4.1-nano":
        return '{"city": "Paris"}' if "as json" in question else STRONG
    if "as json" in question:
        return '{"town": "Paris"}'
    if "sorry for the long wait" in question:
        return f"{SORRY} " + "It lies on the Seine. " * 20
    if "long tail" in question:
        return f"{GOOD} " + "It lies on the Seine. " * 60 + UNSURE
    return next((says for word, says in CHEAP_SAYS.items() if word in question), GOOD)


def router(simple: str = "nano", complex_: str = "gpt-4.1", **cascade: Any) -> dict[str, Any]:
    tiers = [{"name": "simple", "models": [simple]}, {"name": "complex", "models": [complex_]}]
    return {"tiers": tiers, "thresholds": [0.99], "cascade": cascade}


def three(*models: str) -> dict[str, Any]:
    tiers = [{"name": name, "models": [each]} for name, each in zip("abc", models, strict=True)]
    return {"tiers": tiers, "thresholds": [0.98, 0.99], "cascade": {"max_escalations": 2}}


def config_of(url: str) -> dict[str, Any]:
    failing: dict[str, Any] = {"extra_headers": {"x-simulator-fault": "error:500"}}
    cut: dict[str, Any] = {"extra_headers": {"x-simulator-fault": "silent_end"}}
    routers = {
        "auto": router(),
        "part": router(hold={"first_tokens": 20}),
        "fragile-top": router(complex_="failing"),
        "fragile-base": router("failing-nano"),
        "cut": router("cut-nano"),
        "down": router("down-nano"),
        "all-down": router("down-nano", "failing"),
        "turned-away": router("bad-nano"),
        "dropping": router("dropping-nano"),
        "hurried": router(hold_s=0.0005),
        "part-alone": router(complex_="failing", hold={"first_tokens": 3}),
        "off": router(enabled=False),
        "limited": {
            "tiers": [
                {"name": "simple", "models": ["nano"], "max_tokens": 3},
                {"name": "complex", "models": ["gpt-4.1"], "max_tokens": 700},
            ],
            "thresholds": [0.99],
            "cascade": {},
        },
        "three": three("nano", "other-nano", "gpt-4.1"),
        "broken-middle": three("nano", "failing", "gpt-4.1"),
        "broken-twice": three("down-nano", "failing", "gpt-4.1"),
        "broken-upwards": three("nano", "failing", "failing-too"),
        "refused-middle": three("nano", "bad", "gpt-4.1"),
        "limited-three": {
            **three("nano", "other-nano", "gpt-4.1"),
            "tiers": [
                {"name": "a", "models": ["nano"], "max_tokens": 3},
                {"name": "b", "models": ["other-nano"]},
                {"name": "c", "models": ["gpt-4.1"]},
            ],
        },
    }
    return proxy_config(
        url,
        pack={
            "cache": {"enabled": True, "semantic": {"enabled": False}},
            "budgets": [
                {"name": "all", "limit_usd": 100},
                {"name": "narrow", "scope": {"feature": "narrow"}, "limit_usd": "0.004"},
            ],
            "routing": {"routers": routers, "may_force": True},
        },
        more_models=[
            model("nano", url, "gpt-4.1-nano"),
            model("other-nano", url, "gpt-4.1-nano"),
            model("failing", url, "gpt-4.1", **failing),
            model("failing-too", url, "gpt-4.1", **failing),
            model("bad", url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:400"}),
            model("failing-nano", url, "gpt-4.1-nano", **failing),
            model("down-nano", url, "gpt-4.1-nano", **failing),
            model("dropping-nano", url, "gpt-4.1-nano", extra_headers={"x-simulator-fault": "disconnect"}),
            model("bad-nano", url, "gpt-4.1-nano", extra_headers={"x-simulator-fault": "error:400"}),
            model("cut-nano", url, "gpt-4.1-nano", **cut),
            *(model(name, url, "gpt-4.1-mini") for name in routers),
        ],
        router_settings={"fallbacks": [{"failing-nano": ["gpt-4.1-mini"]}]},
    )


def fresh(about: str) -> str:
    return f"What is the capital of France, {about}? ({new_question()[-30:-16]})"


def told(headers: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    """Path, the check that was not passed, and why the cheap answer was kept."""
    path, why, kept = (headers.get(f"x-litellm-plugins-route-{what}") for what in ("path", "escalated", "kept"))
    return path, why, kept


def landed(provider: Provider, text: str) -> list[str]:
    return [each["body"]["model"] for each in provider.requests_about(text)]


def ask(
    proxy: RunningProxy,
    endpoint: str,
    text: str,
    *,
    of: str = "auto",
    stream: bool = False,
    feature: str = "none",
    **more: Any,
) -> tuple[str, Mapping[str, str]]:
    """Through the SDK of the endpoint: the whole text, and the headers."""
    client: Any = proxy.anthropic(KEYS.support) if endpoint == "messages" else proxy.client(KEYS.support)
    said: dict[str, Any] = {"model": of, LIMIT[endpoint]: 900, **more}
    said["extra_body"] = {"litellm_metadata" if endpoint == "messages" else "metadata": {"feature": feature}}
    if endpoint == "chat":
        made, said["messages"] = client.chat.completions, [{"role": "user", "content": text}]
    elif endpoint == "messages":
        made, said["messages"] = client.messages, [{"role": "user", "content": text}]
    elif endpoint == "responses":
        made, said["input"] = client.responses, text
    else:
        made, said["prompt"] = client.completions, text
        said |= {"stream_options": {"include_usage": True}} if stream else {}  # else it is booked by our own count
    raw = made.with_raw_response.create(stream=stream, **said)
    return (_streamed if stream else _whole)(endpoint, raw.parse()), raw.headers


def _whole(endpoint: str, body: Any) -> str:
    if endpoint == "responses":
        return str(body.output_text)
    if endpoint == "messages":
        return "".join(block.text for block in body.content)
    choice = body.choices[0]
    return str((choice.message.content if endpoint == "chat" else choice.text) or "")


def _streamed(endpoint: str, events: Any) -> str:
    parts = []
    for each in events:
        if endpoint == "chat":
            parts += [choice.delta.content or "" for choice in each.choices]
        elif endpoint == "completions":
            parts += [choice.text or "" for choice in each.choices if getattr(choice, "text", None)]
        elif each.type == "content_block_delta":
            parts.append(each.delta.text)
        elif each.type == "response.output_text.delta":
            parts.append(each.delta)
    return "".join(parts)
