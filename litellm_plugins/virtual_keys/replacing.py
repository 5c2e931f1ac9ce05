"""Replacing a file in one step: a reader sees the old one or the new one, also after a crash."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Put `change(text)` in the place of the file's text, "" where there is no file; one writer at a time.

    A new file is its owner's alone (mode 600); one that is there keeps owner and mode. Raises: OSError, UnicodeError.
    """
    target = path.resolve()  # a link stays a link
    with _alone_in(target.parent):
        try:
            text = target.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        _replace(target, change(text))


def _replace(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            with suppress(FileNotFoundError):
                _like(target.stat(), file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _like(found: os.stat_result, handle: int) -> None:
    """Else the proxy may be unable to read what somebody else wrote, and would go on with what it knows."""
    ours = os.fstat(handle)
    if (found.st_uid, found.st_gid) != (ours.st_uid, ours.st_gid):
        os.fchown(handle, found.st_uid, found.st_gid)
    os.fchmod(handle, stat.S_IMODE(found.st_mode))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)
