"""What a request may cost for what its provider does for it: searches on the web, in files, on a map. Pure.

Providers charge for each search, and their models decide how often they search. So there has to be a bound: the
request's own (`max_uses` of a tool, `max_tool_calls` of OpenAI's responses), or the provider's, who counts one for a
whole request.

Of other tools that run at a provider (pictures, code, computers of its own) the host books nothing but the tokens. So
whatever is not known to cost tokens only is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from litellm_plugins.budgets.amounts import NANO

Kind = Literal["web", "files", "map"]

_BY_KEY: Mapping[str, Kind] = {  # Google's tools are named by a key
    "googleSearch": "web",
    "google_search": "web",
    "googleSearchRetrieval": "web",
    "google_search_retrieval": "web",
    "enterpriseWebSearch": "web",
    "enterprise_web_search": "web",
    "googleMaps": "map",
    "google_maps": "map",
}
_WORDS: Mapping[Kind, str] = {"web": "web searches", "files": "file searches", "map": "searches on a map"}
_BY_SIZE = {"low": 1, "medium": 5, "high": 10}  # what the host makes of a size for Anthropic
_BOUNDS = ("max_uses", "max_tool_calls", "search_context_size")
_OPENAI = frozenset({"openai", "azure"})
_GOOGLE = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})
_ANTHROPIC = frozenset({"anthropic", "bedrock", "azure_ai", "vertex_ai-anthropic_models"})
_ALWAYS = ("-search-preview", "-search-api")  # OpenAI's models that search whatever they are asked
_DEFAULTS_USD: Mapping[tuple[str, Kind], float] = {("google", "web"): 0.035, ("google", "map"): 0.025}
# Tools, by their `type`, that no provider runs, or that cost the tokens that they bring and no more.
_TOKENS_ONLY = (
    *("function", "custom", "mcp", "computer", "local_shell", "apply_patch", "text_editor", "bash", "memory"),
    *("web_fetch", "tool_search", "namespace", "url_context"),
)
_MOST_NAMED = 40  # letters of a name that a client gave
_FILES_USD = 0.0025  # OpenAI's, for each call; Azure charges for what is stored


@dataclass(frozen=True, slots=True)
class Searches:
    """What may be charged for them."""

    nano_usd: int = 0  # at most; of those of which it is known
    unknown: str = ""  # of which kind it is not, in words


def searches_of(
    body: Mapping[str, Any], endpoint: str, *, provider: str, model: str, info: Mapping[str, Any]
) -> Searches:
    """Of one request with one deployment. `info` is the host's price list for it."""
    nano, unknown = 0, ""
    for kind, most in _asked(body, endpoint, provider, model, info):
        usd = _price(kind, provider, info)
        if usd is None or most is None:
            unknown = unknown or _WORDS[kind]
        nano += math.ceil((usd or 0.0) * NANO) * (most or 1)
    if endpoint == "responses" and any(place.get("background") for place in _places(body)):
        unknown = "writing in the background"  # the host logs it before it is written, and so at nothing
    return Searches(nano, unknown or next((f"tools ({kind})" for kind in _others(body)), ""))


def _others(body: Mapping[str, Any]) -> Iterator[str]:
    """Kinds of tools that nobody here knows the cost of."""
    for tool in (tool for place in _places(body) for tool in _tools(place)):
        named = tool.get("type")
        if isinstance(named, str) and _kind_of(tool) is None and not named.startswith(_TOKENS_ONLY):
            yield named[:_MOST_NAMED]


def _asked(
    body: Mapping[str, Any], endpoint: str, provider: str, model: str, info: Mapping[str, Any]
) -> Iterator[tuple[Kind, int | None]]:
    """Kind, and how many at most; None: as many as the model likes."""
    places = _places(body)
    # Nobody else hears of it: the host leaves it out. Where it is said twice, either may be what the provider gets.
    loose = any(word in str(name) for name in _left_out(body) for word in _BOUNDS)
    heard = endpoint == "responses" and provider in _OPENAI and not loose
    calls = max(_numbers(place.get("max_tool_calls") for place in places), default=None) if heard else None
    once = provider in _GOOGLE and info.get("web_search_billing_unit") != "per_query"
    options = [each for place in places if (each := place.get("web_search_options")) is not None]
    if options:
        sizes = [_size_of(each) for each in options] if provider in _ANTHROPIC and not loose else []
        by_size = max(_numbers(sizes)) if sizes and None not in sizes else None
        yield "web", 1 if once or (endpoint == "chat" and provider in _OPENAI) else _least(by_size, calls)
    elif provider == "perplexity" or (provider in _OPENAI and any(word in model for word in _ALWAYS)):
        yield "web", 1
    for tool in (tool for place in places for tool in _tools(place)):
        kind = _kind_of(tool)
        if kind is not None:
            uses = None if loose or provider in _OPENAI else tool.get("max_uses")
            yield kind, 1 if once else _least(uses, calls)


def _places(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    more = body.get("extra_body")
    return [body, more] if isinstance(more, Mapping) else [body]


def _left_out(body: Mapping[str, Any]) -> list[Any]:
    """What the host is told to keep from the provider: `max_tool_calls`, or `tools[*].max_uses`."""
    names = body.get("additional_drop_params")
    return names if isinstance(names, list) else []


def _size_of(options: object) -> int | None:
    return _BY_SIZE.get(str(options.get("search_context_size"))) if isinstance(options, Mapping) else None


def _tools(place: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tools = place.get("tools")
    return [tool for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []


def _kind_of(tool: Mapping[str, Any]) -> Kind | None:
    named = tool.get("type")
    if isinstance(named, str):
        if named.startswith("web_search"):
            return "web"
        if named == "file_search":
            return "files"
    return next((kind for name, kind in _BY_KEY.items() if name in tool or named == name), None)


def _price(kind: Kind, provider: str, info: Mapping[str, Any]) -> float | None:
    """The dearest of one search; None: it is not known."""
    if kind == "files":
        return {"openai": _FILES_USD, "azure": 0.0}.get(provider)
    default = _DEFAULTS_USD[("google", kind)] if provider in _GOOGLE else None
    if kind == "map":
        told = info.get("google_maps_grounding_cost_per_query")
        return float(told) if isinstance(told, int | float) else default
    by_size = info.get("search_context_cost_per_query")
    told = [each for each in by_size.values() if isinstance(each, int | float)] if isinstance(by_size, Mapping) else []
    return float(max(told)) if told else default


def _least(*given: object) -> int | None:
    """The lowest that says anything."""
    return min(_numbers(given), default=None)


def _numbers(given: Iterable[object]) -> list[int]:
    return [each for each in given if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
