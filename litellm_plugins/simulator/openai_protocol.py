"""OpenAI's wire protocol: its endpoints, how it carries the key, and how it says that something is wrong."""

from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator import openai_batches as batches
from litellm_plugins.simulator.openai_chat import chat
from litellm_plugins.simulator.openai_completions import completions
from litellm_plugins.simulator.openai_embeddings import embeddings
from litellm_plugins.simulator.openai_responses import input_tokens, responses
from litellm_plugins.simulator.paced import json_reply
from litellm_plugins.simulator.wire import Call, Endpoint, Headers, RequestError, WireProtocol

_CREATED = 1_735_689_600  # 2025-01-01: the same on every run


def _models(call: Call) -> Response:
    """`GET /v1/models`."""
    data = [
        {"id": model, "object": "model", "created": _CREATED, "owned_by": "simulator"} for model in call.settings.models
    ]
    return json_reply({"object": "list", "data": data}, call.record)


def bearer(headers: Headers) -> str | None:
    """The bearer token of a request."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _error_body(error: RequestError) -> dict[str, Any]:
    return {
        "error": {
            "message": error.message,
            "type": _error_type(error.status),
            "param": error.param,
            "code": error.code,
        }
    }


def _error_type(status: int) -> str:
    if status >= 500:
        return "server_error"
    return "requests" if status == 429 else "invalid_request_error"


OPENAI = WireProtocol(
    endpoints=(
        Endpoint("chat", "POST", ("/v1/chat/completions", "/chat/completions"), chat),
        Endpoint("completions", "POST", ("/v1/completions", "/completions"), completions),
        Endpoint("responses", "POST", ("/v1/responses", "/responses"), responses),
        Endpoint("input_tokens", "POST", ("/v1/responses/input_tokens", "/responses/input_tokens"), input_tokens),
        Endpoint("embeddings", "POST", ("/v1/embeddings", "/embeddings"), embeddings),
        Endpoint("models", "GET", ("/v1/models", "/models"), _models),
        Endpoint("files", "POST", ("/v1/files", "/files"), batches.upload, takes_json=False),
        Endpoint("files", "GET", ("/v1/files/{id}", "/files/{id}"), batches.file),
        Endpoint("files", "DELETE", ("/v1/files/{id}", "/files/{id}"), batches.delete_file),
        Endpoint("file_content", "GET", ("/v1/files/{id}/content", "/files/{id}/content"), batches.file_content),
        Endpoint("create_batch", "POST", ("/v1/batches", "/batches"), batches.create),
        Endpoint("batches", "GET", ("/v1/batches", "/batches"), batches.listed),
        Endpoint("batches", "GET", ("/v1/batches/{id}", "/batches/{id}"), batches.retrieve),
        Endpoint(
            "cancel_batch",
            "POST",
            ("/v1/batches/{id}/cancel", "/batches/{id}/cancel"),
            batches.cancel,
            takes_json=False,
        ),
    ),
    credential=bearer,
    error_body=_error_body,
)
