"""What the stages hand on: frozen values, no behaviour beyond what they can say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Message = Mapping[str, Any]

MAX_TAGS = 16
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,127}")
_OUR_TAGS = ("version:", "source:")  # what the pack itself writes beside an entry


class Layer(StrEnum):
    """Who answered, as header `x-litellm-plugins-cache`, metric label and trace tag say it."""

    EXACT = "exact"
    SEMANTIC = "semantic"
    COALESCED = "coalesced"  # somebody else was asking the very same: one call answered both
    MISS = "miss"
    BYPASS = "bypass"  # this request could not, or did not want to, be answered from the cache
    OFF = "off"  # the cache is switched off for it


class StopRule(StrEnum):
    """Why a stream was ended, as the client, log, metric and trace say it."""

    REPETITION = "repetition"
    COMPLETED_JSON = "completed_json"
    SENTENCE_CAP = "sentence_cap"
    TOKEN_CAP = "token_cap"  # noqa: S105 - no secret
    DOLLAR_CAP = "dollar_cap"
    STOP_PHRASE = "stop_phrase"
    STALL = "stall"
    GOOD_ENOUGH = "good_enough"


class Volatility(StrEnum):
    """How long an answer holds, and for whom: the classes, the most volatile first."""

    REALTIME = "realtime"  # seconds
    USER_SPECIFIC = "user_specific"  # one user, minutes
    FAQ = "faq"  # hours
    STATIC = "static"  # a day
    ARCHIVAL = "archival"  # weeks


class Reason(StrEnum):
    """Why. The same word stands in header, log, metric and test."""

    # hits
    SAME_REQUEST = "same_request"
    ABOVE_THRESHOLD = "above_threshold"
    VERIFIED = "verified"  # sure enough for the promised error rate
    SAME_WORDS = "same_words"  # the same question but for case, spacing and closing marks
    CURATED = "curated"  # an answer that people gave, see cache/curated.py
    IN_FLIGHT = "in_flight"  # the same request was on its way to the provider
    JUST_ASKED = "just_asked"  # the same request was answered within `coalesce.window_s`
    # misses
    SHADOW = "shadow"  # would be a hit, but nothing is served yet
    RECHECK = "recheck"  # could be served, and is answered afresh to see whether it still holds
    EMPTY = "empty"
    BELOW_THRESHOLD = "below_threshold"
    UNSURE = "unsure"  # not sure enough for the promised error rate
    SHADOW_CHECK = "shadow_check"  # sure enough, and answered afresh to learn whether that was right
    JUDGED_WRONG = "judged_wrong"  # a reviewer, or an end user, found this answer wrong for this question
    ONE_SOURCE = "one_source"  # shared by several tenants, and only one of them stands behind it
    HIDDEN_TEXT = "hidden_text"  # the nearest question, or this one, holds text that nobody sees
    NUMBERS_DIFFER = "numbers_differ"
    NEGATION_DIFFERS = "negation_differs"
    OPPOSED = "opposed"
    CODES_DIFFER = "codes_differ"
    LANGUAGE_DIFFERS = "language_differs"
    NAMES_DIFFER = "names_differ"
    QUESTION_DIFFERS = "question_differs"
    EXACT_ONLY = "exact_only"
    TOOLS_OFFERED = "tools_offered"
    LAST_TURN_NOT_USER_TEXT = "last_turn_not_user_text"
    QUESTION_NOT_READ = "question_not_read"
    TOO_OLD = "too_old"
    REFRESH = "refresh"
    STORE_UNAVAILABLE = "store_unavailable"
    EMBEDDER_UNAVAILABLE = "embedder_unavailable"
    DEADLINE = "deadline"
    # off and bypass
    DISABLED = "disabled"
    REQUESTED = "requested"
    NOT_ROLLED_OUT = "not_rolled_out"  # the key is not among those that have the cache yet
    UNSUPPORTED_ENDPOINT = "unsupported_endpoint"
    UNSUPPORTED_CONTENT = "unsupported_content"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    NO_DELIVERY = "no_delivery"  # on this path, or with these callbacks, nothing stands ready to deliver a hit
    MALFORMED = "malformed"
    NO_IDENTITY = "no_identity"
    NO_END_USER = "no_end_user"
    REALTIME = "realtime"  # its answer would be out of date at once
    PROMPT_BY_TIER = (
        "prompt_by_tier"  # its system prompt depends on the tier or model, which a router has yet to choose
    )
    CLASS_NOT_CACHED = "class_not_cached"  # another class that the settings say not to cache
    INTERNAL_ERROR = "internal_error"
    # not stored, or no longer
    NO_STORE = "no_store"
    INCOMPLETE_ANSWER = "incomplete_answer"
    EMPTY_ANSWER = "empty_answer"
    FALLBACK_ANSWER = "fallback_answer"
    ANSWER_TOO_LARGE = "answer_too_large"


class Outcome(StrEnum):
    """What a fresh answer said of the one that could have been served instead."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # they cannot be compared, or one of them is missing


class Part(StrEnum):
    """What a request did where others may have asked the same at the same time."""

    LED = "led"  # nobody else was: it went on to the provider, and others may wait for it
    TAKEN_OVER = "taken_over"  # it waited for one that failed, and led next
    FOLLOWED = "followed"  # it was served what another had asked for
    JUST_ASKED = "just_asked"  # it was served what another had been answered a moment before
    ALONE = "alone"  # it waited for an answer that cannot be shared, and went on by itself
    TIMED_OUT = "timed_out"  # it had waited long enough, and went on by itself


class JudgeOutcome(StrEnum):
    """What came of asking a judge whether two answers say the same."""

    SAME = "same"
    DIFFERENT = "different"
    UNCLEAR = "unclear"  # another reply than the one word that was asked for
    LATE = "late"
    FAILED = "failed"
    BUSY = "busy"  # not asked: too many are being asked
    BUDGET_SPENT = "budget_spent"  # not asked


class BudgetState(StrEnum):
    """How a request stands with the budgets that cover it, as header `x-litellm-plugins-budget-state` says it."""

    OK = "ok"
    SOFT = "soft"  # past a soft mark, and served as asked
    DEGRADED = "degraded"
    DENIED = "denied"


class BudgetReason(StrEnum):
    """Why it stands so. The same word stands in header, log, metric and test."""

    # ok
    NO_BUDGET = "no_budget"  # none covers it
    WITHIN = "within"
    CACHE_HIT = "cache_hit"  # it cost nothing, and nothing was reserved
    COALESCED = "coalesced"  # answered by another request's call
    LEDGER_UNAVAILABLE_ALLOWED = "ledger_unavailable_allowed"  # on_ledger_failure: allow
    # soft, degraded
    SOFT_MARK = "soft_mark"
    DEGRADED_AT_MARK = "degraded_at_mark"
    DEGRADED_AT_LIMIT = "degraded_at_limit"
    # denied
    LIMIT_REACHED = "limit_reached"
    ABOVE_LIMIT = "above_limit"  # alone it is more than a whole window may hold: no retry helps
    ABOVE_REQUEST_CAP = "above_request_cap"  # max_request_usd
    CACHE_ONLY = "cache_only"  # at the limit only cached answers are served, and there was none
    UNPRICED_MODEL = "unpriced_model"
    UNCOVERED_PATH = "uncovered_path"  # a path of which nobody says what it costs
    UNCOVERED_TOOL = "uncovered_tool"  # searches at the provider, of which nobody knows how many or at what price
    LEDGER_UNAVAILABLE = "ledger_unavailable"


class DeferReason(StrEnum):
    """Why a request that may wait was put off, or was not. The same word stands in header, log, metric and test."""

    # put off
    REQUIRED = "required"  # its client wants that
    BUDGET = "budget"  # its client allows it, and a budget asks for it
    # refused, whatever its client wants
    NO_ROOM = "no_room"  # in a budget, not even for what it costs in a batch
    # answered at once, or refused where its client wants to wait
    WITHIN_BUDGET = "within_budget"  # no budget asks for it
    CACHE_HIT = "cache_hit"
    MODEL_NOT_OFFERED = "model_not_offered"  # batch.models does not name it
    UNSUPPORTED_PROVIDER = "unsupported_provider"  # no deployment of the model has OpenAI's batches
    OWN_DEPLOYMENT = "own_deployment"  # which of the host's accounts answers depends on who asks
    HOST_BUDGET = "host_budget"  # a budget of the host's own covers it, which would not see what a batch costs
    UNSUPPORTED_ENDPOINT = "unsupported_endpoint"  # another than chat completions
    UNSUPPORTED_PARAMETER = "unsupported_parameter"  # that a line of a batch cannot carry
    STREAMED = "streamed"
    NO_DELIVERY = "no_delivery"  # on this path, or with these callbacks, nothing could answer 202
    LEDGER_UNAVAILABLE = "ledger_unavailable"  # nothing could be reserved for it
    STORE_UNAVAILABLE = "store_unavailable"
    QUEUE_FULL = "queue_full"
    TENANT_QUEUE_FULL = "tenant_queue_full"  # this tenant has its share of the queue


class RouteReason(StrEnum):
    """Why a request went to its tier. The same word stands in header, log, metric and test."""

    SCORE = "score"
    RULE = "rule"  # one of the router's rules says so: its name stands first in `because`
    SESSION_KEPT = "session_kept"  # leaving the conversation's model would cost more than it is worth
    FORCED = "forced"  # the client named it, and may
    FORCE_NOT_ALLOWED = "force_not_allowed"  # it named one, and may not: as the score says
    UNKNOWN_TIER = "unknown_tier"  # it named one that there is not: as the score says
    AS_ASKED = "as_asked"  # an old model's name: no dearer tier than its own
    MAX_TIER = "max_tier"  # the team or key goes no higher
    BUDGET_CAP = "budget_cap"  # a budget degrades to this tier
    BUDGET_MODEL = "budget_model"  # a budget degrades to a model that is in no tier
    NEEDS_VISION = "needs_vision"
    NEEDS_TOOLS = "needs_tools"
    NEEDS_JSON_SCHEMA = "needs_json_schema"
    NEEDS_CONTEXT = "needs_context"  # the prompt is longer than the model of the cheaper tier takes
    NO_MODEL_CAN = "no_model_can"  # none that is allowed: its provider will say so
    ESCALATED = "escalated"  # a cheaper tier's answer was not good enough


class KeptReason(StrEnum):
    """Why a cheaper tier's answer was served where dearer ones may be asked. The same word in header, log and test."""

    PASSED = "passed"  # it is good enough
    NO_ROOM = "no_room"  # no budget for another call
    DEARER_FAILED = "dearer_failed"  # the dearer tier was asked, and gave no answer
    CHECK_FAILED = "check_failed"  # a fault of ours
    NO_DEARER = "no_dearer"  # there is none that it may go to, or it went there before
    HELD_TOO_LONG = "held_too_long"  # the stream took longer than `hold_s`, and is told unjudged
    CLIENT_GONE = "client_gone"  # nobody waits for a better one


class CompressionReason(StrEnum):
    """What became of a request that may be compressed. The same word stands in header, log, metric and test.

    Beside these, `lost_number`, `lost_url` and so on: the checker found that something was gone, and what.
    """

    APPLIED = "applied"  # at least one text, or the tools, went out shorter
    # the original went out
    SHORT = "short"  # no text that may be touched has `min_tokens`
    NOTHING_TO_TOUCH = "nothing_to_touch"  # all of it is a question, instructions, tools' results, …
    LITTLE_SAVED = "little_saved"  # less than `min_saved`
    NO_QUESTION = "no_question"  # the turn does not say what it asks of its documents, or in none of their words
    CACHED_PREFIX = "cached_prefix"  # what is long lies before a mark for the provider's prompt cache
    DEADLINE = "deadline"
    BUSY = "busy"  # too many are being compressed
    COMPRESSOR_UNAVAILABLE = "compressor_unavailable"  # LLMLingua's process: not there, loading its model, or failing
    TOO_LONG = "too_long"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"  # `extra_body` holds messages or tools of its own
    INTERNAL_ERROR = "internal_error"


class HistoryOutcome(StrEnum):
    """How a conversation was sent."""

    WHOLE = "whole"
    TRIMMED = "trimmed"  # without its old turns
    SUMMARISED = "summarised"  # with a summary in their place


class HistoryReason(StrEnum):
    """Why old turns of a conversation went, or stayed. The same word stands in header, log, metric and test."""

    OVER_BUDGET = "over_budget"  # they went
    WITHIN_BUDGET = "within_budget"
    LAST_TURNS = "last_turns"  # it is all `keep_turns`, which stay
    CACHED_PREFIX = "cached_prefix"  # they lie before a mark for the provider's prompt cache
    SUMMARY_LATE = (
        "summary_late"  # this, and what follows: the original went out, or trimmed where `on_failure` says so
    )
    SUMMARY_FAILED = "summary_failed"
    BUSY = "busy"  # too many are being read, or summed up
    DEADLINE = "deadline"  # counting took too long
    UNSUPPORTED_PARAMETER = "unsupported_parameter"  # turns lie at the provider, or in `extra_body`
    UNSUPPORTED_CONTENT = "unsupported_content"  # references to what lies at the provider, or no messages at all


class PromptCacheReason(StrEnum):
    """Why marks were put for the provider's prompt cache, or were not. One word in header, log, metric and test."""

    STABLE_PREFIX = "stable_prefix"  # its beginning came before, and comes again soon enough to pay: marked
    FIRST_SEEN = "first_seen"
    BELOW_MINIMUM = "below_minimum"  # of the model
    PREFIX_CHANGES = "prefix_changes"
    TOO_FAR_APART = "too_far_apart"  # its requests, for any lifetime that it may have
    DOES_NOT_PAY = "does_not_pay"
    CLIENT_MARKS = "client_marks"  # stand where ours would
    NO_ROOM = "no_room"  # the client's marks are four
    HOST_MARKS = "host_marks"  # cache_control_injection_points, or the host's own automatic ones
    AUTOMATIC = "automatic"  # the provider needs none
    UNSUPPORTED = "unsupported"  # a deployment of the model takes none
    NO_PREFIX = "no_prefix"  # nothing to know it by: no tools, no system prompt, no long document


class VolatileReason(StrEnum):
    """What became of a system prompt's dates and ids, which make a prefix another one every time."""

    MOVED = "moved"
    NOT_SEEN_TO_CHANGE = "not_seen_to_change"  # yet, in this very prompt
    IN_DOUBT = "in_doubt"  # there are some, and none may be moved
    CLIENT_MARKS = "client_marks"
    UNSUPPORTED_CONTENT = "unsupported_content"  # no system prompt, more than one, or not of texts alone
    NO_VOLATILE_LINE = "no_volatile_line"


class RefusalReason(StrEnum):
    """Why a request was not let in. The same word stands in the error's code, in header, log, metric and test."""

    MISSING_FIELD = "missing_required_parameter"  # where OpenAI has a word for it, that is ours
    UNKNOWN_MODEL = "model_not_found"
    MALFORMED = "malformed"
    EMPTY_CONVERSATION = "empty_conversation"
    EMPTY_MESSAGE = "empty_message"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_MESSAGES = "too_many_messages"
    PROMPT_TOO_LONG = "prompt_too_long"
    TOO_MANY_IMAGES = "too_many_images"
    IMAGE_TOO_LARGE = "image_too_large"
    TOO_MANY_TOOLS = "too_many_tools"
    BAD_PRIORITY = "bad_priority"
    UNKNOWN_PROMPT = "unknown_prompt"  # the client names a prompt that there is not, or not for it
    NO_PLACE_FOR_PROMPT = "no_place_for_prompt"
    PROMPT_FAILED = "prompt_failed"  # a fault of ours, while its system prompt was put together


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as the host authenticated them.

    Only `end_user_id` may be the word of the key's holder: the host takes it from the body's `user` or a header.
    """

    key_id: str | None = None  # the hash of the key, never the key
    key_alias: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    user_id: str | None = None
    end_user_id: str | None = None

    @property
    def team_name(self) -> str:
        """As people know the team; empty where there is none."""
        return self.team_alias or self.team_id or ""

    @property
    def key_name(self) -> str:
        """As people know the key; empty where nobody named it."""
        return self.key_alias or ""


@dataclass(frozen=True, slots=True)
class CacheControls:
    """What the client asked of the cache for this one request."""

    bypass: bool = False  # neither look up nor store
    no_cache: bool = False  # do not look up; the fresh answer is stored
    no_store: bool = False
    ttl_s: float | None = None
    max_age_s: float | None = None
    namespace: str = ""
    tags: tuple[str, ...] = ()  # for invalidation: they do not change what the request matches


def checked_tags(values: Iterable[object], *, most: int = MAX_TAGS) -> tuple[str, ...]:
    """The tags, sorted and each once. Raises: ValueError that says what is wrong with them."""
    tags = sorted({value if isinstance(value, str) else "" for value in values})
    if len(tags) > most:
        raise ValueError(f"at most {most} tags, got {len(tags)}")
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ValueError("a tag is 1 to 128 letters, digits or _.:/@+- and begins with a letter or digit")
        if tag.startswith(_OUR_TAGS):
            raise ValueError(f"tags that begin with {' or '.join(_OUR_TAGS)} are the pack's own")
    return tuple(tags)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the pack sees it, taken before anything rewrote it."""

    endpoint: str
    model_group: str
    messages: tuple[Message, ...]
    parameters: Mapping[str, Any]  # every other body field that may shape the answer
    identity: Identity
    stream: bool = False
    controls: CacheControls = field(default_factory=CacheControls)
    routing_tags: tuple[str, ...] = ()  # set only where tags choose the deployment
    output_marks: tuple[str, ...] = ()  # limits of its answer that the pack sets
    prompt_mark: str = ""  # the system prompt that the pack puts into it: name, version, sections
    unshared: Reason | None = None  # why it has no place in the cache, by what the pack does to it
    feature: str = ""  # what the client's application uses the answer for, by its own word
    deliverable: bool = True  # False: nothing stands ready to deliver a hit to it
    routed_to: str = ""  # the model group that a router chose in place of the one that was asked for
    route: str = (
        ""  # by which router, to which tier and, in an experiment, arm: router/tier, router/tier/experiment:arm
    )


class OutputBy(StrEnum):
    """What set a limit of an answer, or why one could not be set."""

    FEATURE = "feature"
    MODEL = "model"
    ALL = "all"
    THINKING = "thinking"  # thoughts have a limit below the answer's
    UNSUPPORTED = "unsupported"  # the endpoint, or the model, has no such thing
    CLIENT = "client"  # the client's own leave no room
    LITTLE_SAVED = "little_saved"  # fewer tokens than `min_saved_tokens`
    STORED = "stored"  # at the provider, who would give it out again as it wrote it
    UNFIT = "unfit"  # a schema that holds what is not known, or keys that may be data


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """One limit of one answer."""

    kind: str  # max_tokens, brief, stop, keys
    by: OutputBy
    value: str = ""  # tokens, or how many stop sequences or names of properties; `none`: it could not be set

    def __str__(self) -> str:
        return f"{self.kind}={self.value}({self.by})" if self.value else f"{self.kind}({self.by})"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer, in the wire shape of its endpoint."""

    body: Mapping[str, Any]
    model: str  # the deployment's model, as the price list knows it
    provider: str
    model_group: str  # the group that answered: another than the requested one after a fallback
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done for a request, and how long it took."""

    name: str
    began_s: float  # UNIX seconds
    took_s: float
    within: str = ""  # the step that it was a part of
