"""What tokens cost, from the price list in LiteLLM's own package, read without importing it."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from litellm_plugins.demo.failure import DemoFailed

_LIST = "model_prices_and_context_window_backup.json"
_NANO = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per token."""

    prompt: Decimal
    completion: Decimal

    def cost_nano_usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Of one answer."""
        return int((prompt_tokens * self.prompt + completion_tokens * self.completion).to_integral_value())


def price_of(model: str) -> Price:
    """Raises: DemoFailed, where the list has no such model."""
    package = importlib.util.find_spec("litellm")  # finds the package without running any of it
    if package is None or package.origin is None:
        raise DemoFailed("LiteLLM is not installed; run `make setup`")
    listed = json.loads(Path(package.origin).with_name(_LIST).read_text(encoding="utf-8"), parse_float=Decimal)
    entry = listed.get(model) or {}
    try:
        return Price(entry["input_cost_per_token"] * _NANO, entry["output_cost_per_token"] * _NANO)
    except KeyError as exc:
        raise DemoFailed(f"LiteLLM's price list has no price for {model}; name another model with --model") from exc
