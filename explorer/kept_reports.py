"""Reports of devices and saved designs, kept so that neither a drag nor another window computes them again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from explorer.timing import settings_key, settings_words

if TYPE_CHECKING:
    from explorer.document import Baseline
    from hwlib.report import Report
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

KEPT = 128


class KeptReports:
    """The last reports by what they are about. Worker threads may share it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._reports: OrderedDict[object, Report] = OrderedDict()
        self._lock = Lock()

    def report(self, baseline: Baseline, scenario: Scenario, llm: LlmArchitecture) -> Report:
        """The report of a device or saved design. Raises what hwlib raises."""
        # Not by name: a renamed snapshot is still the same chip.
        key = (baseline.device, baseline.design, settings_key(baseline.settings), scenario, llm)
        with self._lock:
            if key in self._reports:
                self._reports.move_to_end(key)
                return self._reports[key]
        made = _evaluated(baseline, scenario, llm)
        with self._lock:
            self._reports[key] = made
            if len(self._reports) > self._most:
                self._reports.popitem(last=False)
        return made


def _evaluated(baseline: Baseline, scenario: Scenario, llm: LlmArchitecture) -> Report:
    # Imported on the worker, so that the window is up before scipy is loaded.
    from hwlib.evaluate import evaluate, evaluate_device

    design, serving = baseline.design, baseline.settings.serving
    if design is not None and serving != "static":
        from hwlib.baselines.serving import with_steady_state

        requests = scenario.batch if serving == "continuous" else None
        return with_steady_state(lambda one: evaluate(design, one, llm), scenario, requests)
    if design is not None:
        return evaluate(design, scenario, llm)
    made = evaluate_device(baseline.device, scenario, llm, baseline.settings)
    words = settings_words(baseline)
    return msgspec.structs.replace(made, subject=f"{made.subject}, {words}") if words else made
