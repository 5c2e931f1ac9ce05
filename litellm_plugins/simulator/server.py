"""Starting and stopping a simulator: in a thread, in a process of its own, or from the command line."""

import argparse
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import uvicorn

from litellm_plugins.simulator.app import build_app
from litellm_plugins.simulator.running import RunningSimulator
from litellm_plugins.simulator.settings import SimulatorSettings

LOCALHOST = "127.0.0.1"
DEFAULT_PORT = 8100

_ANNOUNCEMENT = "simulator listening on "
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0
# Longer than clients keep a connection that idles (LiteLLM: 120). Closed just as a request is sent on it, it would be
# an error that no client may mend by asking again.
_IDLE_S = 300


class Simulator(RunningSimulator):
    """A simulator in a thread of this process: `with Simulator() as simulator: ... simulator.url`.

    Port 0 takes a free one.
    """

    def __init__(self, settings: SimulatorSettings | None = None, *, host: str = LOCALHOST, port: int = 0) -> None:
        self._settings = settings or SimulatorSettings()
        super().__init__(self._settings.api_key)
        self._address = (host, port)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises: OSError, where the port is taken."""
        listener = _listen(*self._address)
        server = _server(self._settings)
        thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
        thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the simulator did not start")
            time.sleep(0.005)
        self._server, self._thread = server, thread
        self._base_url = _url_of(listener)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_TIMEOUT_S)
        self._server = self._thread = self._base_url = None


class SimulatorProcess(RunningSimulator):
    """A simulator in a process of its own, so that a benchmark's numbers do not include what it costs."""

    def __init__(self, settings: SimulatorSettings | None = None, *, port: int = 0) -> None:
        self._settings = settings or SimulatorSettings()
        super().__init__(self._settings.api_key)
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Raises: RuntimeError, where the process ended instead; it has said why on stderr."""
        scale, key = str(self._settings.latency_scale), self._settings.api_key
        command = [sys.executable, "-m", __package__, "--port", str(self._port), "--latency-scale", scale]
        command += ["--api-key", key] if key is not None else []
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith(_ANNOUNCEMENT):
            self.stop()
            raise RuntimeError("the simulator did not start")
        self._base_url = line.removeprefix(_ANNOUNCEMENT).strip()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with self._process:  # waits, and closes the pipe
                pass
        self._process = self._base_url = None


def serve(settings: SimulatorSettings, *, host: str = LOCALHOST, port: int = DEFAULT_PORT) -> None:
    """Runs in this thread until it is interrupted; says its address on stdout once it accepts connections."""
    listener = _listen(host, port)
    sys.stdout.write(f"{_ANNOUNCEMENT}{_url_of(listener)}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        _server(settings).run([listener])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m litellm_plugins.simulator",
        description="A local provider that speaks OpenAI's and Anthropic's protocols, to try settings without a bill.",
    )
    parser.add_argument("--host", default=LOCALHOST, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: 8100)")
    parser.add_argument("--latency-scale", type=float, default=1.0, help="times every wait (default: 1.0)")
    parser.add_argument("--api-key", help="the key that clients must send (default: any, or none)")
    given = parser.parse_args(arguments)
    settings = SimulatorSettings(latency_scale=given.latency_scale, api_key=given.api_key)
    serve(settings, host=given.host, port=given.port)


def _server(settings: SimulatorSettings) -> uvicorn.Server:
    config = uvicorn.Config(
        build_app(settings),
        access_log=False,
        log_config=None,  # the process's own logging, if any, stays as it is
        log_level="warning",
        ws="none",
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=_IDLE_S,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    # From here on connections queue, so a client that comes before the server has started only waits.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
