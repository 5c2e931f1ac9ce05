"""What of users' texts a reviewer may see, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import litellm

if TYPE_CHECKING:
    from litellm_plugins.settings.review import Review

LONGEST_QUESTION, LONGEST_ANSWER, LONGEST_WORD = 4_000, 8_000, 128  # characters


def may_keep(wanted: Review) -> bool:
    """Whether texts may be kept: not where the host keeps them out of its logs."""
    return wanted.keep_text and litellm.turn_off_message_logging is not True


def cut(text: str, most: int) -> str:
    """The first `most` characters, of what can be encoded."""
    return text[:most].encode("utf-8", "replace").decode()
