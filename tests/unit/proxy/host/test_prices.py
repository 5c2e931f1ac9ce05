"""What an answer cost, for deployments that a real router of the host holds."""

from __future__ import annotations

import litellm
import pytest
from litellm import ModelResponse, Usage

from litellm_plugins.proxy.host.deployment import Deployment
from litellm_plugins.proxy.host.prices import cost_nano_usd

pytestmark = pytest.mark.filterwarnings(
    "ignore:Items? .* on TypedDict class:UserWarning"
)  # the host's, of its own models


def price(model: str, **params: object) -> int:
    """Nano-dollars for 1,000 tokens in and 100 out."""
    params = {"model": f"openai/{model}", "api_base": "http://127.0.0.1:1/v1", "api_key": "sk-x", **params}
    router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": params}])
    (held,) = router.get_model_list() or []
    usage = Usage(prompt_tokens=1_000, completion_tokens=100, total_tokens=1_100)
    answer = ModelResponse(model=model, usage=usage)
    return cost_nano_usd(answer, Deployment(model, "openai", "group", held["model_info"]), call_type="acompletion")


def test_a_price_of_the_host_s_list() -> None:
    assert price("gpt-4.1") == 1_000 * 2_000 + 100 * 8_000


def test_a_price_that_the_operator_set_for_a_model_of_the_list_or_none() -> None:
    assert price("our-own", input_cost_per_token=3e-6, output_cost_per_token=5e-6) == 1_000 * 3_000 + 100 * 5_000
    assert price("gpt-4.1", input_cost_per_token=3e-6, output_cost_per_token=5e-6) == 1_000 * 3_000 + 100 * 5_000
    assert price("gpt-4.1", input_cost_per_token=0.0, output_cost_per_token=0.0) == 0


def test_what_has_no_price_saves_nothing() -> None:
    assert price("nobody-knows") == 0
