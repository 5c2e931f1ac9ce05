"""How the host finds our entry points, and what is there when it does."""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path

import litellm
from litellm.proxy.types_utils.utils import get_instance_fn

from tests.contract.conftest import Contract
from tests.support import Route

PINNED = "1.106.2"
FRONT_AND_STOCK: tuple[Route, Route] = ("v1", "host")


def test_the_version_is_the_one_that_all_of_this_was_seen_on() -> None:
    """We stand on this because the pack uses parts of the host that no promise covers."""
    assert importlib.metadata.version("litellm") == PINNED, (
        "LiteLLM was bumped: read every failure of tests/contract before this pin is moved"
    )


def test_the_langfuse_sdk_is_one_that_the_host_s_callbacks_accept() -> None:
    """We stand on this because the host's Langfuse callbacks raise on 5."""
    assert importlib.metadata.version("langfuse").split(".")[0] == "4"


def test_a_package_is_imported_as_any_other_import_would(importable: Path) -> None:
    """We stand on this because handler and custom auth must share one `litellm_plugins.proxy`, and so one pack."""
    package = importable / "contract_package"
    package.mkdir()
    (package / "__init__.py").write_text("handler = object()\n")
    config = importable / "config.yaml"

    found = get_instance_fn("contract_package.handler", config_file_path=str(config))
    assert found is importlib.import_module("contract_package").handler, (
        "the host loads packages by path now: the pack would exist twice"
    )


def test_a_flat_module_beside_the_config_is_loaded_by_path_a_second_time(importable: Path) -> None:
    """We stand on this because it is why the entry points live in a package's `__init__`."""
    (importable / "contract_flat.py").write_text("handler = object()\n")

    found = get_instance_fn("contract_flat.handler", config_file_path=str(importable / "config.yaml"))
    assert found is not importlib.import_module("contract_flat").handler, (
        "the host imports flat modules normally now: the entry points could be modules"
    )


def test_the_attribute_is_looked_up_on_the_module(importable: Path) -> None:
    """We stand on this because handler and virtual_key_auth are made on first use, by a module's `__getattr__`."""
    package = importable / "contract_lazy"
    package.mkdir()
    (package / "__init__.py").write_text("def __getattr__(name):\n    return 'made: ' + name\n")

    found = get_instance_fn("contract_lazy.handler", config_file_path=str(importable / "config.yaml"))
    assert found == "made: handler", "the host no longer uses getattr: nothing would be loaded"


def test_our_settings_are_there_when_callbacks_are_imported(contract: Contract) -> None:
    """We stand on this because the pack is built from `litellm.callback_settings` while it is imported."""
    assert contract.facts()["at_import"]["settings"] == {"plain": 1, "secret": "from-the-environment"}, (
        "callback_settings come later, or with os.environ/ unresolved: the pack would start without its block"
    )


def test_callbacks_are_imported_while_the_loop_runs_and_before_the_router_is_built(contract: Contract) -> None:
    """We stand on this because the cache must be in its seat before the router is built, and the embedder is warmed
    by a task that is started at import.
    """
    facts = contract.facts()
    assert facts["at_import"]["loop_is_running"], "no loop at import: nothing would be warmed"
    assert not facts["at_import"]["router_is_there"], "the router is built first: it would not know of our cache"
    assert facts["at_import"]["app_is_there"], "no app at import: our routes have nowhere to go"
    assert facts["router_seen_by_the_task"], "a task that is started at import dies before the proxy runs"


def test_callbacks_are_imported_in_the_order_of_the_config(contract: Contract) -> None:
    """We stand on this because an operator who puts us first gets our decision before other callbacks act."""
    facts = contract.facts()
    assert facts["at_import"]["cache"] == "PluginCache"
    ours = [name for name in facts["handlers"] if name.startswith(("litellm_plugins", "contract_callbacks"))]
    assert ours == ["litellm_plugins.proxy.callbacks.PluginHandler", "contract_callbacks.Quiet"]


def test_a_cache_that_is_assigned_at_import_stays(contract: Contract) -> None:
    """We stand on this because it is how hits are delivered on every route but ours."""
    assert contract.facts()["cache"] == "PluginCache", "the host replaces litellm.cache: no hit on the host's routes"


def test_a_route_that_is_put_first_stays_first(contract: Contract) -> None:
    """We stand on this because the front route must win over the host's route of the same path."""
    module = "litellm_plugins.proxy.front"
    expected = [["/v1/chat/completions", module], ["/chat/completions", module]]
    assert contract.facts()["first_routes"] == expected, "the host puts routes ahead of ours: every hit is slow"


def test_the_host_s_middlewares_wrap_the_front_route(contract: Contract, question: str) -> None:
    """We stand on this because CORS and security headers are the host's middlewares, not its routes'."""
    key = contract.key()
    for route in FRONT_AND_STOCK:
        contract.proxy.teach(key, question, route=route)
    front = contract.proxy.ask(key, question, route="v1")
    stock = contract.proxy.ask(key, question, route="host")

    assert (front.cache, stock.cache) == ("exact", "exact")
    for name in ("x-content-type-options", "x-frame-options", "vary"):
        assert front.headers.get(name) == stock.headers.get(name), f"{name} is missing on the front route"
    assert front.headers["x-content-type-options"] == "nosniff"


def test_callback_settings_is_a_plain_attribute_of_litellm() -> None:
    """We stand on this because `litellm-plugins check` and the boot read the block there."""
    assert isinstance(litellm.callback_settings, dict)
