"""What a request costs that is not priced by its tokens alone: pictures, speech, re-ranking, moderation. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from litellm_plugins.budgets.amounts import NANO

_OF_A_PICTURE = ("output_cost_per_image", "input_cost_per_image")
_OF_A_PIXEL = ("output_cost_per_pixel", "input_cost_per_pixel")
_MOST_PIXELS = 1_792 * 1_024  # of a picture by OpenAI's oldest, the only ones that are priced so
_COST = "cost"
_MOST_PIECES = 10_000


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
    return max((float(rate) for name in names if _is_rate(rate := info.get(name))), default=0.0)


def _rates(info: Mapping[str, Any]) -> Iterator[float]:
    for name, value in info.items():
        if _COST in name and _is_rate(value):
            yield value


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nano(usd: float) -> int:
    return math.ceil(usd * NANO)
