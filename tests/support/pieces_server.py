"""A provider of what is not priced by tokens: pictures, speech, transcripts, re-ranking, moderation, searches.

A real HTTP server; it keeps what it was asked, whatever the path, and answers what it knows. It does not keep the
looks at its list of models: the host takes one of its own at boot, and every five minutes.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_USAGE = {"input_tokens": 10, "output_tokens": 1_000, "total_tokens": 1_010}
_OF_TEXT = {"input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}
_PICTURE = {"created": 1, "data": [{"url": "http://127.0.0.1/cat.png"}], "usage": {**_USAGE, **_OF_TEXT}}
_LIST = ("GET", "/v1/models")
_BILLED = {"billed_units": {"search_units": 1}}
_FILE = {"purpose": "batch", "status": "processed"}
_JSON: dict[str, Any] = {
    "/v1/images/generations": _PICTURE,
    "/v1/images/edits": _PICTURE,
    "/v1/audio/transcriptions": {"text": "hello there"},
    "/v1/moderations": {"id": "modr-1", "model": "omni-moderation-latest", "results": []},
    "/v2/rerank": {"id": "r", "results": [{"index": 0, "relevance_score": 0.9}], "meta": _BILLED},
    "/v1/files": {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "x", **_FILE},
    "/search": {"query": "q", "results": [{"title": "t", "url": "http://127.0.0.1/t", "content": "what was found"}]},
}


class PiecesServer:
    """A context manager that starts and stops it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

            def do_GET(self) -> None:
                self._answer()

            def _answer(self, asked: bytes = b"") -> None:
                if (self.command, self.path) != _LIST:
                    outer.asked.append(self.path)
                known = _JSON.get(self.path.partition("?")[0])
                if known and b"without usage" in asked:
                    known = {name: value for name, value in known.items() if name != "usage"}
                body, kind = json.dumps(known or {"error": {"message": "no such path"}}).encode(), "application/json"
                if self.path == "/v1/audio/speech":
                    known, body, kind = True, b"RIFF" * 10, "audio/mpeg"
                self.send_response(200 if known else 404)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
