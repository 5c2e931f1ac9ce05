"""What a request costs that is not priced by its tokens alone: pictures, speech, re-ranking, moderation. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import litellm

from litellm_plugins.budgets.amounts import NANO

_OF_A_PICTURE = ("output_cost_per_image", "input_cost_per_image")
_OF_A_PIXEL = ("output_cost_per_pixel", "input_cost_per_pixel")
_MOST_PIXELS = 1_792 * 1_024  # of a picture by OpenAI's oldest, the only ones that are priced so
_COST = "cost"
_MOST_PIECES = 10_000


def with_sizes(info: Mapping[str, Any], model: str, provider: str) -> Mapping[str, Any]:
    """With the dearest of what the list has by size and quality: `high/1024-x-1024/gpt-image-1`."""
    found = dict(info)
    for name, rate in _of_sizes(model.rpartition("/")[2], provider, len(litellm.model_cost)):
        found[name] = max(rate, found[name]) if _is_rate(found.get(name)) else rate
    return found


@lru_cache(maxsize=256)
def _of_sizes(model: str, provider: str, _: int) -> tuple[tuple[str, float], ...]:
    """Kept until the list grows."""
    entries = (entry for key, entry in litellm.model_cost.items() if key.endswith(f"/{model}") and "-x-" in key)
    own = [entry for entry in entries if entry.get("litellm_provider") == provider]
    names = {name for entry in own for name in entry if _COST in name and _is_rate(entry[name])}
    return tuple((name, max(float(entry[name]) for entry in own if _is_rate(entry.get(name)))) for name in names)


def has_price(info: Mapping[str, Any]) -> bool:
    """Whether the price list has anything for it, be it nothing."""
    return next(_rates(info), None) is not None


def costs_something(info: Mapping[str, Any]) -> bool:
    """Whether the price list says that it is not free."""
    return any(rate > 0 for rate in _rates(info))


def of_pieces(body: Mapping[str, Any], info: Mapping[str, Any], least: int) -> int:
    """Nano-dollars: for each picture (`n`) the dearest by the list, and `least` of each if that is more.

    So it is for a text that is spoken, by its letters, and for one search.
    """
    given = body.get("n")
    number = min(given, _MOST_PIECES) if isinstance(given, int) and not isinstance(given, bool) and given > 0 else 1
    one = max(_rate(info, *_OF_A_PICTURE), _rate(info, *_OF_A_PIXEL) * _MOST_PIXELS)
    spoken = body.get("input")
    letters = len(spoken) if isinstance(spoken, str) else 0
    once = _rate(info, "input_cost_per_character") * letters + _rate(info, "input_cost_per_query")
    return max(max(_nano(one), least) * number, _nano(once))


def _rate(info: Mapping[str, Any], *names: str) -> float:
    return max((float(info[name]) for name in names if _is_rate(info.get(name))), default=0.0)


def _rates(info: Mapping[str, Any]) -> Iterator[float]:
    for name, value in info.items():
        if _COST in name and _is_rate(value):
            yield value


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nano(usd: float) -> int:
    return math.ceil(usd * NANO)
