"""Tiny models of both architectures; made once per run. These tests run by `make test-llmlingua`, which has torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# Without the package there is nothing to collect, and nothing to skip.
_MISSING = importlib.util.find_spec("llmlingua") is None
collect_ignore_glob = ["*.py"] if _MISSING else []

if not _MISSING:
    from litellm_plugins.compression.llmlingua.engine import LinguaEngine
    from tests.llmlingua.tiny_model import KINDS, make

    @pytest.fixture(scope="session")
    def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
        """Folders, none of which bears a model's name: the package would not know them."""
        return {kind: make(tmp_path_factory.mktemp("model"), kind) for kind in KINDS}

    @pytest.fixture(scope="session")
    def engines(models: dict[str, Path]) -> dict[str, LinguaEngine]:
        made = {kind: LinguaEngine(str(folder), device="cpu") for kind, folder in models.items()}
        for each in made.values():
            each.load()
        return made
