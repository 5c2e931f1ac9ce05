"""Several workers: one page, and the sums are right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess

WORKER = """
import os, sys, time
from prometheus_client import CollectorRegistry
from litellm_plugins.telemetry.events import DriftMeasured, QueueMeasured, StoreMeasured, VerifierMeasured
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from tests.unit.telemetry.calls import call
worker = int(sys.argv[1])
sink = PrometheusSink(CollectorRegistry())
for i in range(10 * worker):
    sink.record(call(team=f"team-{i}", spent_nano_usd=worker * 1_000))
sink.record(QueueMeasured("usage", worker, {"full": worker}))
sink.record(VerifierMeasured(100 + worker, 90, {"0.01": worker / 1_000}))
sink.record(StoreMeasured(worker * 1_000, 9_000))
sink.record(DriftMeasured("day", worker / 10))
print("done", flush=True)
sys.stdin.read()
"""
WORKERS = (1, 2, 3, 4)


def test_counters_and_depths_add_up_and_what_is_shared_is_shown_once(tmp_path: Path) -> None:
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    running = []
    try:
        for worker in WORKERS:  # one after the other, so that the last has the last word
            process = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(worker)],
                env=env,
                cwd=Path(__file__).parents[3],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            running.append(process)
            assert process.stdout is not None
            assert process.stdout.readline() == b"done\n"
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(tmp_path))  # type: ignore[no-untyped-call]

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(f"litellm_plugins_{name}", labels)

        calls = {"layer": "miss", "ending": "success", "fault": "", "model_group": "small", "endpoint": "chat"}
        assert value("calls_total", **calls) == 100
        assert round((value("spent_usd_total", cause="provider", model_group="small") or 0) * 1e9) == 300_000
        assert value("call_seconds_count", layer="miss", model_group="small") == 100
        assert value("team_calls_total", team="team-0") == 4
        assert value("dropped_total", sink="usage", reason="full") == 10
        assert value("queue_depth", queue="usage") == 10
        assert (value("verifier_labels"), value("verifier_error_ratio", rate="0.01")) == (104, 0.004)
        assert (value("redis_memory_bytes", kind="used"), value("ledger_drift_ratio", budget="day")) == (4_000, 0.4)

        gone = running[3]
        gone.send_signal(signal.SIGKILL)
        gone.wait()
        multiprocess.mark_process_dead(gone.pid, path=str(tmp_path))  # type: ignore[no-untyped-call]
        assert value("calls_total", **calls) == 100
        assert value("queue_depth", queue="usage") == 6
        assert value("ledger_drift_ratio", budget="day") == 0.3
    finally:
        for process in running:
            process.kill()
            process.communicate()
