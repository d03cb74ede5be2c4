"""The closed forms of kernels against scalar re-implementations by hand, limiting cases and datasheet ceilings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from hwlib.baselines.kernels import attention, collective, elementwise, gemm
from hwlib.baselines.kernels.ceilings import Ceilings, ceilings_of
from hwlib.baselines.kernels.registry import KERNELS, bucket_name, bucket_of
from hwlib.catalog import find_device

A100 = ceilings_of(find_device("A100 80GB SXM4"))
H100 = ceilings_of(find_device("H100 SXM"))
F16 = gemm.FORMATS["bf16"]

GEMM = gemm.GemmConstants(
    overhead_s=2e-6, compute=0.9, dram=0.8, dram_ramp=0.05, norm=3.0, feed=60.0, tile_s=1e-6, wave=0.7, split_s=2e-6,
    throttle=0.1, tiles="all",
)  # fmt: skip
IDEAL = gemm.GemmConstants(
    overhead_s=0.0, compute=1.0, dram=1.0, dram_ramp=0.0, norm=60.0, feed=1e9, tile_s=0.0, wave=0.0, split_s=0.0,
    throttle=0.0,
)  # fmt: skip


def gemm_by_hand(x: gemm.GemmConstants, chip: Ceilings, m: int, n: int, k: int) -> float:
    """Seconds of one 16-bit GEMM, one tile and split after the other."""
    peak, beta = 312e12 if chip is A100 else 989.4e12, chip.dram_Bps
    moved = 2.0 * (m * k + k * n + m * n)
    d = moved / (beta * min(0.96, x.dram * (moved / 1e8) ** x.dram_ramp))
    best = math.inf
    for tm, tn in gemm.TILES[x.tiles]:
        for s in gemm.SPLITS:
            if s > 1 and k / s < 128:
                continue
            q = math.ceil(m / tm) * math.ceil(n / tn) * s
            deep = 64 * math.ceil(k / (64 * s))
            w = max(1.0, q / chip.sms + x.wave * (math.ceil(q / chip.sms) - q / chip.sms))
            multiply = 2 * tm * tn / (peak / chip.sms * x.compute)
            load = 2 * (tm + tn) / (x.feed * chip.clock_Hz)
            c = w * (deep * (multiply**x.norm + load**x.norm) ** (1 / x.norm) + x.tile_s)
            tau = (c**x.norm + d**x.norm) ** (1 / x.norm)
            if s > 1:
                tau += x.split_s + 8 * s * m * n / (3 * beta)
            best = min(best, tau)
    used = 2 * m * n * k / (peak * best * x.compute)
    return x.overhead_s + best * (1 + x.throttle * used**4)


@pytest.mark.parametrize(
    ("m", "n", "k"),
    [(1, 4096, 4096), (17, 128, 16384), (129, 5120, 1024), (4096, 4096, 4096), (1, 1, 1), (3, 100_000, 64)],
)
@pytest.mark.parametrize("chip", [A100, H100], ids=["A100", "H100"])
def test_gemm_is_the_formula(chip: Ceilings, m: int, n: int, k: int) -> None:
    assert gemm.gemm_seconds(GEMM, chip, F16, m, n, k)[0] == pytest.approx(gemm_by_hand(GEMM, chip, m, n, k), rel=1e-12)


def test_gemm_without_losses_is_the_roofline() -> None:
    m, n, k = np.array([8192.0, 1024.0, 128.0]), np.array([8192.0, 27648.0, 13824.0]), np.array([8192.0, 4096.0, 128.0])
    expected = np.maximum(2 * m * n * k / 312e12, 2 * (m * k + k * n + m * n) / (0.96 * 2.039e12))
    np.testing.assert_allclose(gemm.gemm_seconds(IDEAL, A100, F16, m, n, k), expected, rtol=0.02)


def test_losses_never_beat_the_roofline() -> None:
    random = np.random.default_rng(1)
    m, n, k = (np.floor(2.0 ** random.uniform(0, 14, 500)) for _ in range(3))
    assert np.all(gemm.gemm_seconds(GEMM, A100, F16, m, n, k) > gemm.roofline_s(A100, F16, m, n, k))


def test_a_row_more_than_a_tile_costs_a_wave() -> None:
    """The step that users see on an A100 from m = 128 to 129."""
    whole = msgspec.structs.replace(GEMM, wave=1.0, tiles="large", throttle=0.0)
    at, after = gemm.gemm_seconds(whole, A100, F16, np.array([128.0, 129.0]), 27648, 8192)
    assert after / at > 1.2


def test_narrow_weights_are_read_faster_but_multiply_in_16_bits() -> None:
    lossless = msgspec.structs.replace(IDEAL, tiles="all")

    def seconds(m: int, name: str) -> float:
        return float(gemm.gemm_seconds(lossless, A100, gemm.FORMATS[name], m, 16384, 16384)[0])

    assert seconds(1, "int8_wo") == pytest.approx(seconds(1, "bf16") / 2, rel=0.01)
    assert seconds(1, "int4_wo") == pytest.approx(seconds(1, "bf16") * (0.5 + 2 / 128) / 2, rel=0.01)
    many = {name: seconds(8192, name) for name in ("bf16", "int4_wo", "int8")}
    assert many["int4_wo"] == pytest.approx(many["bf16"], rel=1e-6)
    assert many["int8"] == pytest.approx(many["bf16"] / 2, rel=1e-6)


def test_a_format_without_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="A100 80GB SXM4 has no fp8 matrix unit"):
        gemm.gemm_seconds(IDEAL, A100, gemm.FORMATS["fp8"], 1, 1, 1)


def test_the_hosts_floor_holds_small_gemms_up() -> None:
    slow = msgspec.structs.replace(GEMM, floor_s=5e-5, floor_rows_s=7e-5)
    seconds = gemm.gemm_seconds(slow, H100, gemm.FORMATS["fp8_block"], np.array([1.0, 31.0, 32.0]), 64, 64)
    assert seconds.tolist() == [5e-5, 5e-5, 7e-5]


def test_few_rows_may_have_a_kernel_without_tiles() -> None:
    few = msgspec.structs.replace(GEMM, few_rows=4.0, few_s=1e-6, few_dram=0.9)
    m, n, k = np.array([1.0, 4.0, 5.0]), 1024.0, 8192.0
    plain, quick = (gemm.gemm_seconds(x, A100, F16, m, n, k) for x in (GEMM, few))
    moved = 2 * (m * k + k * n + m * n)
    expected = few.overhead_s + 1e-6 + moved / (A100.dram_Bps * 0.9 * (moved / 1e8) ** few.dram_ramp)
    np.testing.assert_allclose(quick[:2], expected[:2], rtol=1e-3)
    assert np.all(quick[:2] < plain[:2])
    assert quick[2] == plain[2]


@dataclass
class Attention:
    """One call of attention."""

    batch: int
    heads: int
    kv_heads: int
    head_dim: int
    q_len: int
    kv_len: int
    causal: int

    @property
    def columns(self) -> dict[str, np.ndarray]:
        return {name: np.array([float(value)]) for name, value in vars(self).items()}


PREFILL = attention.PrefillConstants(
    overhead_s=1e-5, compute=0.7, ramp_tokens=50.0, tile_s=1e-6, wave=0.6, throttle=0.2, kv_append=2.0, rope=1.5
)
DECODE = attention.DecodeConstants(
    overhead_s=7e-6, dram=0.85, dram_ramp=0.03, stream=30.0, stream_s=2e-6, wave=0.8, norm=3.0, split_s=4e-6,
    batch_s=1e-8, group_rows=6.0,
)  # fmt: skip


def prefill_by_hand(x: attention.PrefillConstants, chip: Ceilings, call: Attention) -> float:
    """Seconds, with the work of every tile of queries counted one by one."""
    packed = call.heads / call.kv_heads if x.packing == "groups" else 1
    rows = min(128, max(16, 2 ** math.ceil(math.log2(call.q_len * packed))))
    tiles = math.ceil(call.q_len * packed / rows)
    e = 4 * rows * call.head_dim / (chip.peak16_flops / chip.sms * x.compute)
    before = max(0, call.kv_len - call.q_len)
    work = [before + ((i + 1) * rows / packed if call.causal else call.q_len) for i in range(tiles)]
    rounds = call.batch * call.heads / packed * tiles / chip.sms
    rounds += x.wave * (math.ceil(rounds) - rounds)
    mean = (sum(work) / tiles + x.ramp_tokens) * e + x.tile_s
    core = max((max(work) + x.ramp_tokens) * e + x.tile_s, rounds * mean)
    first = call.kv_len - call.q_len + 1 if call.causal else call.kv_len
    pairs = (first + call.kv_len) * call.q_len / 2
    used = 4 * call.batch * call.heads * pairs * call.head_dim / (chip.peak16_flops * core * x.compute)
    kv = 2 * call.batch * call.kv_heads * call.kv_len * call.head_dim * 2
    qo = 2 * call.batch * call.heads * call.q_len * call.head_dim * 2
    beside = (x.kv_append * kv + x.rope * qo) / chip.dram_Bps + x.append_s * call.batch * call.q_len
    return x.overhead_s + core * (1 + x.throttle * used**4) + beside


@pytest.mark.parametrize(
    "call",
    [Attention(1, 32, 8, 128, 2048, 2048, 1), Attention(4, 16, 16, 64, 1, 1, 1), Attention(2, 64, 1, 128, 300, 5000, 1),
     Attention(3, 12, 12, 64, 1500, 1500, 0)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("packing", ["heads", "groups"])
def test_prefill_is_the_formula(call: Attention, packing: attention.Packing) -> None:
    x = msgspec.structs.replace(PREFILL, packing=packing, append_s=3e-9)
    found = attention.prefill_seconds(x, H100, attention.FORMATS["16"], call.columns)[0]
    assert found == pytest.approx(prefill_by_hand(x, H100, call), rel=1e-12)


def test_packing_groups_saves_tiles_for_short_prompts_only() -> None:
    short, long = (Attention(64, 64, 8, 128, q, q, 1).columns for q in (16, 8192))
    packed = msgspec.structs.replace(PREFILL, packing="groups")
    ratio = [
        attention.prefill_seconds(packed, H100, attention.FORMATS["16"], c)[0]
        / attention.prefill_seconds(PREFILL, H100, attention.FORMATS["16"], c)[0]
        for c in (short, long)
    ]
    assert ratio[0] < 0.6
    assert ratio[1] == pytest.approx(1.0, abs=0.05)


def decode_by_hand(
    x: attention.DecodeConstants, chip: Ceilings, call: Attention, cache_bytes: int, splits: Iterable[int]
) -> float:
    """Seconds with the best of some KV splits, one after the other."""
    moved = 2 * call.batch * call.kv_heads * call.kv_len * call.head_dim * cache_bytes
    moved += call.batch * call.heads * call.head_dim * 4
    d = moved / (chip.dram_Bps * min(0.96, x.dram * (moved / 1e8) ** x.dram_ramp))
    group = call.heads / call.kv_heads
    best = math.inf
    for s in splits:
        if s > 1 and call.kv_len / s < 64:
            continue
        rounds = call.batch * call.kv_heads * s / chip.sms
        w = max(1.0, rounds + x.wave * (math.ceil(rounds) - rounds))
        chunk = 2 * x.block_tokens * math.ceil(call.kv_len / (x.block_tokens * s)) * call.head_dim * cache_bytes
        streaming = chunk * max(1.0, group / x.group_rows) / (x.stream * chip.clock_Hz)
        tau = ((w * (streaming + x.stream_s + x.group_s * group)) ** x.norm + d**x.norm) ** (1 / x.norm)
        if s > 1:
            tau += x.split_s * (1 + s / 32) + 4 * s * call.batch * call.heads * call.head_dim / chip.dram_Bps
        best = min(best, tau)
    return x.overhead_s + best + x.batch_s * call.batch


@pytest.mark.parametrize(
    "call",
    [Attention(1, 32, 8, 128, 1, 131072, 0), Attention(64, 64, 1, 128, 1, 700, 0), Attention(512, 32, 32, 64, 1, 8, 0)],
    ids=str,
)
@pytest.mark.parametrize(("form", "size"), [("16", 2), ("16/kv8", 1)])
@pytest.mark.parametrize("block", [1.0, 64.0, 128.0])
def test_decode_is_the_formula(call: Attention, form: str, size: int, block: float) -> None:
    x = msgspec.structs.replace(DECODE, block_tokens=block, group_s=3e-8)
    found = attention.decode_seconds(x, A100, attention.FORMATS[form], call.columns)[0]
    assert found == pytest.approx(decode_by_hand(x, A100, call, size, attention.KV_SPLITS), rel=1e-12)


def rule_by_hand(streams: int, kv_len: int, sms: int) -> int:
    """FlashAttention's number of KV splits, one candidate after the other."""
    if streams >= 0.8 * sms:
        return 1
    allowed = [s for s in range(1, 129) if s == 1 or kv_len / s >= 64]
    efficiency = {s: streams * s / sms / math.ceil(streams * s / sms) for s in allowed}
    return min(s for s in allowed if efficiency[s] >= 0.85 * max(efficiency.values()))


CHOICES: dict[attention.Splits, Callable[[int, int, int], int]] = {
    "rule": rule_by_hand,
    "rule of two": lambda streams, kv_len, sms: rule_by_hand(streams, kv_len, 2 * sms),
    "fill": lambda streams, kv_len, sms: max(1, min(sms // streams, kv_len // 64)),
}


@pytest.mark.parametrize(("batch", "kv_len"), [(1, 131072), (8, 8192), (5, 300), (11, 4096), (40, 4096), (3, 40)])
@pytest.mark.parametrize("how", list(CHOICES))
def test_decode_takes_the_splits_that_the_library_chooses(batch: int, kv_len: int, how: attention.Splits) -> None:
    call = Attention(batch, 32, 8, 128, 1, kv_len, 0)
    x = msgspec.structs.replace(DECODE, splits=how, block_tokens=64.0)
    found = attention.decode_seconds(x, A100, attention.FORMATS["16"], call.columns)[0]
    split = CHOICES[how](batch * 8, kv_len, A100.sms)
    assert found == pytest.approx(decode_by_hand(x, A100, call, 2, [split]), rel=1e-12)


def test_heads_of_their_own_may_stay_whole() -> None:
    shared = msgspec.structs.replace(DECODE, split_heads="shared")
    alone, grouped = Attention(1, 8, 8, 128, 1, 131072, 0), Attention(1, 32, 8, 128, 1, 131072, 0)
    for call, splits in ((alone, (1,)), (grouped, attention.KV_SPLITS)):
        found = attention.decode_seconds(shared, A100, attention.FORMATS["16"], call.columns)[0]
        assert found == pytest.approx(decode_by_hand(shared, A100, call, 2, splits), rel=1e-12)


def test_long_decode_approaches_the_dram_limit() -> None:
    call = Attention(256, 32, 8, 128, 1, 65536, 0)
    seconds = attention.decode_seconds(DECODE, H100, attention.FORMATS["16"], call.columns)[0]
    bytes_moved = 2 * 256 * 8 * 65536 * 128 * 2
    assert 0.8 < bytes_moved / H100.dram_Bps / seconds < 0.96


def test_causal_prefill_takes_about_half_of_full_attention() -> None:
    causal, full = (
        attention.prefill_seconds(
            PREFILL, H100, attention.FORMATS["16"], Attention(4, 64, 64, 128, 16384, 16384, c).columns
        )
        for c in (1, 0)
    )
    assert causal[0] / full[0] == pytest.approx(0.5, abs=0.03)


def test_large_collectives_run_at_the_links_share() -> None:
    x = collective.CollectiveConstants(overhead_s=1e-5, step_s=1e-6, ramp_s=1e-6, share=0.8, spread=0.0)
    size = np.array([8e10])
    seconds = collective.collective_seconds(x, H100, "all_reduce", np.array([8.0]), size)[0]
    assert seconds == pytest.approx(2 * 7 / 8 * 8e10 / (0.8 * 450e9), rel=0.01)
    tiny = collective.collective_seconds(x, H100, "all_reduce", np.array([2.0]), np.array([1.0]))[0]
    assert tiny == pytest.approx(1e-5, rel=0.01)


DIRECT = collective.CollectiveConstants(
    overhead_s=2e-5, step_s=1e-6, ramp_s=1e-6, share=0.8, spread=0.0, direct="each", direct_s=5e-6, direct_step_s=1e-7,
    direct_share=0.5, second_s=1e-5, second_share=1.0,
)  # fmt: skip


@pytest.mark.parametrize(("chips", "size"), [(2, 2**20), (4, 2**16), (8, 2**18), (8, 2**22), (8, 2**23), (1, 100)])
@pytest.mark.parametrize("direct", ["each", "shared"])
def test_short_all_reduces_go_directly(chips: int, size: int, direct: collective.Direct) -> None:
    x = msgspec.structs.replace(DIRECT, direct=direct)
    beta, wire = 300e9, 2 * (chips - 1) / chips * size / 300e9
    if size * (chips if direct == "shared" else 1) < 8 * 2**20:
        once, twice = (chips - 1) * size / (0.5 * beta), 1e-5 + wire
        expected = 5e-6 + 1e-7 * max(0, chips - 2) + min(once, twice)
    else:
        expected = 2e-5 + 1e-6 * max(0, chips - 2) + math.sqrt(1e-6 * wire) + wire / 0.8
    found = collective.collective_seconds(x, A100, "all_reduce", np.array([float(chips)]), np.array([float(size)]))[0]
    assert found == pytest.approx(expected, rel=1e-12)


def test_gathers_move_half_of_what_an_all_reduce_moves() -> None:
    n, size = np.array([4.0]), np.array([1e9])
    whole = collective.roofline_s(A100, "all_reduce", n, size)
    assert whole == 2 * collective.roofline_s(A100, "all_gather", n, size)
    assert whole[0] == pytest.approx(1.5 * 1e9 / 300e9)


def test_elementwise_between_floor_and_stream() -> None:
    x = elementwise.ElementwiseConstants(overhead_s=4e-6, passes=3.0, ramp=0.0, norm=20.0, row_s=0.0)
    rows, cols = np.array([1.0, 65536.0]), np.array([128.0, 8192.0])
    floor, stream = elementwise.elementwise_seconds(x, A100, rows, cols)
    assert floor == pytest.approx(4e-6, rel=1e-3)
    assert stream == pytest.approx(3 * 2 * 65536 * 8192 / 2.039e12, rel=1e-3)


def test_one_long_row_takes_longer_than_many_short_ones_of_as_many_elements() -> None:
    x = elementwise.ElementwiseConstants(overhead_s=2e-6, passes=3.0, ramp=0.0, norm=8.0, row_s=0.0, column_s=5e-10)
    one, many = elementwise.elementwise_seconds(x, A100, np.array([1.0, 32.0]), np.array([32768.0, 1024.0]))
    assert one == pytest.approx(2e-6 + 32768 * 5e-10, rel=1e-3)
    assert many < one / 5


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_every_row_has_one_bucket_with_a_name(kind: str) -> None:
    kernel = KERNELS[kind]
    values = np.array([1.0, *kernel.edges, kernel.edges[-1] + 1.0])
    found = bucket_of(kernel, {kernel.bucket_by: values})
    assert found.tolist() == sorted(found.tolist())
    assert set(found) == set(range(len(kernel.edges) + 1))
    assert len({bucket_name(kernel, int(i)) for i in found}) == len(kernel.edges) + 1


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_bounds_hold_the_start_and_name_real_constants(kind: str) -> None:
    kernel = KERNELS[kind]
    assert set(kernel.ranges) <= set(kernel.constants.__struct_fields__)
    assert all(r.low < r.start < r.high for r in kernel.ranges.values())
    assert set(kernel.adjustable) <= set(kernel.ranges)


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_variants_fix_real_constants_and_leave_some_to_be_fitted(kind: str) -> None:
    kernel = KERNELS[kind]
    for form in ("16", "all_reduce", "alltoall", "rmsnorm"):
        for variant in kernel.variants(form):
            assert set(variant) <= set(kernel.constants.__struct_fields__)
            assert 5 <= kernel.freedom(form, variant) <= 13
