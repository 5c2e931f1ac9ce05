"""A real HTTP server that takes webhooks."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Receiver:
    """Keeps what it is sent, and answers with `status` and `headers`; over TLS with a certificate and its key."""

    path = "/services/T0/B0/secret-of-the-url"

    def __init__(self, *, certificate: tuple[Path, Path] | None = None) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.got: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.bodies.append(body)
                outer.got.append((self.path, json.loads(body), dict(self.headers.items())))
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}{self.path}"

    @property
    def marks(self) -> list[float | None]:
        """Of what came, in its order."""
        return [told.get("mark") for _, told, _ in self.got]

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
