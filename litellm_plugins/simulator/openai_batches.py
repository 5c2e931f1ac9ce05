"""Files and batches in OpenAI's wire protocol: chat completions put off, at half the price.

A batch's requests are answered together, once `batch_s` has passed (times `latency_scale`): validating, in_progress,
finalizing, completed, each for a third of it. `SimulatorSettings.batch_fate` may say another end.
"""

import secrets
import time
from dataclasses import replace
from typing import Any

import orjson
from starlette.responses import Response

from litellm_plugins.simulator.multipart import form_of
from litellm_plugins.simulator.openai_chat import whole_completion
from litellm_plugins.simulator.openai_request import given_of
from litellm_plugins.simulator.paced import json_reply, raw_reply
from litellm_plugins.simulator.recorder import Record
from litellm_plugins.simulator.shelf import ENDED, Batch, BatchStatus, File
from litellm_plugins.simulator.wire import Call, RequestError

_ENDPOINT = "/v1/chat/completions"
_WINDOW = "24h"
_MOST_ROWS = 50_000
_MOST_METADATA = 16
_PAGE, _MOST_PAGE = 20, 100
_ON_ITS_WAY: tuple[BatchStatus, ...] = ("validating", "in_progress", "finalizing")
_TOO_LATE = "This request could not be executed before the completion window expired."
_TAKEN_BACK = "This request was cancelled."


def upload(call: Call) -> Response:
    """`POST /v1/files`."""
    fields, files = form_of(call.raw, call.headers.get("content-type", ""))
    if fields.get("purpose") != "batch":
        raise RequestError(400, "'purpose' must be 'batch': this simulator keeps no other files", param="purpose")
    if "file" not in files:
        raise RequestError(400, "'file' is a required property", param="file")
    name, content = files["file"]
    return json_reply(call.shelf.put(name, "batch", content, int(time.time())).as_json(), call.record)


def file_content(call: Call) -> Response:
    """`GET /v1/files/{id}/content`."""
    return raw_reply(_file(call, call.params["id"]).content, call.record)


def file(call: Call) -> Response:
    """`GET /v1/files/{id}`."""
    return json_reply(_file(call, call.params["id"]).as_json(), call.record)


def delete_file(call: Call) -> Response:
    """`DELETE /v1/files/{id}`."""
    found = _file(call, call.params["id"])
    del call.shelf.files[found.id]
    return json_reply({"id": found.id, "object": "file", "deleted": True}, call.record)


def create(call: Call) -> Response:
    """`POST /v1/batches`."""
    body = call.body
    found = _file(call, str(body.get("input_file_id") or ""))
    if body.get("endpoint") != _ENDPOINT:
        raise RequestError(400, f"'endpoint' must be {_ENDPOINT}", param="endpoint", code="invalid_value")
    if body.get("completion_window") != _WINDOW:
        raise RequestError(400, f"'completion_window' must be {_WINDOW}", param="completion_window")
    metadata: dict[str, Any] = given_of(body, "metadata", dict)
    if len(metadata) > _MOST_METADATA or not all(isinstance(value, str) for value in metadata.values()):
        raise RequestError(400, f"'metadata' holds up to {_MOST_METADATA} strings", param="metadata")
    made = call.shelf.begin(_ENDPOINT, found, metadata, now_s=int(time.time()), clock_s=call.settings.clock())
    made.rows, made.errors = _rows(found.content)
    return json_reply(made.as_json(), call.record)


def retrieve(call: Call) -> Response:
    """`GET /v1/batches/{id}`."""
    return json_reply(_moved_on(call, _batch(call)).as_json(), call.record)


def listed(call: Call) -> Response:
    """`GET /v1/batches`, the newest first."""
    everything = [_moved_on(call, batch) for batch in call.shelf.newest_first()]
    ids = [batch.id for batch in everything]
    after = call.params.get("after")
    begin = ids.index(after) + 1 if after in ids else 0
    page = everything[begin : begin + min(int(call.params.get("limit") or _PAGE), _MOST_PAGE)]
    body = {
        "object": "list",
        "data": [batch.as_json() for batch in page],
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": begin + len(page) < len(everything),
    }
    return json_reply(body, call.record)


def cancel(call: Call) -> Response:
    """`POST /v1/batches/{id}/cancel`."""
    batch = _moved_on(call, _batch(call))
    if batch.status in ENDED:
        raise RequestError(409, f"Cannot cancel a batch with status '{batch.status}'.")
    _told(batch, "cancelling")
    return json_reply(batch.as_json(), call.record)


def _moved_on(call: Call, batch: Batch) -> Batch:
    """As it stands now."""
    if batch.status in ENDED:
        return batch
    if batch.status == "cancelling":
        _end(call, batch, "cancelled", answered=False)
    elif batch.errors:
        _told(batch, "failed")
    else:
        status = call.settings.batch_fate(batch.as_json()) or _by_the_clock(call, batch)
        if status in ENDED:
            _end(call, batch, status, answered=status == "completed")
        elif status in _ON_ITS_WAY and status != batch.status:
            _told(batch, status)
    return batch


def _by_the_clock(call: Call, batch: Batch) -> BatchStatus:
    whole_s = call.settings.batch_s * call.settings.latency_scale
    passed_s = call.settings.clock() - batch.began
    if passed_s >= whole_s:
        return "completed"
    return _ON_ITS_WAY[int(len(_ON_ITS_WAY) * passed_s / whole_s)]


def _end(call: Call, batch: Batch, status: BatchStatus, *, answered: bool) -> None:
    """Write what came of its requests."""
    right: list[dict[str, Any]] = []
    wrong: list[dict[str, Any]] = []
    code, why = ("batch_cancelled", _TAKEN_BACK) if status == "cancelled" else ("batch_expired", _TOO_LATE)
    for row in batch.rows:
        head = {"id": f"batch_req_{secrets.token_hex(12)}", "custom_id": row["custom_id"]}
        if not answered:
            wrong.append({**head, "response": None, "error": {"code": code, "message": why}})
            continue
        code_of_row, body = _answered(call, row["body"])
        told = {"status_code": code_of_row, "request_id": f"req_{secrets.token_hex(16)}", "body": body}
        (right if code_of_row == 200 else wrong).append({**head, "response": told, "error": None})
    batch.completed, batch.failed = len(right), len(wrong)
    batch.output_file_id = _written(call, batch, "output", right)
    batch.error_file_id = _written(call, batch, "error", wrong)
    _told(batch, status)


def _answered(call: Call, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    record = Record("batch", "POST", _ENDPOINT, {}, None, 0)
    try:
        answer, tokens = whole_completion(replace(call, body=body, headers={}, record=record))
    except RequestError as error:
        about = {"message": error.message, "type": "invalid_request_error", "param": error.param, "code": error.code}
        return error.status, {"error": about}
    call.shelf.charge(record.model, record.prompt_tokens, tokens)
    return 200, answer


def _written(call: Call, batch: Batch, kind: str, rows: list[dict[str, Any]]) -> str | None:
    if not rows:
        return None
    content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    return call.shelf.put(f"{batch.id}_{kind}.jsonl", "batch_output", content, int(time.time())).id


def _told(batch: Batch, status: BatchStatus) -> None:
    batch.status = status
    batch.told_at.setdefault(status, int(time.time()))


def _rows(content: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The requests of a file, and what is wrong with them, each as OpenAI words it."""
    rows: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, line in enumerate(content.splitlines(), start=1):
        row = _parsed(line)
        fault = _fault_of(row, seen)
        if fault is not None:
            errors.append({"code": fault[0], "message": fault[1], "line": number, "param": None})
        elif row is not None:
            seen.add(row["custom_id"])
            rows.append(row)
    if not rows and not errors:
        errors.append({"code": "empty_file", "message": "The input file is empty.", "line": None, "param": None})
    if len(rows) > _MOST_ROWS:
        errors.append({"code": "too_many_requests", "message": f"More than {_MOST_ROWS} requests.", "line": None})
    return rows, errors


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _fault_of(row: dict[str, Any] | None, seen: set[str]) -> tuple[str, str] | None:
    if row is None:
        return "invalid_json_line", "This line is not parseable as valid JSON."
    custom_id = row.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        return "missing_required_parameter", "Missing required parameter: 'custom_id'."
    if custom_id in seen:
        return "duplicate_custom_id", f"The custom_id '{custom_id}' is there twice."
    if row.get("method") != "POST" or row.get("url") != _ENDPOINT or not isinstance(row.get("body"), dict):
        return "invalid_request", f"Expected POST, {_ENDPOINT} and a body."
    if row["body"].get("stream"):
        return "invalid_request", "Streaming is not supported in the Batch API."
    return None


def _file(call: Call, file_id: str) -> File:
    found = call.shelf.files.get(file_id)
    if found is None:
        raise RequestError(404, f"No such File object: {file_id}", param="id")
    return found


def _batch(call: Call) -> Batch:
    batch_id = call.params["id"]
    found = call.shelf.batches.get(batch_id)
    if found is None:
        raise RequestError(404, f"No batch found with id '{batch_id}'.")
    return found
