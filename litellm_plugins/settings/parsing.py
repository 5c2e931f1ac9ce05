"""From the parsed YAML to settings, and what is wrong with it in words.

Every fault is reported at once, each with the path to it and what would be right. No secret is ever repeated.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings.admission import Admission
from litellm_plugins.settings.block import Block
from litellm_plugins.settings.blocks import OVERRIDES, Cache, Settings
from litellm_plugins.settings.budget_overrides import budget_with, misplaced
from litellm_plugins.settings.budgets import Budget
from litellm_plugins.settings.compression import Compression, faults_of_rates
from litellm_plugins.settings.early_stop import EarlyStop
from litellm_plugins.settings.output import Output
from litellm_plugins.settings.policies import overridden
from litellm_plugins.settings.prompt_caching import PromptCaching
from litellm_plugins.settings.prompts import faults_of_tiers
from litellm_plugins.settings.storage_url import shown_url
from litellm_plugins.settings.virtual_keys import KeysFile

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ROOT = "callback_settings.litellm_plugins"

# The blocks that a team, key or model may have its own settings of; `cache` and `budgets` have rules of their own.
_OVERRIDABLE: dict[str, type[Block]] = {
    "admission": Admission,
    "compression": Compression,
    "prompt_caching": PromptCaching,
    "output": Output,
    "early_stop": EarlyStop,
}
_USER_INFO = re.compile(r"//[^/@\s]*@")
_SECRET = re.compile(r"sk-[^\s'\",]+")
_PLAIN = (
    (re.compile(r"^Input should be a valid tuple$"), "expected a list"),
    (re.compile(r"^Input should be a valid dictionary( or instance of \w+)?$"), "expected a block of settings"),
    (re.compile(r"^Tuple should have (at \w+ \d+ items?) after validation, not (\d+)$"), r"expected \1, got \2"),
)
# Under virtual_keys somebody may have put a key itself where its hash belongs: only these are shown again.
_SHOWN_OF_KEYS = frozenset({"id", "name", "alias", "team", "user"})


def parse(raw: object) -> Settings:
    """Settings from the parsed YAML block. Raises: SettingsError naming every fault."""
    if not isinstance(raw, Mapping):
        raise SettingsError([f"{ROOT}: expected a block of settings, got {type(raw).__name__}"])
    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as exc:
        problems += _problems(exc, Settings, ROOT)
    problems += _override_problems(raw, settings)
    if settings is not None:
        problems += _problems_of_routing(settings)
        problems += [f"{ROOT}.{fault}" for fault in (*faults_of_tiers(settings), *faults_of_rates(settings))]
        problems += _problems_of_ui(settings)
        problems += _problems_of_deferral(settings)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def parse_keys(raw: object, *, root: str) -> KeysFile:
    """Teams and keys from a parsed keys file called `root`. Raises: SettingsError naming every fault."""
    if not isinstance(raw, Mapping):
        kind = "an empty file" if raw is None else type(raw).__name__
        raise SettingsError([f"{root}: expected `teams:` and `keys:` at the top, got {kind}; no keys is `keys: []`"])
    try:
        return KeysFile.model_validate(raw)
    except ValidationError as exc:
        raise SettingsError(
            [_problem(each, KeysFile, root, at=("virtual_keys",)) for each in _first_causes(exc)]
        ) from None


def _override_problems(raw: Mapping[str, Any], settings: Settings | None) -> Iterator[str]:
    base = (settings.cache if settings else _base_of(raw)).model_dump(exclude_unset=True)
    budgets = _budgets_of(raw)
    for table in sorted(OVERRIDES):
        named = raw.get(table)
        for name, override in named.items() if isinstance(named, Mapping) else ():
            root = f"{ROOT}.{table}.{_masked(name)}"
            cache = override.get("cache") if isinstance(override, Mapping) else None
            if isinstance(cache, Mapping):
                yield from _problems_of_one(base, cache, f"{root}.cache")
            for block, kind in _OVERRIDABLE.items():
                over = override.get(block) if isinstance(override, Mapping) else None
                if isinstance(over, Mapping):
                    yield from _problems_of_override(
                        getattr(settings, block) if settings else kind(), over, f"{root}.{block}"
                    )
            over = override.get("budgets") if isinstance(override, Mapping) else None
            if isinstance(over, Mapping):
                yield from _problems_of_budgets(budgets, over, table, f"{root}.budgets")


def _problems_of_routing(settings: Settings) -> Iterator[str]:
    for table in OVERRIDES:
        for name, override in getattr(settings, table).items():
            root = f"{ROOT}.{table}.{_masked(name)}.routing"
            if table == "per_model" and override.routing.model_fields_set:
                yield f"{root}: limits are of teams and keys; a model's routes stand under routing.routers"
            else:
                yield from (f"{root}.{path}: {what}" for path, what in settings.routing.faults_of(override.routing))


def _problems_of_ui(settings: Settings) -> Iterator[str]:
    if settings.ui.enabled and not settings.insight.enabled:
        yield f"{ROOT}.ui.enabled: the page shows what insight counts; set insight.enabled to true"


def _problems_of_deferral(settings: Settings) -> Iterator[str]:
    for n, budget in enumerate(settings.budgets):
        if budget.degrade is not None and budget.degrade.defer and not settings.batch.enabled:
            yield f"{ROOT}.budgets.{n}.degrade.defer: nothing is put off while batch.enabled is false"


def _problems_of_budgets(
    budgets: Mapping[str, Budget | None], overrides: Mapping[Any, Any], table: str, root: str
) -> Iterator[str]:
    for name, over in overrides.items():
        if over is not None and not isinstance(over, Mapping):
            continue  # said by the model of the settings
        faults = [f"{root}.{_masked(name)}{fault}" for fault in misplaced(table, str(name), over, budgets)]
        yield from faults
        budget = budgets.get(str(name))
        if not faults and budget is not None and over is not None:
            try:
                budget_with(budget, over)
            except ValidationError as exc:
                yield from _problems(exc, Budget, f"{root}.{_masked(name)}")


def _budgets_of(raw: Mapping[str, Any]) -> dict[str, Budget | None]:
    """By name; None for one with faults of its own."""
    found: dict[str, Budget | None] = {}
    given = raw.get("budgets")
    for each in given if isinstance(given, list | tuple) else ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            try:
                found[each["name"]] = Budget.model_validate(each)
            except ValidationError:
                found[each["name"]] = None
    return found


def _problems_of_one(base: dict[str, Any], cache: Mapping[str, Any], root: str) -> Iterator[str]:
    semantic = cache.get("semantic")
    one_for_all = dict.fromkeys(("embedder", "embedder_threads", "reembed"), "embedder")
    one_for_all["same_answer_similarity"] = "comparison of answers"
    for name, what in one_for_all.items():
        if isinstance(semantic, Mapping) and name in semantic:
            yield f"{root}.semantic.{name}: one {what} serves all; set it under cache.semantic"
    if isinstance(semantic, Mapping) and semantic.get("judge") is not None:
        yield f"{root}.semantic.judge: one judge serves all; set it under cache.semantic, or null here to do without"
    if "stale_alarm_rate" in cache:
        yield f"{root}.stale_alarm_rate: one alarm serves all; set it under cache"
    try:
        Cache.model_validate(overridden(base, cache))
    except ValidationError as exc:
        yield from _problems(exc, Cache, root)


def _problems_of_override(base: Block, over: Mapping[str, Any], root: str) -> Iterator[str]:
    for name, what in base.one_for_all.items():
        if name in over:
            yield f"{root}.{name}: one {what} serves all; set it under {root.rpartition('.')[2]}"
    try:
        base.overridden(over)
    except ValidationError as exc:
        yield from _problems(exc, type(base), root)


def _base_of(raw: Mapping[str, Any]) -> Cache:
    try:
        return Cache.model_validate(raw.get("cache") or {})
    except ValidationError:
        return Cache()


def _problems(exc: ValidationError, model: type[BaseModel], root: str) -> list[str]:
    return [_problem(error, model, root) for error in _first_causes(exc)]


def _first_causes(exc: ValidationError) -> list[ErrorDetails]:
    """Without lists that are too short only since what stands in them is wrong: that is told by itself."""
    errors = exc.errors()
    wrong = {each["loc"][:at] for each in errors for at in range(len(each["loc"]))}
    return [each for each in errors if not (each["type"] == "too_short" and each["loc"] in wrong)]


def _problem(error: ErrorDetails, model: type[BaseModel], root: str, *, at: tuple[str, ...] = ()) -> str:
    """`at` is where in the settings `model` stands."""
    path = ".".join([root, *(_masked(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{path}: unknown setting; {hint}"
    if error["type"] == "missing":
        return f"{path}: is required"
    message = _SECRET.sub("sk-***", _in_plain_words(error["msg"].removeprefix("Value error, ")))
    return f"{path}: {message[0].lower()}{message[1:]}{_shown(error['input'], (*at, *error['loc']))}"


def _in_plain_words(message: str) -> str:
    """What YAML calls them: who writes it knows lists and blocks, no tuples and dictionaries."""
    for pattern, words in _PLAIN:
        message = pattern.sub(words, message)
    return message


def _shown(value: object, path: tuple[int | str, ...]) -> str:
    if any(str(part).endswith("_env") for part in path):  # the name of a variable; maybe its value was put there
        return ""
    if path and path[0] == "virtual_keys" and path[-1] not in _SHOWN_OF_KEYS:
        return ""
    if value is not None and not isinstance(value, str | int | float | bool):
        return ""
    if path == ("storage", "url") and isinstance(value, str):
        return f" (got {shown_url(value)!r})"
    return f" (got {_USER_INFO.sub('//***@', repr(value))})"


def _masked(part: object) -> str:
    """A step of a path; a key that was put where a name belongs is not repeated."""
    text = str(part)
    return "sk-***" if text.startswith("sk-") else text


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The field names of the model found by walking `path` from `model`."""
    current: Any = model
    around = model
    for part in path:
        if current == dict[str, dict[str, Any]]:  # what differs for a feature: it has what stands around it
            current = around
        elif isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            around, current = current, _without_none(current.model_fields[str(part)].annotation)
        else:  # an item of a list or a value of a dict: step into what it holds
            current = next((a for a in get_args(current) if isinstance(a, type) and issubclass(a, BaseModel)), current)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return list(current.model_fields)


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - whatever a field may be declared as
    """`X` of `X | None`; any other as it is."""
    kinds = get_args(annotation)
    return kinds[0] if len(kinds) == 2 and kinds[1] is type(None) else annotation
