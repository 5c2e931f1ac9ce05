"""How much there is of a request, as each endpoint spells it."""

from __future__ import annotations

from typing import Any

import pytest
from litellm.litellm_core_utils.default_encoding import encoding

from litellm_plugins.admission.measuring import measure, pieces

PICTURE = "A" * 400  # 300 bytes


def tokens(text: str) -> int:
    return len(encoding.encode(text))


@pytest.mark.parametrize(
    ("part", "size"),
    [
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}, 300),
        ({"type": "image_url", "image_url": f"data:image/png;base64,{PICTURE}"}, 300),
        ({"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"}, 300),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}, 300),
        ({"type": "image", "source": {"type": "base64", "data": "AAA="}}, 2),
        ({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}, 0),
        ({"type": "input_image", "file_id": "file-1"}, 0),
        ({"type": "tool_result", "content": [{"type": "image", "source": {"data": PICTURE}}]}, 300),
    ],
)
def test_an_image_is_measured_however_it_is_spelled(part: dict[str, Any], size: int) -> None:
    found = measure({"messages": [{"role": "user", "content": [part]}]}, conversation="messages")
    assert found.image_bytes == [size]
    assert found.texts == []


def test_texts_are_found_and_labels_and_files_are_not() -> None:
    content = [
        {"type": "text", "text": "one"},
        {"type": "file", "file": {"file_data": PICTURE, "filename": "two"}},
        {"type": "document", "source": {"type": "text", "media_type": "three", "data": "four"}},
        {"type": "tool_use", "id": "x", "name": "five", "input": {"city": "six"}},
    ]
    found = measure({"system": "zero", "messages": [{"role": "user", "content": content}]}, conversation="messages")
    assert sorted(found.texts) == sorted(["zero", "one", "two", "three", "four", "five", "six"])


def test_names_in_a_tools_schema_count() -> None:
    tool = {"name": "get", "parameters": {"properties": {"city": {"description": "where"}}}}
    assert {"city", "where", "parameters"} <= set(measure({"tools": [tool]}, conversation="messages").texts)


def test_tokens_that_come_as_numbers_are_counted() -> None:
    found = measure({"input": [[1, 2], [3]]}, conversation="input")
    assert found.token_ids == 3


def test_the_bound_is_above_what_a_tokenizer_makes() -> None:
    text = "Straßenbahn 日本語 🙂 hello"
    found = measure({"messages": [{"role": "user", "content": text}]}, conversation="messages")
    assert found.most_tokens >= tokens(text) + 4


def test_counting_in_pieces_changes_nothing() -> None:
    text = "".join(f"The {number}th sentence says something else. " for number in range(300))
    parts = list(pieces([text], of_chars=500))
    assert len(parts) > 20
    assert "".join(parts) == text
    assert sum(map(tokens, parts)) == tokens(text)


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    assert list(pieces(["x" * 25], of_chars=10)) == ["x" * 10, "x" * 10, "x" * 5]
