"""Devices on the command line: whose kernels, how launched, the datasheet alone, a calibration of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from hwlib.baselines.calibration import dump, shipped
from hwlib.cli import run

H100 = "H100 80GB SXM5"
SHORT = ("--model", "Llama-2-7B", "--prompt", "64", "--output", "4")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run([*arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_a_device_tells_how_it_was_timed(capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "evaluate", H100, *SHORT)
    assert found["timing"] == "calibrated"
    low, high = found["bands"]["tpot_s"]  # type: ignore[index]
    assert 0.0 < low < high
    assert {b["kind"] for b in found["basis"]} >= {"gemm", "attention_decode", "step"}  # type: ignore[union-attr]
    ideal = said(capsys, "evaluate", H100, *SHORT, "--ideal")
    assert (ideal["timing"], ideal["bands"], ideal["basis"]) == ("ideal", {}, [])
    assert ideal["tpot_s"] < found["tpot_s"]  # type: ignore[operator]


def test_framework_and_launch_move_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    eager, graph = (
        said(capsys, "evaluate", H100, *SHORT, "--framework", "VLLM", "--launch", launch)
        for launch in ("eager", "graph")
    )
    assert eager["tpot_s"] > graph["tpot_s"]  # type: ignore[operator]
    gemm = next(b for b in graph["basis"] if b["kind"] == "gemm")  # type: ignore[union-attr]
    assert gemm["framework"] in ("vllm", "any", "prior")


def test_what_is_not_known_is_refused_with_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert "vllm" in refused(capsys, "evaluate", H100, "--framework", "vlmm")
    assert "graph" in refused(capsys, "compare", H100, "--launch", "grpah")
    assert "devices" in refused(capsys, "evaluate", "tensor-gpu-hbm3", "--ideal")


def test_a_comparison_times_its_devices_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "tensor-gpu-hbm3", H100, *SHORT, "--weight-bits", "16", "--framework", "vllm"]) == 0
    assert "calibrated, vLLM" in capsys.readouterr().out


def test_a_calibration_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    base = shipped()[H100, "vllm"]
    slow = [
        msgspec.structs.replace(
            m, constants={**m.constants, **{k: 0.25 * float(m.constants[k]) for k in ("dram", "few_dram")}}
        )
        for m in base.models
        if m.kind == "gemm"
    ]
    mine = tmp_path / "mine.json"
    mine.write_text(dump(msgspec.structs.replace(base, framework="home", citation="mine", models=tuple(slow))))
    wanted = ("evaluate", H100, *SHORT, "--weight-bits", "16")
    usual = said(capsys, *wanted)
    own = said(capsys, *wanted, "--calibration", str(mine), "--framework", "home")
    assert own["tpot_s"] > 2.0 * usual["tpot_s"]  # type: ignore[operator]
    assert next(b for b in own["basis"] if b["kind"] == "gemm")["citation"] == "mine"  # type: ignore[union-attr]
    assert H100 in refused(capsys, "evaluate", "A100 80GB SXM4", "--calibration", str(mine))
    mine.write_text("{")
    assert "mine.json" in refused(capsys, "evaluate", H100, "--calibration", str(mine))
    assert "missing.json" in refused(capsys, "evaluate", H100, "--calibration", str(tmp_path / "missing.json"))
