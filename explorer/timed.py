"""How a device is timed as it is kept between sessions: the choices, and the file of a user's own calibration."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from hwlib.baselines.calibration import ANY, Calibration, load
from hwlib.baselines.device_settings import DeviceSettings, Launch, Served

log = logging.getLogger(__name__)


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """The choices of `DeviceSettings` as they stand in a file."""

    framework: str = ANY
    launch: Launch = DeviceSettings().launch
    ideal: bool = False
    serving: Served = "static"
    calibration_file: str = ""


def timed_of(settings: DeviceSettings, calibration_file: str = "") -> Timed:
    """What is kept of a device's settings."""
    return Timed(
        framework=settings.framework, launch=settings.launch, ideal=settings.ideal, serving=settings.serving,
        calibration_file=calibration_file if settings.calibrations else "",
    )  # fmt: skip


def settings_of(timed: Timed) -> DeviceSettings:
    """The settings again. A calibration file that is gone or broken is left out and logged."""
    own: tuple[Calibration, ...] = ()
    if timed.calibration_file:
        try:
            own = (load(Path(timed.calibration_file)),)
        except ValueError as error:
            log.info("timed without a calibration of the user's own: %s", error)
    return DeviceSettings(
        framework=timed.framework, launch=timed.launch, ideal=timed.ideal, serving=timed.serving, calibrations=own
    )
