"""One line at the end of a run says what was skipped and why; where CI is set, any skip fails the run."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, which says nothing about what is tested.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

# Prices come from the file inside LiteLLM: importing it asks no other machine and waits for none.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def _reasons(terminal: pytest.TerminalReporter) -> Counter[str]:
    """Count the skipped tests (and skipped whole files) by the reason they gave."""
    reasons: Counter[str] = Counter()
    for report in terminal.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    return reasons


def _skips_fail() -> bool:
    """A machine that claims to have everything may not skip: a skip there is a hole that nobody would see."""
    return os.environ.get("CI") == "true" or os.environ.get("LITELLM_PLUGINS_NO_SKIPS") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and terminal and _skips_fail() and _reasons(terminal):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = _reasons(terminalreporter)
    if not reasons:
        return
    told = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    terminalreporter.ensure_newline()
    terminalreporter.write_line(f"skipped {reasons.total()}: {told}", yellow=True)
    if _skips_fail():
        terminalreporter.write_line(
            "FAILED: no test may be skipped here (CI=true or LITELLM_PLUGINS_NO_SKIPS=1)", red=True
        )
