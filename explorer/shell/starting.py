"""How the program starts by the user's preferences: its scale, what a new window shows, what was open before."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from explorer.document import Baseline
from explorer.settings import Preferences
from explorer.timed import settings_of
from hwlib import catalog
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.catalog import AmbiguousNameError, UnknownNameError

if TYPE_CHECKING:
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

SCALE_VARIABLE = "QT_SCALE_FACTOR"
SCALES_PERCENT = (100, 200)


def scale_everything(percent: int) -> None:
    """Have Qt draw everything larger. Works before the application is made; a user's own setting stays."""
    low, high = SCALES_PERCENT
    if percent != 100 and low <= percent <= high:
        os.environ.setdefault(SCALE_VARIABLE, f"{percent / 100:g}")


def running_scale() -> int:
    """The scale in per cent that this program runs with."""
    try:
        return round(100 * float(os.environ.get(SCALE_VARIABLE, "1")))
    except ValueError:
        return 100


def workload(
    preferences: Preferences, asked: Collection[str], scenario: Scenario, llm: LlmArchitecture
) -> tuple[Scenario, LlmArchitecture]:
    """What a new window serves: what was `asked` for by its options' names, else what the user prefers."""
    if preferences.scenario is not None and not set(asked) & set(preferences.scenario.__struct_fields__):
        scenario = preferences.scenario
    if preferences.llm and "model" not in asked:
        try:
            found = catalog.find_model(preferences.llm)
        except (UnknownNameError, AmbiguousNameError):
            return scenario, llm  # A later catalog may lack what was once preferred.
        llm = llm if found.cannot_generate else found
    return scenario, llm


def baselines(preferences: Preferences, otherwise: tuple[Baseline, ...]) -> tuple[Baseline, ...]:
    """What a new window compares with, devices timed as they were last."""
    if preferences.devices is not None:
        known = {device.name for device in catalog.devices()}
        otherwise = tuple(Baseline(name, device=name) for name in preferences.devices if name in known)
    return tuple(_timed(b, preferences) for b in otherwise)


def _timed(baseline: Baseline, preferences: Preferences) -> Baseline:
    timed = preferences.timed.get(baseline.device)
    if timed is None or baseline.settings != DeviceSettings():
        return baseline
    chosen = {"settings": settings_of(timed), "calibration_file": timed.calibration_file}
    return msgspec.structs.replace(baseline, **chosen)


def session(preferences: Preferences, asked: Collection[str]) -> tuple[Path, ...]:
    """The files to open as they were at the end, the one to show last; none where a design was asked for."""
    if "design" in asked or not preferences.restore_session:
        return ()
    return tuple(Path(path) for path in preferences.session if os.path.isfile(path))
