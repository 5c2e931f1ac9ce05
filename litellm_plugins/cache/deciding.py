"""May one of the nearest entries answer this question? By a promised error rate, or by a fixed threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.cache.matching import Match, judge
from litellm_plugins.cache.same_words import hidden, same_words
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier.text import Text, is_opposed, read
from litellm_plugins.cache.verifier.verifier import Assessment
from litellm_plugins.cache.verifier.verifiers import Assessor
from litellm_plugins.model import Reason

if TYPE_CHECKING:
    from litellm_plugins.settings import Semantic


@dataclass(frozen=True, slots=True)
class Judged:
    """The neighbour to serve, or why there is none."""

    reason: Reason
    neighbour: Neighbour | None = None
    similarity: float | None = None
    probability: float | None = None  # that the nearest answer is right, where a verifier said so
    assessment: Assessment | None = None  # what a fresh answer would teach


def _twin(question: str, neighbours: Sequence[Neighbour], asker: str | None) -> Neighbour | None:
    """The newest that asks in the same words, one's own before others': it needs neither odds nor a second source."""
    twins = [n for n in neighbours if same_words(n.question, question)]
    return max(twins, key=lambda n: (n.origin == asker, n.created_at), default=None)


async def decide(
    question: str,
    neighbours: Sequence[Neighbour],
    semantic: Semantic,
    *,
    verifier: Assessor | None,
    asker: str | None = None,
    checks: bool = True,
    check_share: float = 0.0,
) -> Judged:
    """The neighbour whose answer may be given to `question`.

    Args:
        question: as asked.
        neighbours: the nearest entries of the partition.
        semantic: the settings in force.
        verifier: None only where `semantic` names a fixed threshold.
        asker: the team or key that asks, where entries of several lie together; None where all are its own.
        checks: whether some that could be served may be answered afresh, to learn from it.
        check_share: how many of them at least.
    """
    unseen = hidden(question)
    seen = [n for n in neighbours if hidden(n.question) == unseen]
    if neighbours and not seen:
        return Judged(Reason.HIDDEN_TEXT, similarity=max(n.similarity for n in neighbours))
    twin = _twin(question, seen, asker)
    if twin is not None:
        return Judged(Reason.SAME_WORDS, twin, twin.similarity)
    if semantic.threshold is not None or verifier is None:
        return _by_threshold(question, seen, semantic, asker)
    assessment = await verifier.assess(
        question, seen, rate=semantic.max_error_rate, checks=checks, check_share=check_share
    )
    if assessment is None:
        return Judged(Reason.EMPTY)
    found, reason = assessment.candidate, _reason(question, assessment, seen, semantic, asker)
    served = reason is Reason.VERIFIED
    return Judged(
        reason=reason,
        neighbour=found if served else None,
        similarity=found.similarity,
        probability=assessment.probability,
        assessment=assessment,
    )


def _reason(
    question: str, assessment: Assessment, neighbours: Sequence[Neighbour], semantic: Semantic, asker: str | None
) -> Reason:
    found = assessment.candidate
    if not assessment.accepted:
        return next((Reason(word) for word in assessment.contrasts), Reason.UNSURE)
    if guarded := _guarded(question, found.question, semantic.guards_in_force):
        return guarded
    if not _is_supported(question, found, neighbours, asker):
        return Reason.ONE_SOURCE
    return Reason.SHADOW_CHECK if assessment.checked else Reason.VERIFIED


def _by_threshold(question: str, neighbours: Sequence[Neighbour], semantic: Semantic, asker: str | None) -> Judged:
    threshold = 1.0 if semantic.threshold is None else semantic.threshold
    supported = [n for n in neighbours if _is_supported(question, n, neighbours, asker)]
    guards = semantic.guards_in_force
    judged = judge(question, supported, threshold=threshold, guard_numbers="numbers" in guards)
    if not isinstance(judged, Match):
        alone = not supported and bool(neighbours)
        return Judged(Reason.ONE_SOURCE if alone else judged.reason, similarity=judged.similarity)
    found = judged.neighbour
    guarded = _guarded(question, found.question, guards)
    return Judged(
        reason=guarded or Reason.ABOVE_THRESHOLD,
        neighbour=None if guarded else found,
        similarity=found.similarity,
    )


def _is_supported(question: str, found: Neighbour, neighbours: Sequence[Neighbour], asker: str | None) -> bool:
    """Whether more than one source stands behind an answer that would cross from one to another.

    Whoever can write into a shared partition can craft a question that lies beside another's, and plant an answer
    for it (embeddings collide at will). So it takes two sources that were given the same answer, or the same words.
    """
    if asker is None or (found.origin == asker and asker) or same_words(found.question, question):
        return True
    sources = {n.origin for n in neighbours if n.answer_id == found.answer_id and n.answer_id and n.origin}
    return len(sources) > 1


def _numbers(a: Text, b: Text) -> bool:
    return a.numbers != b.numbers


def _negations(a: Text, b: Text) -> bool:
    return a.negations % 2 != b.negations % 2


def _opposites(a: Text, b: Text) -> bool:
    return is_opposed(a.word_set - b.word_set, b.word_set - a.word_set)


def _codes(a: Text, b: Text) -> bool:
    return a.codes != b.codes


def _language(a: Text, b: Text) -> bool:
    return bool(a.language and b.language and a.language != b.language)


# The hard list: what a user may have refused outright, however sure the verifier is.
_GUARDS: dict[str, tuple[Callable[[Text, Text], bool], Reason]] = {
    "numbers": (_numbers, Reason.NUMBERS_DIFFER),
    "negations": (_negations, Reason.NEGATION_DIFFERS),
    "opposites": (_opposites, Reason.OPPOSED),
    "codes": (_codes, Reason.CODES_DIFFER),
    "language": (_language, Reason.LANGUAGE_DIFFERS),
}


def _guarded(question: str, cached: str, guards: Sequence[str]) -> Reason | None:
    asked, other = read(question), read(cached)
    return next((reason for name in guards for differ, reason in [_GUARDS[name]] if differ(asked, other)), None)
