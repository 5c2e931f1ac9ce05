"""Token counts of cl100k_base, without the network."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from litellm_plugins.compression import tokens
from litellm_plugins.compression.tokens import TokenizerUnavailable, cl100k


def test_counts_are_those_of_the_published_table() -> None:
    count = cl100k()
    assert count("") == 0
    assert count("tiktoken is great!") == 6  # the example of OpenAI's cookbook
    assert count("antidisestablishmentarianism") == 6  # likewise
    assert count("お誕生日おめでとう") == 9  # likewise


def test_special_tokens_in_a_text_are_plain_text() -> None:
    assert cl100k()("<|endoftext|>") > 1


def test_the_environment_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    cl100k.cache_clear()
    cl100k()
    assert "TIKTOKEN_CACHE_DIR" not in os.environ
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/nowhere")
    cl100k.cache_clear()
    cl100k()
    assert os.environ["TIKTOKEN_CACHE_DIR"] == "/nowhere"


def test_without_its_table_it_says_so_and_does_not_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    cl100k.cache_clear()
    with pytest.raises(TokenizerUnavailable, match=r"no table of cl100k_base"):
        tokens.cl100k()
