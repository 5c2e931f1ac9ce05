"""What an administrator sent, as values. Pure. An unknown field is refused: a slip must not widen a removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from litellm_plugins.cache.curated import EVERYONE
from litellm_plugins.cache.store import Selector
from litellm_plugins.cache.tags import version_tag
from litellm_plugins.errors import RequestError
from litellm_plugins.model import checked_tags

SELECTING = ("cache_id", "tag", "version", "namespace", "model", "text", "tenant", "team", "key", "curated")
_OWNERS = ("team:", "key:")  # the tenants that a curated answer is looked for under
_MAX_TEXT = 1_000
_MAX_QUESTION = 20_000
_MAX_ANSWER = 256 * 1024
_MAX_QUESTIONS = 100
_A_CENTURY_S = 3_155_760_000


@dataclass(frozen=True, slots=True)
class Curation:
    """One answer, the questions it answers, and for whom it is meant."""

    questions: tuple[str, ...]
    answer: str
    tenant: str
    namespace: str
    model_group: str | None
    system: str | None
    tags: tuple[str, ...]


def selector_of(given: Mapping[str, Any], *, also: Sequence[str] = ()) -> Selector | None:
    """The selector that `given` spells; None where it names nothing but `curated`. Raises: RequestError.

    Unless `curated` says which, curated answers are meant only where their id or a tag of theirs is named. Fields
    named in `also` may stand beside the selector's.
    """
    refuse_unknown(given, (*SELECTING, *also))
    tag, version = text_of(given, "tag"), text_of(given, "version")
    if tag is not None and version is not None:
        raise RequestError("version: give either a tag or a version", param="version")
    curated, cache_id = flag(given, "curated", default=None), text_of(given, "cache_id")
    selector = Selector(
        tenant=tenant_of(given),
        cache_id=cache_id.lower() if cache_id else None,
        tag=version_tag(version) if version else tag,
        namespace=text_of(given, "namespace", may_be_empty=True),
        model_group=text_of(given, "model"),
        text=text_of(given, "text"),
    )
    if selector.is_empty:
        return None
    named = cache_id is not None or tag is not None
    return replace(selector, pinned=False if curated is None and not named else curated)


def tenant_of(given: Mapping[str, Any]) -> str | None:
    """Whose entries: `team` and `key` by their ids, `tenant` as the statistics spell it. Raises: RequestError."""
    named = [name for name in ("tenant", "team", "key") if given.get(name) is not None]
    if not named:
        return None
    if len(named) > 1:
        raise RequestError(f"{named[1]}: give only one of tenant, team and key", param=named[1])
    value = text_of(given, named[0])
    if value is not None and value.startswith("sk-"):
        raise RequestError(f"{named[0]}: give the key's hash, not the key", param=named[0])
    return value if named[0] == "tenant" else f"{named[0]}:{value}"


def curation_of(given: Mapping[str, Any], *, also: Sequence[str] = ()) -> Curation:
    """A curated answer. Raises: RequestError."""
    known = ("question", "questions", "answer", "team", "key", "tenant", "everyone", "model", "system", "namespace")
    refuse_unknown(given, (*known, "tags", *also))
    answer = text_of(given, "answer", most=_MAX_ANSWER)
    if answer is None:
        raise RequestError("answer: is required", param="answer")
    everyone, tenant = flag(given, "everyone", default=False), tenant_of(given)
    if bool(everyone) == (tenant is not None):
        raise RequestError("team: say whom the answer is for: a team, a key, or everyone: true", param="team")
    if tenant is not None and not tenant.startswith(_OWNERS):
        raise RequestError("tenant: an answer is for a team, a key, or everyone: true", param="tenant")
    return Curation(
        questions=_questions(given),
        answer=answer,
        tenant=tenant or EVERYONE,
        namespace=text_of(given, "namespace", may_be_empty=True) or "",
        model_group=text_of(given, "model"),
        system=text_of(given, "system", most=_MAX_ANSWER, may_be_empty=True),
        tags=tags_of(given),
    )


def tags_of(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The field `tags`. Raises: RequestError."""
    tags = given.get("tags") or []
    if not isinstance(tags, list):
        raise RequestError("tags: expected a list", param="tags")
    try:
        return checked_tags(tags)
    except ValueError as exc:
        raise RequestError(f"tags: {exc}", param="tags") from exc


def seconds_of(given: Mapping[str, Any], name: str) -> float | None:
    """A lifetime. Raises: RequestError."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _A_CENTURY_S:
        raise RequestError(f"{name}: expected a number of seconds above 0", param=name)
    return float(value)


def flag(given: Mapping[str, Any], name: str, *, default: bool | None) -> bool | None:
    """True or false, as JSON or in the words of a query string. Raises: RequestError."""
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise RequestError(f"{name}: expected true or false", param=name)


def whole_number(given: Mapping[str, Any], name: str, *, default: int, most: int) -> int:
    """A number from 1 to `most`, as JSON or as text. Raises: RequestError."""
    value = given.get(name, default)
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise RequestError(f"{name}: expected a number from 1 to {most}", param=name)
    return int(text)


def text_of(given: Mapping[str, Any], name: str, *, most: int = _MAX_TEXT, may_be_empty: bool = False) -> str | None:
    """A text, None where there is none. Raises: RequestError."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not (value.strip() or may_be_empty):
        raise RequestError(f"{name}: expected a text that is not empty", param=name)
    if len(value) > most:
        raise RequestError(f"{name}: at most {most} characters, got {len(value)}", param=name)
    return value


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises: RequestError for a field that is not among the known."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise RequestError(f"{unknown[0]}: unknown; known here: {', '.join(known)}", param=unknown[0])


def _questions(given: Mapping[str, Any]) -> tuple[str, ...]:
    several = given.get("questions") or []
    if not isinstance(several, list):
        raise RequestError("questions: expected a list", param="questions")
    named = [given["question"]] if given.get("question") is not None else []
    found = [text_of({"questions": each}, "questions", most=_MAX_QUESTION) for each in [*named, *several]]
    questions = tuple(dict.fromkeys(question.strip() for question in found if question is not None))
    if not 1 <= len(questions) <= _MAX_QUESTIONS:
        raise RequestError(f"questions: expected 1 to {_MAX_QUESTIONS}", param="questions")
    return questions
