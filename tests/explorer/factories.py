"""Report values written by hand: a decode-bound chip beside two devices, a crossbar chip, and one that does not fit."""

from __future__ import annotations

import math

import msgspec

from explorer.document import Baseline, Document
from explorer.evaluator import Results
from hwlib.design.design import Block, Design, Placement
from hwlib.design.parts import ComputeArray, Dram, Sram, VectorUnit
from hwlib.report import (
    COMPONENTS,
    RESOURCES,
    BlockFigure,
    Ceiling,
    EnergyFigure,
    MemoryFigure,
    Metrics,
    OperatorRow,
    Phase,
    Rect,
    Report,
)  # fmt: skip
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

LLAMA = LlmArchitecture(
    name="Llama-3.1-8B", layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn_intermediate=14336,
    ffn_type="swiglu", ffn_matrices=3, vocab=128256, max_ctx=131072, attention="GQA",
)  # fmt: skip
SCENARIO = Scenario()

# name, kind, repeat, n, k, weights?, KV cache?, FLOPs a token and repeat beyond a GEMM's
_OPERATORS = (
    ("embedding", "embedding", 1, 4096, 1, False, False),
    ("norm_attention", "norm", 32, 4096, 1, False, False),
    ("qkv", "gemm", 32, 6144, 4096, True, False),
    ("rope", "rope", 32, 5120, 1, False, False),
    ("kv_write", "kv_write", 32, 2048, 1, False, True),
    ("scores", "attention", 32, 2048, 128, False, True),
    ("softmax", "softmax", 32, 2048, 32, False, False),
    ("weighted_sum", "attention", 32, 128, 2048, False, True),
    ("attn_out", "gemm", 32, 4096, 4096, True, False),
    ("residual_ffn", "residual", 32, 4096, 1, False, False),
    ("ffn_gate_up", "gemm", 32, 28672, 4096, True, False),
    ("ffn_activation", "activation", 32, 14336, 1, False, False),
    ("ffn_down", "gemm", 32, 4096, 14336, True, False),
    ("lm_head", "gemm", 1, 128256, 4096, True, False),
)


def design(name: str = "Tensor-core chip") -> Design:
    """A small chip with a compute array, a vector unit, an SRAM and DRAM."""
    place = [Placement(x_m=x * 1e-3, y_m=1e-3) for x in (1, 8, 12, 20)]
    parts = (("mxu", "Tensor cores", ComputeArray()), ("vec", "Vector unit", VectorUnit()), ("l2", "L2", Sram()),
             ("hbm", "HBM3", Dram()))  # fmt: skip
    blocks = tuple(Block(id=i, name=n, part=p, placement=where) for (i, n, p), where in zip(parts, place, strict=True))
    return Design(name=name, blocks=blocks)


def _row(phase: Phase, spec: tuple, tokens: int, peak: float, dram_Bps: float) -> OperatorRow:
    name, kind, repeat, n, k, weights, kv = spec
    gemm, matrix = kind == "gemm", kind in ("gemm", "attention")
    batch = 32 if kind == "attention" else 1
    flops = 2.0 * tokens * n * k * batch * repeat if matrix else 6.0 * tokens * n * k * repeat
    weight_bytes = n * k * repeat * 1.125 if weights else 0.0
    kv_bytes = 2048.0 * 2 * 1024 * 2 * repeat / 2 if kv else 0.0
    activation_bytes = float(tokens * (n + k) * repeat)
    # Vector operators keep their operands on the chip.
    dram_bytes = weight_bytes + kv_bytes + (activation_bytes if gemm else 0.0)
    waits = {
        "compute" if matrix else "vector": flops / (peak * 0.7 if matrix else peak / 20),
        "sram": (weight_bytes + activation_bytes) / (dram_Bps * 4),
        "dram": dram_bytes / (dram_Bps * 0.9),
        "overhead": 2e-6 * repeat / 8,
    }  # fmt: skip
    times = tuple(waits.get(r, 0.0) for r in RESOURCES)
    power = 5.0
    whole = sum(t**power for t in times) ** (1 / power)
    shares = tuple(whole * t**power / sum(u**power for u in times) for t in times)
    energies = {
        "mac": flops / 2 * 0.35e-12, "operand": flops / 2 * 0.2e-12, "dram": dram_bytes * 8 * 6e-12,
        "sram": (weight_bytes + activation_bytes) * 8 * 0.3e-12, "wire": dram_bytes * 8 * 1.1e-12,
        "vector": 0.0 if gemm else flops * 0.8e-12,
    }  # fmt: skip
    return OperatorRow(
        phase=phase, name=name, kind=kind, repeat=repeat, m=tokens, n=n, k=k, batch=batch, flops=flops,
        weight_bytes=weight_bytes, kv_bytes=kv_bytes, activation_bytes=activation_bytes, dram_bytes=dram_bytes,
        time_s=whole, times_s=times, shares_s=shares, bound=RESOURCES[max(range(len(times)), key=times.__getitem__)],
        energy_J=sum(energies.values()), energies_J=tuple(energies.get(c, 0.0) for c in COMPONENTS),
        runs_on=("mxu",) if matrix else ("vec",), runs_on_label="Tensor cores" if matrix else "Vector unit",
        weights_in="HBM3" if weights else "", utilisation=0.5,
    )  # fmt: skip


def _by_resource(rows: list[OperatorRow]) -> dict[str, float]:
    return {r: sum(row.shares_s[i] for row in rows) for i, r in enumerate(RESOURCES)}


def _wall(rows: list[OperatorRow], whole: float) -> tuple[float, ...]:
    times = [sum(r.times_s[i] for r in rows) for i in range(len(RESOURCES))]
    order = sorted(times)
    return tuple(max(1.0, whole / max(order[-2], 1e-9)) if t == order[-1] and t > 0 else 1.0 for t in times)


def _metrics(rows: tuple[OperatorRow, ...], scenario: Scenario, energy_J: float) -> Metrics:
    prefill, decode = ([r for r in rows if r.phase == p] for p in ("prefill", "decode"))
    ttft, tpot = sum(r.time_s for r in prefill), sum(r.time_s for r in decode)
    end = ttft + tpot * (scenario.output - 1)
    return Metrics(
        ttft_s=ttft, tpot_s=tpot, end_s=end, tokens_per_s=scenario.batch / tpot,
        e2e_tokens_per_s=scenario.batch * scenario.output / end, energy_per_token_J=energy_J,
        decode_energy_per_token_J=energy_J * 0.8, power_W=energy_J / tpot, power_prefill_W=400.0,
        power_decode_W=energy_J / tpot, batch_running=scenario.batch, waves=1.0, clock_factor=1.0,
        bound_prefill=max(RESOURCES, key=_by_resource(prefill).__getitem__),
        bound_decode=max(RESOURCES, key=_by_resource(decode).__getitem__),
        without_wall_prefill=_wall(prefill, ttft), without_wall_decode=_wall(decode, tpot),
    )  # fmt: skip


def report(
    subject: str = "Tensor-core chip", *, peak: float = 400e12, dram_Bps: float = 3.35e12, energy_factor: float = 1.0,
    is_device: bool = False, board_J: float | None = None, scenario: Scenario = SCENARIO, area_m2: float = 600e-6,
) -> Report:  # fmt: skip
    """A chip with a compute peak and a DRAM bandwidth on Llama-3.1-8B: bound by compute in prefill, DRAM in decode."""
    drawn = design(subject)
    rows = tuple(_row("prefill", s, scenario.prompt, peak, dram_Bps) for s in _OPERATORS)
    rows += tuple(_row("decode", s, scenario.batch, peak, dram_Bps) for s in _OPERATORS)
    steps, tokens = scenario.output - 1, scenario.batch * scenario.output
    energy = {
        c: energy_factor * sum(r.energies_J[i] * (1 if r.phase == "prefill" else steps) for r in rows) / tokens
        for i, c in enumerate(COMPONENTS)
    }
    energy["static"] = 0.25 * sum(energy.values())
    total = sum(energy.values())
    figures = [EnergyFigure(J_per_token=total, method="by actions", scope="package", label="by actions, package")]
    if board_J is not None:
        figures.append(EnergyFigure(J_per_token=board_J, method="board power x time", scope="board", label="board"))
    return Report(
        subject=subject, is_device=is_device, design=drawn, llm=LLAMA, scenario=scenario, status="ok", reason="",
        metrics=_metrics(rows, scenario, total), operators=rows,
        time_by_resource={p: _by_resource([r for r in rows if r.phase == p]) for p in ("prefill", "decode")},
        energy_by_component=energy, energies=tuple(figures),
        blocks=tuple(
            BlockFigure(
                id=b.id, name=b.name, kind=b.kind, rect=Rect(b.placement.x_m, b.placement.y_m, 5e-3, 5e-3),
                area_m2=25e-6, leakage_W=1.0, power_W=20.0, utilisation=0.5, peak=peak, peak_unit="FLOP/s", holds="",
            ) for b in drawn.blocks
        ),
        links=(),
        ceilings=(
            Ceiling(name="Tensor cores, int8", kind="compute", resource="compute", value=peak),
            Ceiling(name="Vector unit", kind="compute", resource="vector", value=peak / 20),
            Ceiling(name="HBM3", kind="memory", resource="dram", value=dram_Bps),
            Ceiling(name="L2", kind="memory", resource="sram", value=dram_Bps * 4),
        ),
        memory=(MemoryFigure(pool="hbm", label="HBM3", capacity_bytes=80e9, weight_bytes=8.5e9, kv_bytes=3e8,
                             activation_bytes=1e8),),
        area_m2=area_m2, die_cost_USD=210.0, findings=(), notes=(),
        figure_keys=("ttft_s", "tpot_s", "tokens_per_s", "energy_per_token_J", "power_W", "area_m2"),
    )  # fmt: skip


def device(name: str, peak: float, dram_Bps: float, board_J: float | None = None, energy_factor: float = 1.4) -> Report:
    """A catalog device beside the chip."""
    return report(name, peak=peak, dram_Bps=dram_Bps, energy_factor=energy_factor, is_device=True, board_J=board_J,
                  area_m2=814e-6)  # fmt: skip


def h100() -> Report:
    """A baseline that is faster than the chip."""
    return device("H100 SXM5", 989e12, 3.35e12, board_J=1.35)


def a100() -> Report:
    """A baseline that is slower than the chip."""
    return device("A100 80GB SXM4", 312e12, 2.039e12, board_J=1.9, energy_factor=1.8)


def does_not_fit(subject: str = "Edge chip") -> Report:
    """A report with a reason and no figures."""
    return msgspec.structs.replace(
        report(subject), status="does_not_fit",
        reason="The weights take 8.53 GB and HBM3 holds 4 GB: 4.53 GB too much. 4-bit weights would take 4.27 GB; "
               "two chips with tensor parallel 2 would hold them.",
        metrics=None, operators=(), time_by_resource={"prefill": {}, "decode": {}}, energy_by_component={}, energies=(),
    )  # fmt: skip


def results(
    subject: Report | None = None, baselines: tuple[Report, ...] | None = None, generation: int = 1,
) -> Results:  # fmt: skip
    """What the evaluator hands to the charts: the chip beside an H100 and an A100, unless told otherwise."""
    shown = (h100(), a100()) if baselines is None else baselines
    return Results(generation=generation, report=subject or report(), baselines=shown, elapsed_s=3.2e-3)


def document() -> Document:
    """A document with the design that `report` is about."""
    names = ("H100 SXM5", "A100 80GB SXM4")
    return Document(design(), SCENARIO, LLAMA, baselines=[Baseline(name=n, device=n) for n in names])


def assert_sound(value: Report) -> None:
    """A report by hand must add up as a computed one does."""
    for row in value.operators:
        assert math.isclose(sum(row.shares_s), row.time_s, rel_tol=1e-9), row.key
