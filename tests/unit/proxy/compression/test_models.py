"""What compression asks of the models that may answer."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import litellm
import pytest
from litellm import Router

from litellm_plugins.compression.bodies import as_messages
from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.compression.models import input_nano_usd, marks_of_host, tokenizer_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:Items? .* on TypedDict class:UserWarning"
)  # the host's, of its own models
POINT = {"location": "message", "role": "system"}
BODY: dict[str, Any] = {"model": "both", "messages": [{"role": "user", "content": "Hello?"}]}
REQUEST = Request("chat", "both", (), {}, Identity())


@pytest.fixture
def router() -> Router:
    def entry(name: str, model: str, **more: Any) -> dict[str, Any]:
        return {"model_name": name, "litellm_params": {"model": model, "api_key": "none", **more}}

    return Router(
        model_list=[
            entry("both", "openai/gpt-4.1-mini"),
            entry("both", "anthropic/claude-sonnet-4-5", cache_control_injection_points=[POINT]),
            entry("mini", "openai/gpt-4.1-mini"),
            entry("unpriced", "openai/foo-unknown"),
        ]
    )


def test_marks_of_any_deployment_count(router: Router) -> None:
    view = as_messages(BODY, "chat")
    assert marks_of_host(BODY, view, REQUEST, router) == [POINT]
    assert marks_of_host({**BODY, "model": "mini"}, view, REQUEST, router) == []
    assert marks_of_host(BODY, view, REQUEST, None) == []


def test_so_do_those_that_the_host_sets_of_its_own_accord(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "enable_anthropic_prompt_caching", True)
    view = as_messages(BODY, "chat")
    marks = marks_of_host(BODY, view, REQUEST, router)
    assert any(mark.get("index") == -1 for mark in marks)
    assert marks_of_host({**BODY, "model": "mini"}, view, REQUEST, router) == []


def test_the_tokenizer_is_the_models_own_and_the_price_the_lowest(router: Router) -> None:
    book = PriceBook({}, router=lambda: router)
    assert tokenizer_of(book.listings("mini")) == "gpt-4o", "whose tables gpt-4.1-mini reads"
    assert tokenizer_of([]) == "gpt-4o"
    assert input_nano_usd(book.listings("both")) == Fraction(400)
    assert input_nano_usd(book.listings("unpriced")) == 0
    assert input_nano_usd([]) == 0
