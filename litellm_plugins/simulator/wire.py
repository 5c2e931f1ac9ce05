"""The seam between the server and a wire protocol: one `WireProtocol` per provider, each in its own files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator.conversations import Conversations
from litellm_plugins.simulator.prompt_cache import PromptCache
from litellm_plugins.simulator.recorder import Record
from litellm_plugins.simulator.settings import SimulatorSettings
from litellm_plugins.simulator.shelf import Shelf

Headers = Mapping[str, str]


class RequestError(Exception):
    """A request that is answered with an error, in no protocol's words."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
        stall_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s
        self.stall_s = stall_s


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request with its parsed body (empty where the method has none)."""

    body: dict[str, Any]
    headers: Headers
    record: Record
    conversations: Conversations
    settings: SimulatorSettings
    prompt_cache: PromptCache  # of the messages protocol
    shelf: Shelf  # of files and batches
    raw: bytes = b""  # the body, of an endpoint that takes forms
    params: Mapping[str, str] = field(default_factory=dict)  # of the path and the query


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answer` computes and never waits: what waits is the response that it returns.

    Raises, from `answer`: RequestError.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    answer: Callable[[Call], Response]
    takes_json: bool = True  # else a form, or nothing


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """`credential` reads the key that a request carries; `error_body` words an error as the protocol does."""

    endpoints: tuple[Endpoint, ...]
    credential: Callable[[Headers], str | None]
    error_body: Callable[[RequestError], dict[str, Any]]
