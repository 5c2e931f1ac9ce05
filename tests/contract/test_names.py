"""What we import and call of the host is there, and takes what we hand it."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

import litellm_plugins.proxy

SOURCES = sorted(Path(next(iter(litellm_plugins.proxy.__path__))).rglob("*.py"))
PRE_CALL = {
    "request",
    "user_api_key_dict",
    "proxy_logging_obj",
    "llm_router",
    "general_settings",
    "proxy_config",
    "model",
    "user_model",
    "user_temperature",
    "user_request_timeout",
    "user_max_tokens",
    "user_api_base",
    "version",
    "route_type",
}


def _imports() -> Iterator[tuple[str, str, str]]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "litellm":
                for alias in node.names:
                    yield source.name, str(node.module), alias.name


def _attributes(of: set[str]) -> Iterator[tuple[str, str]]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in of:
                yield source.name, node.attr


@pytest.mark.parametrize(("source", "module", "name"), sorted(set(_imports())))
def test_what_we_import_of_the_host_is_there(host: Any, source: str, module: str, name: str) -> None:
    """We stand on this because the pack would not even start."""
    found = importlib.import_module(module)
    if not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")  # raises, saying which


@pytest.mark.parametrize(("source", "name"), sorted(set(_attributes({"host", "proxy_server"}))))
def test_what_we_read_of_the_proxy_is_there(host: Any, source: str, name: str) -> None:
    """We stand on this because the front route hands the host's globals on, as the host's own route does."""
    assert hasattr(host, name), f"{source} reads proxy_server.{name}, which is gone"


@pytest.mark.parametrize(("source", "name"), sorted(set(_attributes({"litellm"}))))
def test_what_we_read_of_litellm_is_there(host: Any, source: str, name: str) -> None:
    """We stand on this because these are the host's switches and its price list."""
    assert hasattr(litellm, name), f"{source} reads litellm.{name}, which is gone"


def _calls() -> dict[str, tuple[Any, set[str]]]:
    from litellm.caching.caching import Cache
    from litellm.litellm_core_utils.litellm_logging import Logging
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
    from litellm.proxy import proxy_server
    from litellm.proxy._types import ProxyException
    from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing as Processing
    from litellm.proxy.common_utils.http_parsing_utils import read_request_body
    from litellm.proxy.utils import ProxyLogging

    hit = {"result", "start_time", "end_time", "cache_hit"}
    return {
        "the front route: prepare": (Processing._pre_call_with_fallbacks, PRE_CALL),
        "the front route: hand a miss on": (
            Processing.base_process_llm_request,
            PRE_CALL | {"fastapi_response", "select_data_generator", "skip_pre_call_logic"},
        ),
        "the front route: an error": (
            Processing.handle_llm_api_exception,
            {"e", "user_api_key_dict", "proxy_logging_obj"},
        ),
        "the front route: leave it to the host": (
            proxy_server.chat_completion,
            {"request", "fastapi_response", "model", "user_api_key_dict"},
        ),
        "the front route: the body": (read_request_body, {"request"}),
        "the front route: the answer": (proxy_server.model_dump_with_preserved_fields, {"exclude_unset"}),
        "a hit: headers": (
            Processing.get_custom_headers,
            {
                "user_api_key_dict",
                "call_id",
                "cache_key",
                "version",
                "response_cost",
                "request_data",
                "hidden_params",
                "litellm_logging_obj",
            },
        ),
        "a hit: callbacks' headers": (
            ProxyLogging.post_call_response_headers_hook,
            {"data", "user_api_key_dict", "response", "request_headers"},
        ),
        "a hit: moderation": (ProxyLogging.during_call_hook, {"data", "user_api_key_dict", "call_type"}),
        "a hit: status": (ProxyLogging.update_request_status, {"litellm_call_id", "status"}),
        "a hit: success": (ProxyLogging.post_call_success_hook, {"data", "user_api_key_dict", "response"}),
        "a hit: log": (Logging.async_success_handler, hit),
        "a hit: log of synchronous callbacks": (Logging.handle_sync_success_callbacks_for_async_calls, hit),
        "a hit: what is logged": (
            Logging.update_environment_variables,
            {"model", "user", "optional_params", "litellm_params", "input", "stream", "custom_llm_provider"},
        ),
        "a hit: in the background": (GLOBAL_LOGGING_WORKER.ensure_initialized_and_enqueue, {"async_coroutine"}),
        "the cache seat": (Cache.__init__, {"_backend", "supported_call_types", "max_messages"}),
        "prices": (
            litellm.completion_cost,
            {"completion_response", "model", "custom_llm_provider", "call_type", "router_model_id", "base_model"},
        ),
        "providers": (litellm.get_llm_provider, {"model"}),
        "refusals": (ProxyException.__init__, {"message", "type", "param", "code", "openai_code"}),
    }


@pytest.mark.parametrize("what", sorted(_calls.__code__.co_consts[0:0]) or range(19))
def test_what_we_call_takes_what_we_hand_it(host: Any, what: int) -> None:
    """We stand on this because each of these is called by keyword, and a changed one would be a 500 to every client."""
    name, (function, handed) = sorted(_calls().items())[what]
    taken = inspect.signature(function).parameters
    missing = handed - taken.keys()
    assert not missing, f"{name}: {function.__qualname__} no longer takes {', '.join(sorted(missing))}"
