"""What every command group that asks the pack something shares: whom it asks, and how it prints the answer."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import click
import httpx

from litellm_plugins.cli.run import read_env_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from rich.console import Console

_TIMEOUT_S = 300.0  # a batch of rows is embedded before the answer comes
_WIDTH = 150  # where no terminal says how wide it is

F = TypeVar("F", bound=Callable[..., Any])
Json = dict[str, Any]


class Client(Protocol):
    """Asks for one operation. Raises: click.ClickException in words."""

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        """`given` is the query of a GET, the body of a POST."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class RemoteClient:
    """The proxy at `url`, as the admin who holds `key`."""

    def __init__(self, url: str, key: str, *, root: str, or_config: bool = True) -> None:
        """`or_config`: whether the command can do without a proxy."""
        self._root, self._or_config = root, or_config
        self._url = url.rstrip("/")
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=_TIMEOUT_S)

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        arguments: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
        try:
            response = self._http.request(method, self._root + path, **arguments)
        except httpx.HTTPError as exc:
            told = f"no proxy answers at {self._url} ({type(exc).__name__}); name another with --url"
            if self._or_config:
                told += ", or give --config proxy_config.yaml to work on the store itself"
            raise click.ClickException(told) from exc
        if response.status_code != httpx.codes.OK:
            raise click.ClickException(_message(response))
        body: Json = response.json()
        return body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()


def through_proxy(root: str) -> Callable[[F], F]:
    """Gives a command a client of the running proxy's `root`, and the options that say where it is."""

    def decorate(command: F) -> F:
        @click.option("--url", envvar="LITELLM_PLUGINS_URL", default="http://127.0.0.1:4000", show_default=True)
        @click.option("--key", "admin_key", envvar="LITELLM_MASTER_KEY", help="An admin's key; default: of .env.")
        @click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
        @functools.wraps(command)
        def run(*args: Any, url: str, admin_key: str | None, **options: Any) -> None:  # noqa: ANN401
            with _remote(url, admin_key, root, or_config=False) as client:
                command(client, *args, **options)

        return run  # type: ignore[return-value]  # click takes what it is given

    return decorate


def connected(root: str, local: Callable[[Path], Client], *, what: str) -> Callable[[F], F]:
    """Gives a command a client, and the options that say to what: the running proxy's `root`, or `local`."""

    def decorate(command: F) -> F:
        @click.option("--url", envvar="LITELLM_PLUGINS_URL", default="http://127.0.0.1:4000", show_default=True)
        @click.option("--key", "admin_key", envvar="LITELLM_MASTER_KEY", help="An admin's key; default: of .env.")
        @click.option("--config", "path", type=click.Path(path_type=Path), help=f"Work on this config's {what} itself.")
        @click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
        @functools.wraps(command)
        def run(*args: Any, url: str, admin_key: str | None, path: Path | None, **options: Any) -> None:  # noqa: ANN401
            try:
                with _remote(url, admin_key, root) if path is None else local(path) as client:
                    command(client, *args, **options)
            except PluginError as exc:
                raise click.ClickException(str(exc)) from exc

        return run  # type: ignore[return-value]  # click takes what it is given

    return decorate


def show(told: Mapping[str, Any], as_json: bool, table: Callable[[Console], None]) -> None:
    """Print what was told: as JSON, or as whatever `table` draws."""
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    # No markup: a user's "[/b]" is a user's, and no tag that was never opened.
    table(Console(width=None if sys.stdout.isatty() else _WIDTH, markup=False, emoji=False))


def admin_key_of(given: str | None) -> str | None:
    """What was given, or else what `.env` says."""
    return given or read_env_file(Path(".env")).get("LITELLM_MASTER_KEY")


def plain(text: str) -> str:
    """As it may stand on a terminal: what would move its cursor or colour it is shown as a sign."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def _remote(url: str, admin_key: str | None, root: str, *, or_config: bool = True) -> Client:
    key = admin_key_of(admin_key)
    if not key:
        raise click.ClickException("no admin key: set LITELLM_MASTER_KEY or give --key")
    return RemoteClient(url, key, root=root, or_config=or_config)


def _message(response: httpx.Response) -> str:
    try:
        return f"{response.status_code}: {response.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} from {response.url}: is this a proxy with the pack, and this part of it on?"
