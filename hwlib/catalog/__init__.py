"""Devices, LLMs and example designs by name: the catalog of what Chipscape knows."""

from hwlib.catalog.designs import (
    example_designs,
    load_example,
    load_published,
    load_reference,
    published_designs,
)
from hwlib.catalog.devices import Device, PrecisionChoice, devices, find_device, power_range_W, precision_for
from hwlib.catalog.lookup import AmbiguousNameError, UnknownNameError
from hwlib.catalog.models import find_model, models

__all__ = [
    "AmbiguousNameError",
    "Device",
    "PrecisionChoice",
    "UnknownNameError",
    "devices",
    "example_designs",
    "find_device",
    "find_model",
    "load_example",
    "load_published",
    "load_reference",
    "models",
    "power_range_W",
    "precision_for",
    "published_designs",
]
