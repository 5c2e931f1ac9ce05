"""Where the keys of a proxy stand, for `litellm-plugins keys`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from litellm_plugins.cli import config_file
from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import KeysFile, VirtualKey, VirtualKeys, parse_keys
from litellm_plugins.virtual_keys.editing import Edited, with_key, with_revoked
from litellm_plugins.virtual_keys.key_ring import KeyRing, hash_of
from litellm_plugins.virtual_keys.reading import read_keys
from litellm_plugins.virtual_keys.replacing import rewrite

CONFIG = Path("proxy_config.yaml")
_FEWEST_DIGITS = 6
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Place:
    """A config's own keys, and the file with the others."""

    inline: VirtualKeys
    file: Path | None
    config: Path | None  # None: only the file was named

    @classmethod
    def of(cls, config: Path | None, file: Path | None) -> Place:
        """What the options name; without any the proxy_config.yaml that is here. Raises: click.ClickException."""
        if config is None and file is not None:
            return cls(VirtualKeys(file=str(file)), file, None)
        path = config or CONFIG
        try:
            settings = config_file.our_settings(config_file.load(path))
        except SettingsError as exc:
            raise click.ClickException(str(exc)) from exc
        inline = settings.virtual_keys if settings else VirtualKeys()
        return cls(inline, file or (Path(inline.file) if inline.file else None), path)

    def filed(self, *, may_be_missing: bool = False) -> KeysFile:
        """What the file says. Raises: click.ClickException."""
        if self.file is None or (may_be_missing and not self.file.exists()):
            return KeysFile()
        try:
            return read_keys(self.file)
        except SettingsError as exc:
            raise click.ClickException(str(exc)) from exc

    def together(self, filed: KeysFile) -> KeyRing:
        """All of both. Raises: click.ClickException, where they contradict each other."""
        if self.config is None:  # the teams may stand in the config
            return KeyRing.of(self.inline.model_copy(update={"teams": filed.teams, "keys": filed.keys}))
        try:
            return KeyRing.of(self.inline.with_file(filed))
        except ValueError as exc:
            raise click.ClickException(_told(exc)) from exc

    def add(self, entry: Mapping[str, Any]) -> Edited:
        """Write `entry` into the file, which may be a new one. Raises: click.ClickException."""
        return self._change(lambda text: with_key(text, entry))

    def revoke(self, key: VirtualKey) -> Edited:
        """Mark `key` in the file. Raises: click.ClickException."""
        return self._change(lambda text: with_revoked(text, key.hash))

    def _change(self, change: Callable[[str], Edited]) -> Edited:
        if self.file is None:
            raise click.UsageError(f"{self.config} names no virtual_keys.file; name one with --file")
        done: list[Edited] = []

        def checked(text: str) -> str:
            found = _loaded(text, str(self.file))
            if found is not None:
                parse_keys(found, root=str(self.file))
            edited = change(text)
            self.together(parse_keys(yaml.safe_load(edited.text), root=str(self.file)))
            done.append(edited)
            return edited.text

        try:
            rewrite(self.file, checked)
        except SettingsError as exc:
            raise click.ClickException(str(exc)) from exc
        except (OSError, UnicodeError) as exc:
            why = getattr(exc, "strerror", None) or exc
            raise click.ClickException(f"{self.file}: cannot be written: {why}") from exc
        return done[0]


def named(keys: tuple[VirtualKey, ...], who: str) -> VirtualKey | None:
    """The key of that name, of that hash or its beginning, or of that very secret. Raises: click.ClickException."""
    if who.startswith("sk-"):
        return next((key for key in keys if key.hash == f"sha256:{hash_of(who)}"), None)
    for key in keys:
        if key.name == who:
            return key
    digits = who.removeprefix("sha256:").lower()
    if len(digits) < _FEWEST_DIGITS:
        return None
    found = [key for key in keys if key.hash.removeprefix("sha256:").startswith(digits)]
    if len(found) > 1:
        raise click.ClickException(f"{who} is the beginning of {len(found)} hashes; give more of it")
    return found[0] if found else None


def options(command: Command) -> Command:
    """`--config` and `--file`."""
    for option in (
        click.option("--file", "file", type=click.Path(path_type=Path, dir_okay=False), help="The keys file."),
        click.option(
            "--config",
            "config",
            type=click.Path(path_type=Path),
            help=f"The proxy's config, which may name the keys file.  [default: {CONFIG}]",
        ),
    ):
        command = option(command)
    return command


def _loaded(text: str, path: str) -> object:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SettingsError([f"{path}: is not YAML; mend it first"]) from None


def _told(exc: ValueError) -> str:
    errors = getattr(exc, "errors", None)
    faults = [each["msg"].removeprefix("Value error, ") for each in errors()] if errors else [str(exc)]
    return "; ".join(faults)
