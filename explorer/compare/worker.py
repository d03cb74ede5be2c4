"""A comparison made of a request, on a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from explorer.document import Baseline
from explorer.kept_reports import KeptReports
from hwlib.baselines.device_settings import DeviceSettings, Served

if TYPE_CHECKING:
    from explorer.compare.subjects import Subject
    from hwlib.analysis.compare import Comparison
    from hwlib.report import Report
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario


@dataclass(frozen=True)
class Request:
    """What to compare. `names` are the subjects' as shown; `present` is the report of the document's design."""

    subjects: tuple[Subject, ...]
    names: tuple[str, ...]
    reference: int
    present: Report | None
    scenario: Scenario
    llm: LlmArchitecture


@dataclass(frozen=True)
class Compared:
    """The comparison of a request; its reports stand in the order of the subjects, under their shown names."""

    request: Request
    comparison: Comparison

    @property
    def reports(self) -> tuple[Report, ...]:
        """One report per subject."""
        return tuple(self.comparison.reports)


Compute = Callable[[Request], Compared]


class ComparisonMaker:
    """Evaluates the subjects of a request and compares them. All but the present one are kept."""

    def __init__(self, kept: KeptReports | None = None) -> None:
        self.kept = kept or KeptReports()

    def __call__(self, request: Request) -> Compared:
        """The comparison; called on the worker thread. Raises what hwlib raises."""
        from hwlib.analysis.compare import compare

        serving = next((s.settings.serving for s in request.subjects if s.settings.serving != "static"), None)
        named = [self._named(s, n, request, serving) for s, n in zip(request.subjects, request.names, strict=True)]
        return Compared(request, compare(named, request.reference))

    def _named(self, subject: Subject, name: str, request: Request, serving: Served | None) -> Report:
        """The report of a subject; where one of them serves continuously, so do those that time no device."""
        if subject.kind == "present":
            if request.present is None:
                raise ValueError("the present design is not evaluated yet")
            report = request.present
        else:
            report = self.kept.report(subject.baseline, request.scenario, request.llm)
        if serving is not None and report.design is not None and not report.is_device:
            served = Baseline(name, design=report.design, settings=DeviceSettings(serving=serving))
            steady = self.kept.report(served, request.scenario, request.llm).continuous
            report = msgspec.structs.replace(report, continuous=steady)
        return report if report.subject == name else msgspec.structs.replace(report, subject=name)
