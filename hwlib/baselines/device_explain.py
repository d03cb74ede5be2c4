"""Where a catalog device's figures come from: its datasheet for what was published, its drawing for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from hwlib.baselines.plain_roofline import PREFIX, explain_roofline, roofline_keys
from hwlib.catalog import Device
from hwlib.report import Explanation, Input, Report

Explain = Callable[[str], Explanation]
METHOD, SCOPE = "TDP x time", "board"
AREA, TDP_ENERGY = "area_m2", "tdp_energy_per_token_J"
"""Keys of the published die, and of the energy per token of a board that draws its TDP all the time."""


def published(device: Device, report: Report) -> tuple[str, ...]:
    """The keys of a device's report that its datasheet alone answers."""
    keys = [] if report.area_m2 is None else [AREA]
    return (*keys, *([TDP_ENERGY] if any(e.method == METHOD for e in report.energies) else []), *roofline_keys(report))


@dataclass(frozen=True)
class DeviceExplainer:
    """Explains a device's figures: what its drawing calls the user's own design comes from a datasheet here."""

    device: Device
    report: Report
    drawn: Explain | None

    def __call__(self, key: str) -> Explanation:
        if key == AREA:
            return self._area()
        if key == TDP_ENERGY:
            return self._tdp_energy()
        if key.startswith(PREFIX):
            return explain_roofline(self.device, self.report, key)
        if self.drawn is None:
            raise KeyError(key)
        told, name = self.drawn(key), self.device.name
        inputs = tuple(
            msgspec.structs.replace(i, source=i.source.replace("your design: ", f"datasheet of {name}, drawn as "))
            for i in told.inputs
        )
        return msgspec.structs.replace(told, inputs=inputs)

    def _datasheet(self, name: str, value: float, unit: str) -> Input:
        return Input(name, value, unit, self._source(), self.device.confidence or "datasheet")

    def _source(self) -> str:
        return f"datasheet of {self.device.name}: {self.device.source or 'its catalog record'}"

    def _area(self) -> Explanation:
        area, published_mm2 = self.report.area_m2, self.device.die_mm2
        assert area is not None
        assert published_mm2 is not None
        inputs = (self._datasheet("die_mm2", published_mm2, ""),)
        return Explanation(AREA, "Die as published", area, "m²", "die_mm2 * 1e-6", inputs, self._source())

    def _tdp_energy(self) -> Explanation:
        """TDP of all chips over tokens per second, prefill included."""
        metrics, tdp = self.report.metrics, self.device.tdp_W
        assert metrics is not None
        assert tdp is not None
        scenario, rate = self.report.scenario, metrics.e2e_tokens_per_s
        chips = Input("chips", float(scenario.chips), "", "scenario: Tensor parallel times Pipeline parallel")
        tokens = Input("e2e_tokens_per_s", rate, "tokens/s", "figure e2e_tokens_per_s", "", "e2e_tokens_per_s")
        inputs = (self._datasheet("tdp", tdp, "W"), chips, tokens)
        formula, value = "tdp * chips / e2e_tokens_per_s", tdp * scenario.chips / rate
        label, source = "Energy per token at TDP", "an upper bound: the board draws its TDP all the time"
        return Explanation(TDP_ENERGY, label, value, "J/token", formula, inputs, source, METHOD, SCOPE)
