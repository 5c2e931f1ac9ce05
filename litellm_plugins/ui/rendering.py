"""Jinja templates of the package's own: escaping is always on, and a name that is missing is a fault."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from litellm_plugins.ui import words

_FOLDER = Path(__file__).parent
STATIC = {"style.css": "text/css; charset=utf-8", "keys.js": "text/javascript; charset=utf-8"}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "cut": words.cut,
        "usd": words.usd,
        "count": words.count,
        "percent": words.percent,
        "moment": words.moment,
    }
    return made


def render(template: str, **given: object) -> str:
    """A page. Everything given is text to Jinja, and so escaped."""
    return _environment().get_template(template).render(version=version(), **given)


@cache
def static(name: str) -> bytes:
    """One of `STATIC`. Raises: KeyError for any other."""
    STATIC[name]
    return (_FOLDER / "static" / name).read_bytes()


@cache
def version() -> str:
    """Changes with whatever is static, so that browsers may keep it."""
    return hashlib.sha256(b"".join(static(name) for name in sorted(STATIC))).hexdigest()[:12]
