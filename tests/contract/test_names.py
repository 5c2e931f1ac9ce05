"""What we import and call of the host is there, and takes what we hand it."""

from __future__ import annotations

import ast
import importlib
import inspect
import operator
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


_PROCESSING = "litellm.proxy.common_request_processing:ProxyBaseLLMRequestProcessing"
_LOGGING = "litellm.litellm_core_utils.litellm_logging:Logging"
_PROXY_LOGGING = "litellm.proxy.utils:ProxyLogging"
_HIT = {"result", "start_time", "end_time", "cache_hit"}
_ANTHROPIC = "litellm.proxy.anthropic_endpoints.endpoints"
CALLS: dict[str, tuple[str, set[str]]] = {
    "front: prepare": (f"{_PROCESSING}._pre_call_with_fallbacks", PRE_CALL),
    "front: hand a miss on": (
        f"{_PROCESSING}.base_process_llm_request",
        PRE_CALL | {"fastapi_response", "select_data_generator", "skip_pre_call_logic"},
    ),
    "front: an error": (
        f"{_PROCESSING}.handle_llm_api_exception",
        {"e", "user_api_key_dict", "proxy_logging_obj"},
    ),
    "front: leave it to the host": (
        "litellm.proxy.proxy_server:chat_completion",
        {"request", "fastapi_response", "model", "user_api_key_dict"},
    ),
    "front: leave completions to the host": (
        "litellm.proxy.proxy_server:completion",
        {"request", "fastapi_response", "model", "user_api_key_dict"},
    ),
    "front: leave embeddings to the host": (
        "litellm.proxy.proxy_server:embeddings",
        {"request", "fastapi_response", "model", "user_api_key_dict"},
    ),
    "front: leave messages to the host": (
        f"{_ANTHROPIC}:anthropic_response",
        {"request", "fastapi_response", "user_api_key_dict"},
    ),
    "front: leave responses to the host": (
        "litellm.proxy.response_api_endpoints.endpoints:responses_api",
        {"request", "fastapi_response", "user_api_key_dict"},
    ),
    "front: a message's error": (f"{_ANTHROPIC}:_anthropic_error_json_response", {"exc", "request"}),
    "front: a message's usage": (f"{_ANTHROPIC}:_strip_total_tokens_from_anthropic_response", {"response"}),
    "front: a responses stream": ("litellm.proxy.proxy_server:select_data_generator", {"responses_stream_errors"}),
    "kept: a message's usage": ("litellm:AnthropicConfig.calculate_usage", {"usage_object", "reasoning_content"}),
    "kept: a response's id": (
        "litellm.proxy.hooks.responses_id_security:ResponsesIDSecurity._decrypt_response_id",
        {"response_id"},
    ),
    "kept: tokens of a completion": ("litellm:token_counter", {"model", "text"}),
    "front: the body": ("litellm.proxy.common_utils.http_parsing_utils:read_request_body", {"request"}),
    "front: the answer": ("litellm.proxy.proxy_server:model_dump_with_preserved_fields", {"exclude_unset"}),
    "hit: headers": (
        f"{_PROCESSING}.get_custom_headers",
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
    "hit: callbacks' headers": (
        f"{_PROXY_LOGGING}.post_call_response_headers_hook",
        {"data", "user_api_key_dict", "response", "request_headers"},
    ),
    "hit: moderation": (f"{_PROXY_LOGGING}.during_call_hook", {"data", "user_api_key_dict", "call_type"}),
    "hit: status": (f"{_PROXY_LOGGING}.update_request_status", {"litellm_call_id", "status"}),
    "hit: success": (f"{_PROXY_LOGGING}.post_call_success_hook", {"data", "user_api_key_dict", "response"}),
    "hit: log": (f"{_LOGGING}.async_success_handler", _HIT),
    "hit: log of synchronous callbacks": (f"{_LOGGING}.handle_sync_success_callbacks_for_async_calls", _HIT),
    "hit: what is logged": (
        f"{_LOGGING}.update_environment_variables",
        {"model", "user", "optional_params", "litellm_params"},
    ),
    "hit: in the background": (
        "litellm.litellm_core_utils.logging_worker:GLOBAL_LOGGING_WORKER.ensure_initialized_and_enqueue",
        {"async_coroutine"},
    ),
    "the cache seat": ("litellm.caching.caching:Cache", {"_backend", "supported_call_types", "max_messages"}),
    "prices": (
        "litellm:completion_cost",
        {"completion_response", "model", "custom_llm_provider", "call_type", "router_model_id", "base_model"},
    ),
    "providers": ("litellm:get_llm_provider", {"model"}),
    "embeddings": ("litellm:Router.aembedding", {"model", "input"}),
    "refusals": (
        "litellm.proxy._types:ProxyException",
        {"message", "type", "param", "code", "openai_code"},
    ),
}


@pytest.mark.parametrize("what", CALLS)
def test_what_we_call_takes_what_we_hand_it(host: Any, what: str) -> None:
    """We stand on this because we call it by keyword: a changed one would be a 500 to every client."""
    place, handed = CALLS[what]
    module, _, path = place.partition(":")
    function = operator.attrgetter(path)(importlib.import_module(module))
    missing = handed - inspect.signature(function).parameters.keys()
    assert not missing, f"{what}: {place} no longer takes {', '.join(sorted(missing))}"


# Each hook of the host's that we define, with the names that the host hands over by keyword.
HOOKS = {
    "async_pre_call_hook": {"user_api_key_dict", "cache", "data", "call_type"},
    "async_pre_call_deployment_hook": {"kwargs", "call_type"},
    "async_post_call_response_headers_hook": {"data", "user_api_key_dict", "response", "request_headers"},
}


@pytest.mark.parametrize("hook", HOOKS)
def test_our_hooks_have_the_host_s_names_and_parameters(host: Any, hook: str) -> None:
    """We stand on this because the host calls hooks by keyword, and never calls one that it does not know."""
    from litellm_plugins.proxy.callbacks import PluginHandler

    theirs = getattr(CustomLogger, hook, None)
    assert theirs is not None, f"the host no longer has {hook}: ours would never be called"
    assert HOOKS[hook] <= inspect.signature(theirs).parameters.keys(), f"{hook} is called with other names now"
    ours = inspect.signature(PluginHandler.__dict__[hook]).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in ours.values())
    assert takes_any or set(inspect.signature(theirs).parameters) == set(ours)


def test_every_hook_that_the_front_route_looks_for_is_one_of_the_host_s(host: Any) -> None:
    """We stand on this because a callback with such a hook must keep the request on the host's own route."""
    from litellm_plugins.proxy.front import _TAKES_PART

    unknown = [name for name in _TAKES_PART if not hasattr(CustomLogger, name)]
    assert not unknown, f"the host renamed hooks: callbacks that use {unknown} would be passed over on hits"


def test_no_hook_that_takes_part_in_requests_is_missing_from_that_list(host: Any) -> None:
    """We stand on this because a hook we do not look for is one that a hit on the front route leaves out."""
    from litellm_plugins.proxy.front import _TAKES_PART

    # Told of a request, or of no concern to a chat completion that was answered from the cache.
    harmless = {
        "async_post_call_response_headers_hook",  # called on hits, too
        "async_post_call_failure_hook",
        "async_post_call_failure_deployment_hook",
        "async_pre_routing_hook",  # chooses a model, and never fires on a plain callback
        "async_pre_request_hook",  # /v1/messages only
        "async_pre_mcp_tool_call_hook",
        "async_during_mcp_tool_call_hook",
        "async_post_mcp_tool_call_hook",
        "async_dataset_hook",
        "async_get_chat_completion_prompt",
        "async_management_endpoint_pre_call_hook",
        "async_logging_hook",  # changes what is logged, and is called for hits, too
        "async_post_agentic_loop_response_hook",  # what a model's call of a tool of the host's leads to
        "async_agentic_loop_cleanup_hook",
    }
    hooks = {
        name
        for name in vars(CustomLogger)
        if (name.startswith("async_") and name.endswith("_hook")) or name == "async_filter_deployments"
    }
    unknown = hooks - set(_TAKES_PART) - harmless
    assert not unknown, f"hooks that the front route has no opinion on: {sorted(unknown)}"


def test_what_the_front_route_asks_of_the_host_s_callbacks_is_there(host: Any) -> None:
    """We stand on this because guardrails and content enforcers must keep requests on the host's own route."""
    capabilities = host.ProxyLogging.callback_capabilities()

    assert capabilities.has_guardrail in (True, False)
    assert capabilities.has_content_enforcer in (True, False)
    assert isinstance(capabilities.resolved_callbacks, tuple)


def test_callback_capabilities_follow_the_list_of_callbacks(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """We stand on this because a guardrail that is added at run time must be respected from the next request on."""

    class Added(CustomLogger):
        pass

    monkeypatch.setattr(litellm, "callbacks", [])
    before = host.ProxyLogging.callback_capabilities().resolved_callbacks
    litellm.callbacks.append(added := Added())
    after = host.ProxyLogging.callback_capabilities().resolved_callbacks

    assert (before, after) == ((), (added,)), "the capabilities are cached across changes: guardrails could be missed"


@pytest.mark.parametrize("name", ["prometheus", "langfuse_otel"])
def test_the_host_s_own_loggers_live_where_the_front_route_looks(host: Any, name: str) -> None:
    """We stand on this because they must not push hits off the front route."""
    from litellm.integrations.langfuse.langfuse_otel import LangfuseOtelLogger
    from litellm.integrations.prometheus import PrometheusLogger

    kind = {"prometheus": PrometheusLogger, "langfuse_otel": LangfuseOtelLogger}[name]
    from litellm_plugins.proxy.front import _HARMLESS

    assert kind.__module__.startswith(_HARMLESS)


def test_the_host_s_always_on_hooks_live_where_the_front_route_looks(host: Any) -> None:
    """We stand on this because they run on every proxy: if one were taken for a stranger, no hit would be quick."""
    from litellm.proxy.hooks import PROXY_HOOKS

    from litellm_plugins.proxy.front import _HARMLESS

    strangers = [kind for kind in PROXY_HOOKS.values() if not kind.__module__.startswith(_HARMLESS)]
    assert not strangers, f"always-on hooks in new places: {strangers}"


def test_the_prompt_injection_detector_bears_the_name_that_we_know_it_by(host: Any) -> None:
    """We stand on this because it lives among the harmless hooks, but may answer in the model's stead."""
    from litellm.proxy.hooks.prompt_injection_detection import _OPTIONAL_PromptInjectionDetection

    from litellm_plugins.proxy.front import _HARMFUL

    assert _OPTIONAL_PromptInjectionDetection.__name__ in _HARMFUL


def test_all_litellm_params_is_a_list_of_names(host: Any) -> None:
    """We stand on this because it tells the host's fields from the client's: what is in it joins no cache key."""
    from litellm.types.utils import all_litellm_params

    assert all(isinstance(name, str) for name in all_litellm_params)
    ours = {"metadata", "litellm_metadata", "litellm_call_id", "litellm_logging_obj", "proxy_server_request"}
    missing = (ours | {"secret_fields", "api_key", "api_base"}) - set(all_litellm_params)
    assert not missing, f"{missing} would join the cache key: no request would ever be the same as another"


@pytest.mark.parametrize(
    "name", ["model", "messages", "temperature", "tools", "tool_choice", "response_format", "n", "seed", "top_p"]
)
def test_no_parameter_of_the_question_is_among_the_host_s_own_names(host: Any, name: str) -> None:
    """We stand on this because it would be left out of the cache key where a default of the proxy set it."""
    from litellm.types.utils import all_litellm_params

    assert name not in all_litellm_params


def test_caching_details_has_the_fields_that_a_logged_hit_fills(host: Any) -> None:
    """We stand on this because a hit of the front route is logged as the host logs its own."""
    from litellm.types.utils import CachingDetails

    assert set(CachingDetails.__annotations__) >= {"cache_hit", "cache_duration_ms"}


def test_the_identity_has_the_fields_that_scopes_are_made_of(host: Any) -> None:
    """We stand on this because a field that is gone would be a None, and a None makes a wider scope."""
    from litellm.proxy._types import UserAPIKeyAuth

    needed = {"token", "api_key", "key_alias", "team_id", "team_alias", "user_id", "end_user_id"}
    missing = needed - UserAPIKeyAuth.model_fields.keys()
    assert not missing, f"an identity without {missing}: tenants would run together"
    assert {"models", "team_models", "user_role"} <= UserAPIKeyAuth.model_fields.keys()


def test_the_front_route_reads_a_key_from_every_header_that_the_host_does(host: Any) -> None:
    """We stand on this because the front route calls the host's auth by itself, without FastAPI in between."""
    from litellm.proxy.auth.user_api_key_auth import user_api_key_auth

    from litellm_plugins.proxy.front import _SCHEMES

    assert _SCHEMES.keys() | {"request"} == inspect.signature(user_api_key_auth).parameters.keys()
