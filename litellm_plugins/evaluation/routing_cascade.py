"""Try, then escalate, on recorded answers: the weak model is always asked, the strong one where the check doubts it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litellm_plugins.evaluation.routing import Scored
from litellm_plugins.evaluation.rows import BadRows
from litellm_plugins.routing.answer_check import check

if TYPE_CHECKING:
    from litellm_plugins.evaluation.routing_rows import Judged

NAME = "cascade"


def judge(judged: Judged) -> Scored:
    """How much each answer of the weak model is doubted. Raises: BadRows, where a row has none."""
    if judged.weak_answers is None:
        raise BadRows("a cascade is measured on what the weak model answered: each row needs it under answers")
    values, took = [], []
    for prompt, answer in zip(judged.prompts, judged.weak_answers, strict=True):
        start = time.perf_counter()
        values.append(check(prompt, answer).doubt)
        took.append((time.perf_counter() - start) * 1_000)
    return Scored(NAME, np.array(values), np.array(took))


def both_paid(judged: Judged) -> Judged:
    """With an escalated request at the price of both calls."""
    if judged.weak_usd is None or judged.strong_usd is None:
        return judged
    return replace(judged, strong_usd=judged.weak_usd + judged.strong_usd)
