"""Token counts without an answer, the same for every protocol that has them."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator.faults import HEADER, parse_fault, raise_if_failing
from litellm_plugins.simulator.latency import draw_pace
from litellm_plugins.simulator.openai_request import ChatRequest, prompt_tokens
from litellm_plugins.simulator.paced import json_reply
from litellm_plugins.simulator.tokens import tokenizer_for
from litellm_plugins.simulator.wire import Call


def counted(
    call: Call, request: ChatRequest, worded: Callable[[int], dict[str, Any]], headers: Mapping[str, str]
) -> Response:
    """What the request would be billed as input; as slow as an embedding.

    Faults come by header only: a message is often counted on its way.

    Raises:
        RequestError: the header asks for an error.
    """
    fault = parse_fault(call.headers.get(HEADER, ""), "")
    raise_if_failing(fault)
    tokens = prompt_tokens(request, tokenizer_for(request.prompt.model))
    wait_s = draw_pace("embedding", request.prompt.seed, call.settings.latency_scale).first_token_s + fault.stall_s
    return json_reply(worded(tokens), call.record, due_s=wait_s, headers=headers, ending=fault.ending)
