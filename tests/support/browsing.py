"""Fixtures for what a browser has to show: one browser per file, a visitor per test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import LAPTOP, Console, chromium, why_no_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    missing = why_no_chromium()
    if missing:
        pytest.skip(missing)
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor of their own; whatever the page complains of fails the test."""
    context = browser.new_context(viewport=LAPTOP)
    opened = context.new_page()
    console = Console(opened)
    yield opened
    context.close()
    assert console.said == []
