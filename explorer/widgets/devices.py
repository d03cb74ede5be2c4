"""The catalog's devices as a searchable list shows them."""

from __future__ import annotations

from collections.abc import Collection

from explorer.widgets.search import Entry
from hwlib import catalog
from hwlib.catalog import Device
from hwlib.units import format_quantity

ALREADY = "shown already"


def device_entries(shown: Collection[str] = (), why: str = ALREADY) -> list[Entry]:
    """Every device, GPUs first, as what most people compare with; those in `shown` are greyed with `why`."""
    return [device_entry(device, shown, why) for device in sorted(catalog.devices(), key=_by_class)]


def device_entry(device: Device, shown: Collection[str] = (), why: str = ALREADY) -> Entry:
    """A device as the list shows it: greyed with the reason where it can't run an LLM or stands in `shown`."""
    facts = [str(device.year)]
    if device.dram_GB:
        facts.append(f"{format_quantity(device.dram_GB * 1e9, 'B', 3)}")
    if device.dram_GBs:
        facts.append(f"{format_quantity(device.dram_GBs * 1e9, 'B/s', 3)}")
    if device.tdp_W:
        facts.append(f"{'~' if 'tdp_W' in device.estimates else ''}{format_quantity(device.tdp_W, 'W', 3)}")
    reason = device.cannot_run or (why if device.name in shown else "")
    return Entry(device.name, device.name, " · ".join(facts), device.device_class, reason, device.aliases)


def _by_class(device: Device) -> tuple[bool, str, int, str]:
    """GPUs lead, as what most people compare with; within a class the newest."""
    return device.device_class != "GPU", device.device_class, -device.year, device.name
