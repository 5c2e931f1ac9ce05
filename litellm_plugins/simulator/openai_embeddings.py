"""Embeddings in OpenAI's wire protocol."""

import base64
import hashlib
import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import orjson
from starlette.responses import Response

from litellm_plugins.simulator.faults import HEADER, parse_fault, raise_if_failing
from litellm_plugins.simulator.latency import draw_pace
from litellm_plugins.simulator.openai_request import model_of
from litellm_plugins.simulator.paced import json_reply
from litellm_plugins.simulator.tokens import tokenizer_for
from litellm_plugins.simulator.vectors import embed
from litellm_plugins.simulator.wire import Call, RequestError

if TYPE_CHECKING:
    from array import array

_DIMENSIONS = {"text-embedding-3-large": 3072}
_USUAL_DIMENSIONS = 1536
_MAX_INPUTS = 2048

Input = str | list[int]


def embeddings(call: Call) -> Response:
    """`POST /v1/embeddings`. Faults come by header only: a chat's text is often embedded on its way."""
    model, inputs = model_of(call.body), _inputs_of(call.body)
    fault = parse_fault(call.headers.get(HEADER, ""), "")
    raise_if_failing(fault)
    dimensions, encoded = _dimensions_of(call.body, model), call.body.get("encoding_format") == "base64"
    vectors = [_encoded(embed(_words_of(each), dimensions), encoded) for each in inputs]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    tokenizer = tokenizer_for(model)
    tokens = sum(tokenizer.count(each) if isinstance(each, str) else len(each) for each in inputs)
    call.record.asks(model, tokens)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    seed = hashlib.sha256(orjson.dumps([model, inputs])).digest()
    wait_s = draw_pace(model, seed, call.settings.latency_scale).first_token_s + fault.stall_s
    body = {"object": "list", "data": data, "model": model, "usage": usage}
    return json_reply(body, call.record, due_s=wait_s, ending=fault.ending)


def _inputs_of(body: dict[str, Any]) -> list[Input]:
    """One text, several, one row of token numbers, or several."""
    given = body.get("input")
    inputs = [given] if isinstance(given, str) or _is_tokens(given) else given
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= _MAX_INPUTS:
        raise RequestError(400, f"'input' must be a text or up to {_MAX_INPUTS} of them", param="input")
    for each in inputs:
        if not each or not (isinstance(each, str) or _is_tokens(each)):
            raise RequestError(400, "'input' must be made of texts that are not empty", param="input")
    return inputs


def _is_tokens(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and bool(value) and all(isinstance(token, int) for token in value)


def _words_of(given: Input) -> str:
    return given if isinstance(given, str) else " ".join(map(str, given))


def _dimensions_of(body: dict[str, Any], model: str) -> int:
    usual = _DIMENSIONS.get(model.rpartition("/")[2], _USUAL_DIMENSIONS)
    dimensions = body.get("dimensions") or usual
    if not isinstance(dimensions, int) or not 1 <= dimensions <= usual:
        raise RequestError(400, f"'dimensions' must be from 1 to {usual}", param="dimensions")
    return dimensions


def _encoded(vector: "array[float]", as_base64: bool) -> str | list[float]:
    if not as_base64:
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
