"""What a router takes for the question, and what for its context."""

from __future__ import annotations

from litellm_plugins.routing.conversation import Conversation, Turn, of_text


def test_the_question_is_the_last_user_turn_even_after_a_tool_has_spoken() -> None:
    talk = Conversation((Turn("user", "first"), Turn("assistant", "a"), Turn("user", "second"), Turn("tool", "42")))
    assert talk.question == "second"
    assert talk.context == (Turn("user", "first"), Turn("assistant", "a"))


def test_system_and_developer_turns_are_no_context() -> None:
    talk = Conversation((Turn("system", "s"), Turn("developer", "d"), Turn("user", "q")))
    assert talk.context == ()


def test_a_conversation_without_a_user_asks_nothing() -> None:
    assert Conversation((Turn("system", "s"), Turn("assistant", "a"))).question == ""
    assert Conversation(()).context == ()


def test_a_bare_prompt_is_one_user_turn() -> None:
    assert of_text("why?").question == "why?"
