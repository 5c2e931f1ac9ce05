"""What compression asks of the models that may answer: tokenizer, price, and marks that the host will set itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from litellm.integrations.anthropic_cache_control_hook import AnthropicCacheControlHook

from litellm_plugins.proxy.budgets.prices import provider_of
from litellm_plugins.proxy.host.tokenizers import O200K

if TYPE_CHECKING:
    from litellm import Router

    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import Listing

_POINTS = "cache_control_injection_points"
_NANO = 10**9


def tokenizer_of(listings: Sequence[Listing]) -> str:
    """The model by whose tokenizer texts are counted, of the first that may answer."""
    return next((each.tokenizer for each in listings), O200K)


def input_nano_usd(listings: Sequence[Listing]) -> Fraction:
    """Nano-dollars of one token that goes in, at the cheapest that may answer; 0 where one has no price."""
    return min((_price(each) for each in listings), default=Fraction(0))


def _price(listing: Listing) -> Fraction:
    listed = listing.info.get("input_cost_per_token")
    if listed is not None:
        return Fraction(str(listed)) * _NANO
    return Fraction(0) if listing.given is None else listing.given.input


def read_share(listings: Sequence[Listing]) -> float:
    """What reading a token from the provider's prompt cache costs of its price; the dearest, 1 where none is listed."""
    return max((_read_share(each) for each in listings), default=1.0)


def _read_share(listing: Listing) -> float:
    asked, read = (listing.info.get(name) for name in ("input_cost_per_token", "cache_read_input_token_cost"))
    return min(1.0, float(read) / float(asked)) if asked and read is not None else 1.0


def marks_of_host(
    data: Mapping[str, Any], view: Mapping[str, Any], request: Request, router: Router | None
) -> list[Any]:
    """Where the host will put marks for the provider's cache, whichever deployment it takes."""
    points = _list(data.get(_POINTS))
    group = str(data.get("model") or "")
    deployments = [] if router is None else router.get_model_list(model_name=group, team_id=request.identity.team_id)
    for deployment in deployments or ():
        parameters = deployment["litellm_params"]
        points += _list(parameters.get(_POINTS))
        model = str(parameters.get("model") or "")
        points += AnthropicCacheControlHook.get_default_injection_points(
            messages=view["messages"],
            system=view.get("system"),
            model=model,
            custom_llm_provider=provider_of(model, parameters.get("custom_llm_provider")),
            tools=view.get("tools"),
            enable_prompt_caching=data.get("enable_prompt_caching"),
            cache_control=view.get("cache_control"),
            request_kwargs=data,
            on_messages_route=request.endpoint == "messages",
        )
    return points


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
