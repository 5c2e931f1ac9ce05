"""A provider whose streams break before their first word when a question is asked for the first time."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

_BEGUN = b'event: ping\ndata: {"type": "ping"}\n\n'


class FirstBreaks:
    """In front of a provider at `url`, which answers the second time. A context manager."""

    def __init__(self, url: str) -> None:
        asked = Counter[bytes]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                asked[body] += 1
                if asked[body] == 1:
                    self._begin("text/event-stream", len(_BEGUN) + 1)  # of which the last is never sent
                    self.wfile.write(_BEGUN)
                    self.close_connection = True
                    return
                kept = {name: self.headers[name] for name in ("content-type", "x-api-key", "anthropic-version")}
                answer = httpx.post(f"{url}{self.path}", content=body, headers=kept, trust_env=False)
                self._begin(answer.headers["content-type"], len(answer.content))
                self.wfile.write(answer.content)

            def _begin(self, kind: str, length: int) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(length))
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
