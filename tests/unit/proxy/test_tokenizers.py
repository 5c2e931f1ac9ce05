"""Which tokenizer a model is counted by, and that nobody counts past it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import litellm_plugins
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.host.token_counts import counted, message_tokens
from litellm_plugins.proxy.host.tokenizers import CL100K, O200K, tokenizer_of
from litellm_plugins.simulator.tokens import tokenizer_for

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
TEXT = "El señor Núñez pidió veintidós artículos: {'número': 357710}."
OF = {"o200k_base": tokenizer_for("gpt-4o").count(TEXT), "cl100k_base": tokenizer_for("gpt-4").count(TEXT)}


@pytest.mark.parametrize(
    ("model", "provider", "tokenizer"),
    [
        ("gpt-4.1", "", O200K),
        ("openai/gpt-4.1", "openai", O200K),
        ("openai/gpt-4.1-mini", "", O200K),
        ("azure/eu/gpt-4.1-2025-04-14", "azure", O200K),
        ("openrouter/openai/gpt-5-mini", "openrouter", O200K),
        ("ft:gpt-4.1-mini-2025-04-14:acme::x", "openai", O200K),
        ("groq/openai/gpt-oss-120b", "groq", O200K),
        ("bedrock/openai.gpt-oss-20b-1:0", "bedrock", O200K),
        ("openai/o4-mini", "openai", O200K),
        ("openai/a-model-of-next-year", "openai", O200K),
        ("azure/our-deployment", "azure", O200K),
        ("gpt-4", "", CL100K),
        ("azure/gpt-35-turbo", "azure", CL100K),
        ("gpt-3.5-turbo-instruct", "text-completion-openai", CL100K),
        ("openai/text-embedding-3-small", "openai", CL100K),
        ("anthropic/claude-sonnet-4-5", "anthropic", CL100K),
        ("claude-sonnet-4-5", "", CL100K),
        ("groq/llama-3.1-8b-instant", "groq", CL100K),
        ("", "", CL100K),
    ],
)
def test_a_model_is_known_by_any_of_its_names(model: str, provider: str, tokenizer: str) -> None:
    assert tokenizer_of(model, provider) == tokenizer
    assert tokenizer_of(tokenizer) == tokenizer, "its answer may be asked again"


def test_the_host_counts_by_it() -> None:
    assert counted(TEXT, "openai/gpt-4.1") == OF["o200k_base"] != OF["cl100k_base"] == counted(TEXT, "azure/gpt-4")
    said = [{"role": "user", "content": TEXT}]
    assert message_tokens(said, "openai/gpt-4.1") == message_tokens(said, "gpt-4.1")
    assert message_tokens(said, "openai/gpt-4.1") - OF["o200k_base"] == message_tokens(said, "x") - OF["cl100k_base"]


def test_a_deployment_says_what_it_stands_for() -> None:
    book = PriceBook({}, router=lambda: None)
    parameters = {"model": "azure/team-seven", "custom_llm_provider": "azure"}
    old = book.listing("ours", {"litellm_params": parameters, "model_info": {"base_model": "azure/gpt-4"}})
    also_old = book.listing("ours", {"litellm_params": {**parameters, "base_model": "azure/gpt-4"}})
    new = book.listing("ours", {"litellm_params": parameters, "model_info": {}})
    assert (old.tokenizer, also_old.tokenizer, new.tokenizer) == (CL100K, CL100K, O200K)


def test_what_cannot_be_counted_is_a_token_for_four_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> int:
        raise ValueError

    monkeypatch.setattr("litellm.token_counter", broken)
    assert counted("12345678", "gpt-4.1") == 2


def test_nobody_else_calls_the_host_s_counters() -> None:
    """By a model's full name they count wrongly, and nothing shows it."""
    asks = re.compile(r"litellm\.(token_counter|encode|encoding|create_tokenizer|create_pretrained_tokenizer)\b")
    package = Path(litellm_plugins.__file__).parent
    found = [each.relative_to(package) for each in package.rglob("*.py") if asks.search(each.read_text())]
    assert found == [Path("proxy/host/token_counts.py")]
