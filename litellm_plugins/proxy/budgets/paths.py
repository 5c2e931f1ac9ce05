"""Which of the host's paths spend money that no hook of ours hears of. Pure but for the host's own lists of its paths.

Most of the host's endpoints prepare their requests in one place, where our hook says what is covered and what is not
(`budget_covered`). Some go to a provider without that: sessions over web sockets, assistants, relays. For them there is
the gate (`budget_gate`), and this says where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from litellm.proxy._types import LiteLLMRoutes
from litellm.proxy.auth.route_checks import RouteChecks

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_HARMLESS = frozenset({*_READS, "DELETE"})


def _any_of(paths: Iterable[str]) -> re.Pattern[str]:
    """`{x}` is one part of a path, `{x:path}` any number; every path also under `/v1`."""
    return re.compile("|".join(_pattern(path) for path in paths))


def _pattern(path: str) -> str:
    parts = (
        re.escape(piece) if index % 2 == 0 else (".+" if piece.endswith(":path") else "[^/]+")
        for index, piece in enumerate(re.split(r"\{([^}]*)\}", path))
    )
    return "(?:/v1)?" + "".join(parts)


# Requests of these are prepared in one place, so that our hook hears of them, whatever it makes of them then.
HEARD = (
    *("/chat/completions", "/completions", "/embeddings", "/messages", "/moderations", "/rerank", "/v2/rerank"),
    *("/engines/{model:path}", "/claude_code_gateway/v1/messages", "/prompts/test"),
    *("/responses", "/responses/{rest:path}", "/images/{rest:path}", "/audio/{rest:path}"),
    *("/videos", "/videos/{rest:path}", "/ocr", "/realtime/{rest:path}"),
    *("/files", "/files/{rest:path}", "/batches", "/batches/{rest:path}", "/fine_tuning/{rest:path}"),
    *("/{provider}/v1/files", "/{provider}/v1/files/{rest:path}"),
    *("/{provider}/v1/batches", "/{provider}/v1/batches/{rest:path}"),
    *("/vector_stores", "/vector_stores/{rest:path}", "/containers", "/containers/{rest:path}"),
    *("/skills", "/skills/{rest:path}", "/evals", "/evals/{rest:path}"),
    *("/interactions", "/interactions/{rest:path}", "/v1beta/interactions", "/v1beta/interactions/{rest:path}"),
    *("/v1beta/agents", "/v1beta/agents/{rest:path}", "/models/{model:path}", "/v1beta/models/{model:path}"),
    *("/mcp", "/mcp/{rest:path}", "/{server}/mcp", "/toolset/{name}/mcp", "/mcp-rest/{rest:path}"),
)
# So are these, though all else that begins as they do is passed on to a provider as it is.
HEARD_ALL_THE_SAME = (
    *("/openai/deployments/{model:path}", "/cursor/chat/completions"),
    *("/openai/v1/responses", "/openai/v1/responses/{rest:path}", "/openai/v1/realtime/{rest:path}"),
    *("/openai/v1/files", "/openai/v1/files/{rest:path}", "/openai/v1/batches", "/openai/v1/batches/{rest:path}"),
)
# Nobody bills these, though the host keeps them among those of models.
COSTLESS = (
    *("/models", "/model/info", "/model_group/info", "/utils/{rest:path}", "/token", "/introspect", "/agents"),
    *("/messages/count_tokens", "/claude_code_gateway/v1/messages/count_tokens", "/claude-code/{rest:path}"),
    *("/traces", "/traces/{rest:path}", "/logs", "/vector_store/list", "/mcp/tools", "/cursor/models"),
    *("/cursor/v1/models", "/mcp/oauth/{rest:path}", "/mcp/server", "/mcp/server/{rest:path}"),
    *("/responses/input_tokens", "/openai/v1/responses/input_tokens", "/containers/{container}/files"),
    *("/models/{model:path}:countTokens", "/v1beta/models/{model:path}:countTokens"),
    *("/lens/preview/sample", "/lens/feedback", "/lens/feedback/summary"),
)
# These spend, and no hook hears of it. The host itself does not keep all of them among those of models.
UNHEARD = (
    *("/assistants", "/assistants/{rest:path}", "/threads", "/threads/{rest:path}"),
    *("/rag/{rest:path}", "/decisions", "/systemone", "/queue/chat/completions"),
    *("/lens", "/lens/{rest:path}", "/guardrails/apply_guardrail", "/apply_guardrail", "/plugin-proxy/{rest:path}"),
    *("/search", "/search/{tool}", "/a2a/{agent}", "/a2a/{agent}/message/{way}"),  # an error there is a mere 500
)
_HEARD, _COSTLESS, _UNHEARD = map(_any_of, (HEARD, COSTLESS, UNHEARD))
_HEARD_ALL_THE_SAME = _any_of(HEARD_ALL_THE_SAME)
# Sessions: once one is open, nobody asks before what is said in it.
_SOCKETS = _any_of(("/realtime", "/openai/v1/realtime", "/responses", "/openai/v1/responses"))


def is_relayed(path: str) -> bool:
    """Whether the host passes it on to a provider as it is."""
    prefixes = LiteLLMRoutes.mapped_pass_through_routes.value
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def is_gated(path: str, method: str) -> bool:
    """Whether what a request costs would be told to nobody here. `method` is "WEBSOCKET" for a session."""
    if method == "WEBSOCKET":
        return bool(_SOCKETS.fullmatch(path)) or is_relayed(path)
    if _COSTLESS.fullmatch(path):
        return False
    if is_relayed(path):
        return method != "OPTIONS" and not _HEARD_ALL_THE_SAME.fullmatch(path)
    if method in _HARMLESS or _HEARD.fullmatch(path):
        return False
    return bool(_UNHEARD.fullmatch(path)) or RouteChecks.is_llm_api_route(path)
