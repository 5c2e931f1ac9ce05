"""Fields of Anthropic's requests: read, and refused in Anthropic's words."""

from collections.abc import Mapping
from typing import Any, TypeVar

from litellm_plugins.simulator.wire import RequestError

T = TypeVar("T")

_KIND_NAMES: dict[type, str] = {
    bool: "boolean",
    dict: "dictionary",
    int: "integer",
    list: "list",
    str: "string",
}


def refused(at: str, why: str) -> RequestError:
    """An error about the field at that place, for `raise`."""
    return RequestError(400, f"{at}: {why}", param=at)


def required(fields: Mapping[str, Any], name: str, kind: type[T], within: str = "") -> T:
    """The value under that name. Raises: RequestError, where it is missing or of another kind."""
    at = _place(within, name)
    if fields.get(name) is None:
        raise refused(at, "Field required")
    return _of_kind(fields[name], kind, at)


def optional(fields: Mapping[str, Any], name: str, kind: type[T], within: str = "") -> T | None:
    """The same, or None where it is missing."""
    return None if fields.get(name) is None else _of_kind(fields[name], kind, _place(within, name))


def objects(fields: Mapping[str, Any], name: str, within: str = "") -> list[dict[str, Any]]:
    """A list of objects; empty where it is missing."""
    at = _place(within, name)
    return [
        _of_kind(each, dict, f"{at}.{index}") for index, each in enumerate(optional(fields, name, list, within) or [])
    ]


def number(fields: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    """A number within these bounds, or None where it is missing."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise refused(name, "Input should be a valid number")
    if value < least:
        raise refused(name, f"Input should be greater than or equal to {least:g}")
    if value > most:
        raise refused(name, f"Input should be less than or equal to {most:g}")
    return value


def _of_kind(value: object, kind: type[T], at: str) -> T:
    # In Python, but not in JSON, True is a whole number.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise refused(at, f"Input should be a valid {_KIND_NAMES[kind]}")
    return value


def _place(within: str, name: str) -> str:
    return f"{within}.{name}" if within else name
