"""Garbage is collected where Qt objects may be freed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject

from explorer.collector import YOUNG, Collector, in_gui_thread


class Node:
    """One half of a cycle that only the collector can free."""

    def __init__(self) -> None:
        self.other: object = self


@pytest.fixture
def owner() -> Iterator[QObject]:
    was_on = gc.isenabled()
    gc.collect()
    parent = QObject()
    yield parent
    for collector in parent.findChildren(Collector):
        collector.stop()
    if was_on:
        gc.enable()


def test_python_collects_no_more_by_itself_and_the_collector_does(qapp: object, owner: QObject) -> None:
    gc.enable()
    in_gui_thread(owner)
    assert not gc.isenabled()
    (collector,) = owner.findChildren(Collector)
    dead = weakref.ref(Node())
    kept = [Node() for _ in range(2 * YOUNG)]
    assert dead() is not None
    collector.collect()
    assert dead() is None
    assert kept


def test_little_garbage_waits(qapp: object, owner: QObject) -> None:
    in_gui_thread(owner)
    (collector,) = owner.findChildren(Collector)
    gc.collect()
    waiting = weakref.ref(Node())
    collector.collect()
    assert waiting() is not None


def test_one_collector_is_enough(qapp: object, owner: QObject) -> None:
    in_gui_thread(owner)
    in_gui_thread(owner)
    assert len(owner.findChildren(Collector)) == 1
