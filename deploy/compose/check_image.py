"""Ends the image's build where something that the pack needs is missing or of another version than it takes."""

import importlib
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

PACK = "litellm-plugins"
MODULES = ("litellm_plugins.settings", "litellm_plugins.pipeline", "litellm_plugins.cli", "onnxruntime", "redisvl")


def faults() -> list[str]:
    """One line for each requirement of the pack, with its extra `redis`, that the environment does not meet."""
    found = []
    for line in requires(PACK) or []:
        needed = Requirement(line)
        if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in ("", "redis")):
            continue
        try:
            there = version(needed.name)
        except PackageNotFoundError:
            found.append(f"{needed.name} is missing")
            continue
        if not needed.specifier.contains(there, prereleases=True):
            found.append(f"{needed.name} is {there}, needed is {needed.specifier}")
    return found


if __name__ == "__main__":
    problems = faults()
    if problems:
        sys.exit("This image cannot run the pack:\n" + "\n".join(problems))
    for module in MODULES:
        importlib.import_module(module)
    python = sys.version.split()[0]
    sys.stdout.write(f"{PACK} {version(PACK)} on litellm {version('litellm')}, Python {python}: complete\n")
