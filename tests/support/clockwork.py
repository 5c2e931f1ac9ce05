"""A clock that a test sets for the prompt cache of provider and proxy, whose config has a callback for it."""

from __future__ import annotations

import time
from pathlib import Path

CALLBACK = "clockwork.handler"
_SOURCE = """
import pathlib
import time

from litellm.integrations.custom_logger import CustomLogger
from litellm_plugins.proxy.boot import loaded_pack

AHEAD = pathlib.Path({path!r})
handler = CustomLogger()
loaded_pack().prompt_caching.families.clock = lambda: time.time() + float(AHEAD.read_text())
"""


class Clockwork:
    """Seconds that the clocks of both are ahead of the machine's."""

    def __init__(self) -> None:
        self._ahead_s, self._path = 0.0, Path()

    def __call__(self) -> float:
        return time.time() + self._ahead_s

    def minutes_go_by(self, minutes: float) -> None:
        """For both."""
        self._ahead_s += 60 * minutes
        self._path.write_text(str(self._ahead_s))

    def install(self, folder: Path) -> None:
        """Put the callback beside the config that will lie in `folder`, where the host looks for it first."""
        self._path = folder / "ahead.txt"
        self._path.write_text(str(self._ahead_s))
        (folder / "clockwork.py").write_text(_SOURCE.format(path=str(self._path)))
