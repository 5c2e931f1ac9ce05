"""The settings of the review loop: which answers a person is shown, and what end users' thumbs may do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from litellm_plugins.settings.block import Block
from litellm_plugins.settings.judge import Judge
from litellm_plugins.settings.share import Share


class ReviewLangfuse(Block):
    """The block `review.langfuse`. `review sync` works without `enabled`, which is about the background alone."""

    enabled: bool = False  # one worker of all syncs from time to time
    every_minutes: float = Field(default=10, ge=0.05, le=1_440)
    queue: str = Field(default="litellm-plugins", min_length=1, max_length=100)  # the annotation queue's name
    score: str = Field(default="review", min_length=1, max_length=35)  # the name of reviewers' scores
    limit: int = Field(default=100, ge=1, le=1_000)  # items of ours that a sync looks at


class Review(Block):
    """The block `review`, off by default. While it is on, each served answer is kept for a while, to be judged."""

    enabled: bool = False
    control_share: Share = 0.01  # of all requests, drawn by chance: what precision is estimated from
    near: float = Field(default=0.03, ge=0, le=1)  # a hit so little above what it needed is worth a look
    old_answer_hours: float = Field(default=72, gt=0, le=87_600)  # a hit on an answer of that age is
    compressed_share: Share = 0.02  # of the prompts that went out shorter, drawn by chance
    doubt_from: Share = 0.7  # a cheaper tier's answer that its checker doubts so much is
    keep_text: bool = True  # off: questions and answers are not kept, and a reviewer sees ids alone
    keep_days: float = Field(default=90, gt=0, le=3_650)  # for so long questions and answers; verdicts stay
    max_items: int = Field(default=20_000, ge=100, le=1_000_000)  # some 2 kB each; the oldest of little worth go first
    second_opinion_from: Share = 0.8  # a verdict against what the verifier was so sure of is asked for again; 1: none
    thumbs: Literal["act", "queue"] = "act"  # of end users: evict and doubt at once, or only ask a reviewer
    doubt_days: float = Field(default=7, gt=0, le=365)  # for so long a thumb alone keeps a pair from hitting
    judge: Judge | None = None  # the model that `review judge` asks for a first opinion
    langfuse: ReviewLangfuse = ReviewLangfuse()
