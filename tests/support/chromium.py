"""The machine's own Chromium (Debian: `chromium`), headless, driven by Playwright, which downloads none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, Page, Request, ViewportSize, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser")
_FAULTS = frozenset({"error", "warning", "assert"})
LAPTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)


def why_no_chromium() -> str | None:
    """What this machine lacks; None where it lacks nothing."""
    return None if _program() else "chromium is not installed"


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A browser with nothing in it; `more` of its arguments."""
    # A browser that runs as root (CI's container) has no sandbox to be in.
    arguments = [*(["--no-sandbox"] if os.geteuid() == 0 else []), *more]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Console:
    """What the page complains of: errors of scripts, and whatever the content security policy kept from happening.

    And what it asks of any other machine than this one.
    """

    def __init__(self, page: Page) -> None:
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(message.text) if message.type in _FAULTS else None)
        page.on("pageerror", lambda fault: self.said.append(str(fault)))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def _dialog(self, dialog: Dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme != "data" and asked.hostname != "127.0.0.1":
            self.said.append(f"asked of {asked.hostname}: {request.url}")


def _program() -> str | None:
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
