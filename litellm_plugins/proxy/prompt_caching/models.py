"""What the deployments of a model group make of marks: who takes them, from which length on, at which prices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import litellm
from litellm.llms.anthropic.common_utils import supports_anthropic_cache_control
from litellm.utils import get_prompt_cache_min_tokens

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.prices import Prices
from litellm_plugins.proxy.cache.host_judge import host_router

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.blocks import Ttl
    from litellm_plugins.proxy.budgets.prices import Listing, PriceBook

_KEPT_S, _MOST_KEPT = 60.0, 10_000
_BY_ITSELF = frozenset({"openai", "azure", "gemini", "deepseek", "xai", "text-completion-openai"})
_BY_ITSELF_FROM = 1_024  # tokens, as OpenAI documents
_WRITE_1H = "cache_creation_input_token_cost_above_1hr"


@dataclass(frozen=True, slots=True)
class Target:
    """`stands_down` is why its requests get no marks of ours; None: they may."""

    minimum: int
    prices: Prices
    ttls: tuple[Ttl, ...]
    stands_down: Why | None = None


class Targets:
    """By model group and team, for a minute: models come and go while the host runs."""

    def __init__(self, book: PriceBook, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._book, self._clock = book, clock
        self._kept: dict[tuple[str, str | None], tuple[float, Target]] = {}

    def of(self, model_group: str, team_id: str | None) -> Target:
        """What holds for every deployment that may answer for the group."""
        now, known = self._clock(), self._kept.get((model_group, team_id))
        if known is not None and now < known[0]:
            return known[1]
        target = _target(self._book.listings(model_group, team_id), host_marks=_host_marks(model_group, team_id))
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[model_group, team_id] = (now + _KEPT_S, target)
        return target


def _target(listings: list[Listing], *, host_marks: bool) -> Target:
    prices = Prices.of(listings[0].info) if listings else Prices()
    takes = [supports_anthropic_cache_control(each.model, each.provider) for each in listings]
    if not any(takes):
        by_itself = bool(listings) and all(each.provider in _BY_ITSELF for each in listings)
        return Target(_BY_ITSELF_FROM, prices, ("5m",), Why.AUTOMATIC if by_itself else Why.UNSUPPORTED)
    minimum = max(get_prompt_cache_min_tokens(each.model) for each in listings)
    hours = all(each.info.get(_WRITE_1H) for each in listings)  # a provider without a price for it does not do it
    ttls: tuple[Ttl, ...] = ("5m", "1h") if hours else ("5m",)
    if host_marks:
        return Target(minimum, prices, ttls, Why.HOST_MARKS)
    return Target(minimum, prices, ttls, None if all(takes) else Why.UNSUPPORTED)


def _host_marks(model_group: str, team_id: str | None) -> bool:
    """Whether the host puts marks itself, for this model or for all."""
    router = host_router()
    deployments = [] if router is None else router.get_model_list(model_name=model_group, team_id=team_id) or []
    configured = any(each["litellm_params"].get("cache_control_injection_points") for each in deployments)
    return configured or litellm.enable_anthropic_prompt_caching is True
