"""A stand-in for Langfuse's public REST API: annotation queues, score configs, scores, datasets, as it is published.

Shapes, names and refusals after https://github.com/langfuse/langfuse/tree/main/fern/apis/server/definition:
`annotation-queues.yml`, `score-configs.yml`, `legacy/scores-v2.yml`, `datasets.yml`, `dataset-items.yml`. Every list is
paged, 100 at most; scores come newest first. It can be told to fail, in each of the ways in which a server does.
"""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self
from urllib.parse import parse_qsl, urlsplit

QUEUES, CONFIGS, SCORES = "/annotation-queues", "/score-configs", "/v2/scores"
DATASETS, DATASET_ITEMS = "/v2/datasets", "/dataset-items"
_ROOT = "/api/public"
_MOST = 100
_HANGS_S = 3.0

Json = dict[str, Any]
How = Literal["status", "lost", "hang", "cut", "half"]


@dataclass(slots=True)
class Trouble:
    """The next `times` requests of that kind fail, once `after` of them went well.

    status: answered with `status`, and nothing is done. lost: it is done, and the answer is a 500. hang: it is done,
    and no answer comes in time. cut: the connection ends within the answer. half: a page has half of its rows.
    """

    method: str
    path: str  # how it ends
    how: How
    status: int = 500
    times: int = 1
    after: int = 0
    retry_after: str = ""


class LangfuseApi:
    """A real HTTP server in a thread, on a free port. A context manager."""

    def __init__(self, *, page: int = _MOST) -> None:
        self.public_key, self.secret_key = "pk-lf-" + secrets.token_hex(8), "sk-lf-" + secrets.token_hex(8)
        self.page = page  # rows of a page, whatever more is asked for
        self.lists: dict[str, list[Json]] = {QUEUES: [], CONFIGS: [], SCORES: [], DATASETS: [], DATASET_ITEMS: []}
        self.troubles: list[Trouble] = []
        self.requests: list[tuple[str, str]] = []
        self.asked_at: list[float] = []
        self._lock, self._ids = threading.RLock(), itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"api": self}))
        self._server.daemon_threads = True
        serving = {"poll_interval": 0.02}  # it ends as soon as a test does
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serving, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def env(self) -> dict[str, str]:
        """What points the pack here."""
        keys = {"LANGFUSE_PUBLIC_KEY": self.public_key, "LANGFUSE_SECRET_KEY": self.secret_key}
        return {"LANGFUSE_HOST": self.url, **keys}

    def fail(self, trouble: Trouble) -> None:
        """From now on."""
        with self._lock:
            self.troubles.append(trouble)

    def items(self, queue: str) -> list[Json]:
        """Of the queue of that name."""
        with self._lock:
            [found] = [each for each in self.lists[QUEUES] if each["name"] == queue]
            return list(self.lists.get(f"{QUEUES}/{found['id']}/items", []))

    def say(self, trace: str, word: str, *, at_s: float | None = None, name: str = "review", **more: Any) -> Json:
        """A reviewer scores a trace in Langfuse's own page."""
        at = _iso(time.time() - 1 if at_s is None else at_s)
        score = {
            "id": self.new_id("score"), "traceId": trace, "name": name, "source": "ANNOTATION", "timestamp": at,
            "createdAt": at, "updatedAt": at, "authorUserId": "ada", "dataType": "CATEGORICAL",
            "stringValue": word, "value": float(word == "right"), **more,
        }  # fmt: skip
        with self._lock:
            self.lists[SCORES].append(score)
        return score

    def new_id(self, kind: str) -> str:
        """One of its own."""
        return f"{kind}-{next(self._ids)}"

    def count(self, method: str, ends: str) -> int:
        """How many such requests came."""
        with self._lock:
            return sum(each[0] == method and each[1].endswith(ends) for each in self.requests)

    def trouble(self, method: str, path: str) -> Trouble | None:
        """What is to go wrong with this one."""
        with self._lock:
            self.requests.append((method, path))
            self.asked_at.append(time.monotonic())
            for each in self.troubles:
                if each.method == method and path.endswith(each.path) and each.times:
                    if each.after:
                        each.after -= 1
                        continue
                    each.times -= 1
                    return each
        return None

    def authorised(self, header: str) -> bool:
        """Whether it is basic auth with these keys."""
        expected = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        return header == f"Basic {expected}"

    def read(self, path: str, query: Mapping[str, str]) -> tuple[int, Json]:
        """One page of a list."""
        with self._lock:
            rows = self.lists.get(path)
            if rows is None:
                return 404, {"message": "not found"}
            limit, page = int(query.get("limit", 50)), int(query.get("page", 1))
            if not 1 <= limit <= _MOST:
                return 400, {"message": "limit"}
            limit, rows = min(limit, self.page), list(rows)
        if path == SCORES:
            rows = _scores(rows, query)
        pages = -(-len(rows) // limit)
        meta = {"page": page, "limit": limit, "totalItems": len(rows), "totalPages": pages}
        return 200, {"data": rows[(page - 1) * limit : page * limit], "meta": meta}

    def write(self, path: str, told: Json) -> tuple[int, Json]:
        """Make, or replace, what was sent."""
        with self._lock:
            made = {"id": self.new_id("made"), **told}
            if path == QUEUES:
                known = {each["id"] for each in self.lists[CONFIGS]}
                if not told.get("scoreConfigIds") or not set(told["scoreConfigIds"]) <= known:
                    return 400, {"message": "scoreConfigIds"}
                if any(each["name"] == told["name"] for each in self.lists[QUEUES]):
                    return 409, {"message": "name"}
                self.lists[f"{QUEUES}/{made['id']}/items"] = []
            elif path.endswith("/items") and path in self.lists:
                if set(told) != {"objectId", "objectType"}:
                    return 400, {"message": "objectId"}
                made |= {"status": "PENDING"}
            elif path == CONFIGS:
                made |= {"isArchived": False}
            elif path in (DATASETS, DATASET_ITEMS):
                name = "name" if path == DATASETS else "id"
                self.lists[path] = [each for each in self.lists[path] if each[name] != told[name]]
            else:
                return 404, {"message": "not found"}
            self.lists[path].append(made)
            return 200, made

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers for the `api` of its subclass."""

    protocol_version = "HTTP/1.1"
    api: ClassVar[LangfuseApi]

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing on stderr."""

    def _answer(self, body: bytes | None) -> None:
        split = urlsplit(self.path)
        path = split.path.removeprefix(_ROOT)
        if not self.api.authorised(self.headers.get("authorization", "")):
            self._reply(401, {"message": "unauthorised"})
            return
        trouble = self.api.trouble(self.command, path)
        if trouble is not None and trouble.how == "status":
            self._reply(trouble.status, {"message": "trouble"}, retry_after=trouble.retry_after)
            return
        if body is None:
            status, told = self.api.read(path, dict(parse_qsl(split.query)))
        else:
            status, told = self.api.write(path, json.loads(body))
        if trouble is None:
            self._reply(status, told)
        elif trouble.how == "lost":
            self._reply(500, {"message": "lost"})
        elif trouble.how == "half":
            self._reply(status, {**told, "data": told["data"][: len(told["data"]) // 2]})
        elif trouble.how == "hang":
            time.sleep(_HANGS_S)
            self.close_connection = True
        else:
            self._reply(status, told, cut=True)

    def _reply(self, status: int, told: Json, *, retry_after: str = "", cut: bool = False) -> None:
        body = json.dumps(told).encode()
        self.send_response(HTTPStatus(status))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry_after:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut


def _scores(rows: list[Json], query: Mapping[str, str]) -> list[Json]:
    found = [
        each
        for each in rows
        if query.get("name") in (None, each["name"])
        and query.get("source") in (None, each["source"])
        and query.get("fromTimestamp", "") <= each["timestamp"] < query.get("toTimestamp", "9")
    ]
    return sorted(found, key=lambda each: str(each["timestamp"]), reverse=True)


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
