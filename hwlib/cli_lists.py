"""What the listing commands list: devices, LLMs and example designs as JSON rows."""

from __future__ import annotations

from typing import Any

import msgspec

from hwlib.catalog import devices, example_designs, load_example, models, power_range_W
from hwlib.catalog.devices import Device
from hwlib.design.design import Design
from hwlib.report_json import finite
from hwlib.workload.llm import LlmArchitecture


def device_rows() -> list[dict[str, Any]]:
    """One row for each device: its datasheet's figures, its power or a range for it, and whether it runs LLMs."""
    return [_device(device) for device in devices()]


def _device(device: Device) -> dict[str, Any]:
    values: dict[str, Any] = finite(msgspec.to_builtins(device))
    reason = values.pop("cannot_run")
    return {**values, "power_W": _power(device), "runnable": not reason, "reason": reason}


def _power(device: Device) -> dict[str, Any]:
    try:
        low, high, why = power_range_W(device)
    except ValueError as error:
        return {"low": None, "high": None, "source": str(error)}
    return finite({"low": low, "high": high, "source": why})  # type: ignore[no-any-return]


def model_rows() -> list[dict[str, Any]]:
    """One row for each LLM: parameters published and recomputed, KV cache per token, and whether it can be run."""
    return [_model(llm) for llm in models()]


def _model(llm: LlmArchitecture) -> dict[str, Any]:
    shapes = bool(llm.hidden)
    row = {
        "name": llm.name,
        "params_published": llm.published_params or None,
        "params_recomputed": llm.params if shapes else None,
        "active_params_published": llm.published_active_params or None,
        "active_params_recomputed": llm.active_params if shapes else None,
        "kv_bytes_per_token_fp16": llm.kv_bytes_per_token(16) if llm.decoder_only else None,
        "runnable": llm.decoder_only,
        "reason": llm.cannot_generate,
        "layers": llm.layers,
        "hidden": llm.hidden,
        "heads": llm.heads,
        "kv_heads": llm.kv_heads,
        "attention": llm.attention,
        "experts": llm.experts,
        "top_k": llm.top_k,
        "vocab": llm.vocab,
        "max_ctx": llm.max_ctx,
        "source": llm.source,
        "confidence": llm.confidence,
        "note": llm.note,
        "aliases": llm.aliases,
    }
    return finite(row)  # type: ignore[no-any-return]


def published_chip_rows() -> list[dict[str, Any]]:
    """One row for each operating point of a published chip: figures published and modelled, and their ratios."""
    from hwlib.analysis.published import published_rows

    return [row.to_json() for row in published_rows()]


def example_rows() -> list[dict[str, Any]]:
    """One row for each example design: its title, what it shows, and what it is made of."""
    return [_example(name, load_example(name)) for name in example_designs()]


def _example(name: str, design: Design) -> dict[str, Any]:
    return {
        "name": name,
        "title": design.name,
        "note": " ".join(design.note.split()),
        "node_nm": design.settings.node_nm,
        "blocks": [{"id": block.id, "kind": block.kind, "name": block.name} for block in design.blocks],
    }
