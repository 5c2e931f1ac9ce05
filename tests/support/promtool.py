"""Prometheus' own checker: the machine's, else the one of Debian's package, unpacked in the tests' cache.

Nothing is installed: `apt-get download` needs no rights, and the program is one file that needs only the C library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.cache_folder import cache_folder, only_one

_PACKAGE = "prometheus"
_DOWNLOAD_TIMEOUT_S = 60.0
_CHECK_TIMEOUT_S = 60.0


class PromtoolMissing(Exception):
    """This machine has no promtool and cannot get it; the message says why."""


def run_promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Its answer, whatever the exit status. Raises: PromtoolMissing."""
    command = [str(promtool()), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_CHECK_TIMEOUT_S)


def promtool() -> Path:
    """Where the program is; gets it on the machine's first call. Raises: PromtoolMissing."""
    return _program("promtool")


def prometheus() -> Path:
    """The server of the same package, for those who want to try the rules by hand. Raises: PromtoolMissing."""
    return _program("prometheus")


def why_no_promtool() -> str | None:
    """What this machine lacks; None where it lacks nothing."""
    try:
        promtool()
    except PromtoolMissing as exc:
        return str(exc)
    return None


def _program(name: str) -> Path:
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    folder = cache_folder() / "prometheus-debian"
    with only_one("prometheus"):
        if not (folder / "usr/bin" / name).exists():
            _unpack(folder)
    return folder / "usr/bin" / name


def _unpack(into: Path) -> None:
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise PromtoolMissing(f"no promtool on the PATH, and no {program} to get Debian's package with")
    download = into.with_suffix(f".{os.getpid()}")
    download.mkdir(parents=True)
    try:
        if _run(["apt-get", "download", _PACKAGE], download):
            # A slim machine has no package lists yet; only root may fetch them.
            _run(["apt-get", "update", "-qq"], download)
            fault = _run(["apt-get", "download", _PACKAGE], download)
            if fault:
                raise PromtoolMissing(f"no promtool on the PATH, and `apt-get download {_PACKAGE}` failed: {fault}")
        package = next(download.glob(f"{_PACKAGE}_*.deb"))
        fault = _run(["dpkg", "-x", package.name, "unpacked"], download)
        if fault:
            raise PromtoolMissing(f"dpkg could not unpack {package.name}: {fault}")
        shutil.rmtree(into, ignore_errors=True)
        (download / "unpacked").rename(into)
    finally:
        shutil.rmtree(download, ignore_errors=True)


def _run(command: list[str], folder: Path) -> str:
    """What went wrong, in its own words; nothing where nothing did."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_DOWNLOAD_TIMEOUT_S:g} s"
    return "" if done.returncode == 0 else (done.stderr.strip()[-300:] or f"exit status {done.returncode}")
