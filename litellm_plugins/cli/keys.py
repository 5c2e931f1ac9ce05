"""`litellm-plugins keys`: virtual keys without a database."""

from __future__ import annotations

import difflib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from litellm_plugins.cli.keys_files import Place, named, options
from litellm_plugins.settings.virtual_keys import moment
from litellm_plugins.virtual_keys.editing import one_line
from litellm_plugins.virtual_keys.key_ring import KeyHolder, hash_of, new_secret

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hd])")
_COUNT = click.IntRange(min=1)
_LIMITS = ("rpm_limit", "tpm_limit", "max_parallel_requests")
_SHOWN_DIGITS = 8


@click.group()
def keys() -> None:
    """Virtual keys that live in YAML, by their hash."""


def _end(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    span = _SPAN.fullmatch(value)
    try:
        if span is None:
            moment(value)
            return value
        unit = timedelta(hours=1) if span.group(2) == "h" else timedelta(days=1)
        return (datetime.now(UTC) + int(span.group(1)) * unit).isoformat(timespec="seconds")
    except (ValueError, OverflowError) as exc:
        raise click.BadParameter(f"{exc}; or how long from now: 12h, 30d") from exc


def _block(_ctx: click.Context, _param: click.Parameter, value: str | None) -> dict[str, Any]:
    try:
        block = json.loads(value or "{}")
    except ValueError as exc:
        raise click.BadParameter(f"is not JSON: {exc}") from exc
    if not isinstance(block, dict):
        raise click.BadParameter('expected a JSON object: {"cost_center": "17"}')
    return block


@keys.command()
@click.option("--name", required=True, help="What the key is called in logs and reports.")
@click.option("--team", help="The id of the team it belongs to, as under teams.")
@click.option("--user", help="The user it belongs to.")
@click.option(
    "--model", "models", multiple=True, help="A model it may use; repeat for more. Default: what its team may."
)
@click.option("--rpm-limit", type=_COUNT, help="Requests in a minute.")
@click.option("--tpm-limit", type=_COUNT, help="Tokens in a minute.")
@click.option("--max-parallel-requests", type=_COUNT, help="Requests at once.")
@click.option("--expires", callback=_end, help="2030-01-31, 2030-01-31T18:00:00+01:00, or from now on: 12h, 30d.")
@click.option("--tag", "tags", multiple=True, help="A tag on all its requests; repeat for more.")
@click.option("--metadata", callback=_block, help="A JSON object, for logs and budgets.")
@click.option("--write", is_flag=True, help="Write the entry into the keys file; the running proxy takes it up.")
@options
@click.option("--json", "as_json", is_flag=True, help="Print secret and YAML entry as JSON.")
def new(
    *,
    config: Path | None,
    file: Path | None,
    write: bool,
    as_json: bool,
    tags: tuple[str, ...],
    **told: Any,  # noqa: ANN401 - the entry's own fields, each checked by its option
) -> None:
    """Make a key. The secret is printed this once and kept nowhere; the entry holds its hash."""
    secret = new_secret()
    if tags:
        told["metadata"]["tags"] = list(tags)
    entry: dict[str, Any] = {"name": told.pop("name"), "hash": f"sha256:{hash_of(secret)}"}
    models = list(told.pop("models"))
    entry |= {name: value for name, value in ({"models": models} | told).items() if value}
    if not write:
        _print_new(secret, entry, as_json=as_json)
        return
    place = Place.of(config, file)
    edited = place.add(entry)
    if as_json:
        told_of = {"secret": secret, "entry": entry, "file": str(place.file), "comments_kept": edited.comments_kept}
        click.echo(json.dumps(told_of))
        return
    click.echo(
        f"{entry['name']} is in {place.file}{_lost(edited.comments_kept)}. Its secret, shown only now:", err=True
    )
    click.echo(secret)


def _print_new(secret: str, entry: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"secret": secret, "entry": entry}))
        return
    click.echo("The secret, shown only now:", err=True)
    click.echo(secret)
    click.echo("\nPaste under `keys:` of the keys file, or under virtual_keys.keys of the config:", err=True)
    click.echo(f"- {one_line(entry)}")


@keys.command("list")
@options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_keys(*, config: Path | None, file: Path | None, as_json: bool) -> None:
    """List keys: state, team, models, end and limits; never a secret."""
    place = Place.of(config, file)
    inline = {key.hash for key in place.inline.keys}
    rows = [_row(holder, holder.key.hash not in inline) for holder in place.together(place.filed())]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(_line(row))
    if not rows:
        click.echo(f"no keys in {place.file or 'this config'}", err=True)


def _row(holder: KeyHolder, from_file: bool) -> dict[str, Any]:
    key = holder.key
    return {
        "name": key.name,
        "id": holder.key_hash[:_SHOWN_DIGITS],
        "state": str(holder.state(datetime.now(UTC))),
        "team": key.team,
        "user": key.user,
        "models": list(key.models),
        "expires": holder.expires.isoformat(timespec="seconds") if holder.expires else None,
        **{name: getattr(key, name) for name in _LIMITS},
        "in": "file" if from_file else "config",
    }


def _line(row: dict[str, Any]) -> str:
    limits = [f"{name} {row[name]}" for name in _LIMITS if row[name]]
    until = [f"until {row['expires']}"] if row["expires"] else []
    models = f"models {', '.join(row['models']) or 'as the team'}"
    head = f"{row['name']:<24} {row['id']} {row['state']:<8} team {row['team'] or '-':<16}"
    return "  ".join([head, models, *until, *limits])


@keys.command()
@click.argument("who", metavar="NAME|HASH-PREFIX")
@options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def revoke(*, who: str, config: Path | None, file: Path | None, as_json: bool) -> None:
    """Revoke a key of the keys file, by its name or the beginning of its hash (or by the secret itself).

    It stays in the file, marked: so that it cannot come back by mistake, and its holder is told why.
    """
    place = Place.of(config, file)
    filed = place.filed()
    key = named(filed.keys, who)
    if key is None:
        raise click.ClickException(_unknown(place, [each.name for each in filed.keys], who))
    edited = None if key.revoked else place.revoke(key)
    kept = edited is None or edited.comments_kept
    if as_json:
        told = {"name": key.name, "id": key.hash.removeprefix("sha256:")[:_SHOWN_DIGITS], "state": "revoked"}
        click.echo(json.dumps({**told, "changed": edited is not None, "file": str(place.file), "comments_kept": kept}))
        return
    click.echo(f"{key.name} {'is revoked' if edited else 'was revoked before'}: {place.file}{_lost(kept)}")


def _unknown(place: Place, names: list[str], who: str) -> str:
    inline = named(place.inline.keys, who)
    if inline is not None:
        return f"{inline.name} stands in {place.config} itself: write `revoked: true` beside its hash there"
    if place.file is None:
        return f"{place.config} names no virtual_keys.file; name one with --file"
    if who.startswith("sk-"):
        return f"{place.file} has no such key"
    near = difflib.get_close_matches(who, names, n=1)
    return f"{place.file} has no key {who}" + (f"; did you mean {near[0]}?" if near else "")


def _lost(comments_kept: bool) -> str:
    return "" if comments_kept else " (written anew: the comments in it are lost)"
