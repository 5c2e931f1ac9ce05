"""What the deployments of a model group charge, by the host's own price list or by `ledger.prices`."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import litellm

from litellm_plugins.budgets.estimate import Price, priced
from litellm_plugins.proxy.host.tokenizers import base_model_of, tokenizer_of

if TYPE_CHECKING:
    from litellm import Router

    from litellm_plugins.settings.budgets import Price as GivenPrice

_MOST_KEPT = 10_000
_KEPT_S = 60.0  # the host may load another price list while it runs
_LONG = re.compile(r"_above_(\d+)k_tokens$")
_TIER = re.compile(r"_(priority|balanced|ultrafast)$")  # of a provider's service, at a price of its own
_THOUSAND = 1_000
# A prompt may be written to the provider's prompt cache, at a price of its own, if it says so.
_CACHE_WRITES = ("cache_creation_input_token_cost", "cache_creation_input_token_cost_above_1hr")
_OF_ITS_OWN = ("max_tokens", "max_completion_tokens", "service_tier", "speed", "inference_geo")
_INPUT, _OUTPUT = "input_cost_per_token", "output_cost_per_token"
_DEAR_INPUTS = ("input_cost_per_audio_token",)
_DEAR_OUTPUTS = ("output_cost_per_reasoning_token",)


@dataclass(frozen=True, slots=True)
class Listing:
    """One deployment as the price list has it."""

    model_group: str
    model: str
    provider: str
    info: Mapping[str, Any]
    parameters: Mapping[str, Any]  # of its own, where a request leaves them open
    given: Price | None = None  # of `ledger.prices`
    base_model: str = ""  # what it stands for, where its name says nothing

    @property
    def tokenizer(self) -> str:
        """The model by whose name the host counts its tokens."""
        return tokenizer_of(self.model, self.provider, self.base_model)

    @property
    def most_output(self) -> int | None:
        """The longest answer that it gives."""
        return _number(self.info.get("max_output_tokens"))

    @property
    def most_input(self) -> int | None:
        """The longest prompt that it takes."""
        return _number(self.info.get("max_input_tokens"))

    @property
    def is_priced(self) -> bool:
        """Whether the host knows what it charges."""
        return self.info.get(_INPUT) is not None or bool(self._tiers)

    def price(
        self,
        *,
        prompt_tokens: int,
        writes_cache: bool = False,
        audio: bool = False,
        tiered: bool = False,
        surcharges: Sequence[str] = (),
    ) -> Price | None:
        """The dearest that may apply to a request; None: there is none.

        `tiered`: it chooses how fast it is served. `surcharges`: its own words for what is charged extra.
        """
        if not self.is_priced:
            return self.given
        inputs = [_INPUT, *(_CACHE_WRITES if writes_cache else ()), *(_DEAR_INPUTS if audio else ())]
        outputs = [_OUTPUT, *_DEAR_OUTPUTS, *(["output_cost_per_audio_token"] if audio else [])]
        tiers = self._reachable(prompt_tokens)
        asked, answered = (
            max(*self._rates(names, prompt_tokens, tiered), *_rates_of(tiers, names), 0.0)
            for names in (inputs, outputs)
        )
        price = Price.per_token(asked, answered, self.info.get("input_cost_per_query") or 0)
        times = self._times(surcharges)
        return replace(price, input=price.input * times, output=price.output * times)

    def _rates(self, names: Sequence[str], prompt_tokens: int, tiered: bool) -> Iterator[float]:
        yield 0.0
        for name, rate in self.info.items():
            if not isinstance(rate, int | float):
                continue
            standard = _TIER.sub("", name) if tiered else name
            if standard in names or (_for_long_prompts(standard, prompt_tokens) and standard.startswith(tuple(names))):
                yield rate

    @property
    def _tiers(self) -> list[Mapping[str, Any]]:
        """Prices by the length of the prompt, each for a whole request, in the order of their ranges."""
        tiers = self.info.get("tiered_pricing")
        found = [each for each in tiers if isinstance(each, Mapping)] if isinstance(tiers, list) else []
        return sorted((each for each in found if _range(each) and _INPUT in each), key=_range)

    def _reachable(self, prompt_tokens: int) -> list[Mapping[str, Any]]:
        """Those that may apply to a prompt of at most so many tokens: the host takes the last where none fits."""
        tiers = self._tiers
        begins = [0.0, *(_range(each)[1] for each in tiers)]
        without_gap = all(_range(each)[0] <= end for each, end in zip(tiers, begins, strict=False))
        return [each for each in tiers if not without_gap or _range(each)[0] < prompt_tokens] or tiers[:1]

    def _times(self, surcharges: Sequence[str]) -> Fraction:
        """Anthropic's fast mode, or a region."""
        table = self.info.get("provider_specific_entry") or {}
        found = [table.get(word.lower()) for word in surcharges]
        return math.prod((Fraction(str(each)) for each in found if isinstance(each, int | float)), start=Fraction(1))


class PriceList(Protocol):
    """Who knows what is charged for a model group."""

    def listings(self, model_group: str, team_id: str | None = None) -> list[Listing]:
        """The deployments that may answer for the group, without fallbacks; none: there is no such group."""


class PriceBook:
    """The host's router and price list. `prices` are those of the settings, by model group."""

    def __init__(
        self,
        prices: Mapping[str, GivenPrice],
        *,
        router: Callable[[], Router | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prices = {name: priced(price) for name, price in prices.items()}
        self._router, self._clock = router, clock
        self._kept: dict[tuple[str, str], tuple[float, Mapping[str, Any]]] = {}

    def listings(self, model_group: str, team_id: str | None = None) -> list[Listing]:
        """See `PriceList`."""
        router = self._router()
        if router is None:
            return []
        deployments = list(router.get_model_list(model_name=model_group, team_id=team_id) or ())
        found: list[Listing] = []
        for deployment in deployments:
            tiers = _tiers(deployment["litellm_params"], router)
            for tier in tiers:
                found += self.listings(tier, team_id) if tier != model_group else []
            if not tiers:
                found.append(self.listing(model_group, deployment))
        return found

    def listing(self, model_group: str, deployment: Mapping[str, Any]) -> Listing:
        """One deployment, as the router or a call names it."""
        parameters, info = deployment["litellm_params"], deployment.get("model_info") or {}
        model = str(parameters.get("model") or "")
        known = self._info(str(info.get("id") or ""), model)
        return Listing(
            model_group,
            model,
            provider_of(model, parameters.get("custom_llm_provider")),
            known,
            {name: parameters[name] for name in _OF_ITS_OWN if parameters.get(name)},
            self._prices.get(model_group),
            base_model_of(info, parameters),
        )

    def _info(self, model_id: str, model: str) -> Mapping[str, Any]:
        now, key = self._clock(), (model_id, model)
        until, kept = self._kept.get(key, (0.0, {}))
        if now < until:
            return kept
        router = self._router()
        found = None if router is None else router.get_deployment_model_info(model_id=model_id, model_name=model)
        if len(self._kept) > _MOST_KEPT:  # models that come and go by wildcard
            self._kept.clear()
        self._kept[key] = (now + _KEPT_S, dict(found or {}))
        return self._kept[key][1]


def provider_of(model: str, named: Any = None) -> str:
    """The host's name for who answers."""
    try:
        return str(litellm.get_llm_provider(model=model, custom_llm_provider=named or None)[1])
    except litellm.BadRequestError:  # a provider that the host does not know by name
        return str(named or "")


def _range(tier: Mapping[str, Any]) -> tuple[float, ...]:
    """Where it begins and ends; () where it does not say."""
    found = tier.get("range")
    if not isinstance(found, list | tuple) or len(found) != 2 or not all(isinstance(n, int | float) for n in found):
        return ()
    return float(found[0]), float(found[1])


def _rates_of(tiers: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[float]:
    """Of tiers, which a config may write as text: 4e-07."""
    for tier in tiers:
        for name in names:
            with contextlib.suppress(TypeError, ValueError):
                yield float(tier.get(name) or 0.0)


def _for_long_prompts(name: str, prompt_tokens: int) -> bool:
    long = _LONG.search(name)
    return long is not None and prompt_tokens > int(long[1]) * _THOUSAND


def _tiers(parameters: Mapping[str, Any], router: Router) -> list[str]:
    """The groups that one of the host's auto routers chooses between: it is no model itself."""
    if not str(parameters.get("model") or "").startswith("auto_router/"):
        return []
    named = {each for name, value in parameters.items() if name != "model" for each in _words(value)}
    return sorted(named & set(router.model_names))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _words(each)


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None
