"""FlashAttention-2 in Triton: what one gets who writes the kernel oneself, and tunes it.

Forward as in https://arxiv.org/abs/2307.08691, one program to a block of queries. Backward in two
kernels without atomics: one program to a block of queries for `dQ`, and one to a block of keys for
`dK` and `dV`. Lengths and dimensions that are no power of two are padded within the kernels; the
last dimension of every tensor is contiguous. Dimensions and the distance of rows are compiled in,
so that rows are read in the widest words that their alignment allows.
"""

import math
import os
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

VERSION: str = triton.__version__
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
LOG2_E = tl.constexpr(math.log2(math.e))
LEAST = 16
"""Tensor cores multiply no shorter tiles."""
LENGTHS = ["groups", "heads", "seq_q", "seq_k"]
"""A kernel is compiled for all of these."""


def configs() -> list[triton.Config]:
    """Block sizes to choose from: short sequences want small ones."""
    sizes = [(16, 16, 1), (32, 32, 1), (32, 32, 2), (64, 64, 2), (64, 64, 4), (128, 64, 4)]
    sizes += [(64, 128, 4), (128, 128, 8)]
    # The interpreter has nothing to tune.
    sizes = sizes[:1] if INTERPRETED else sizes
    return [
        triton.Config({"QUERIES": queries, "KEYS": keys}, num_warps=warps, num_stages=stages)
        for queries, keys, warps in sizes
        for stages in ((2,) if queries < 64 else (2, 3))
    ]


def prune(candidates: list[triton.Config], given: dict[str, Any], **_: Any) -> list[triton.Config]:
    """The sizes that suit a length: neither mostly padding nor a small part of the sequence."""
    exact = given["q"].dtype == torch.float32
    length = max(given["seq_q"], given["seq_k"])
    most = max(LEAST, triton.next_power_of_2(length))
    # Without tensor cores, large tiles take minutes to compile and spill.
    most = min(most, 64 if exact else 128)
    least = min(most, 32 if length <= 64 else 64)

    def suits(config: triton.Config) -> bool:
        queries, keys = config.kwargs["QUERIES"], config.kwargs["KEYS"]
        stages = config.num_stages == 2 or (length > 128 and not exact)
        return least <= min(queries, keys) and max(queries, keys) <= most and stages

    return [config for config in candidates if suits(config)]


def quick_bench(call: Callable[[], None], quantiles: list[float]) -> Any:
    return triton.testing.do_bench(call, warmup=3, rep=10, quantiles=quantiles)


def tuned(kernel: Any) -> Any:
    """Chooses block sizes by measuring, once for each problem."""
    return triton.autotune(
        configs(),
        key=[*LENGTHS, "head_dim", "value_dim", "CAUSAL"],
        prune_configs_by={"early_config_prune": prune},
        do_bench=quick_bench,
    )(triton.jit(kernel, do_not_specialize=LENGTHS))


@triton.jit
def rows(base, stride, start, count, dim, ROWS: tl.constexpr, COLS: tl.constexpr):
    """A block of rows; zero outside."""
    row, col = start + tl.arange(0, ROWS), tl.arange(0, COLS)
    inside = (row < count)[:, None] & (col < dim)[None, :]
    return tl.load(base + row[:, None] * stride + col[None, :], mask=inside, other=0.0)


@triton.jit
def put(base, stride, start, count, dim, x, ROWS: tl.constexpr, COLS: tl.constexpr):
    """Writes a block of rows."""
    row, col = start + tl.arange(0, ROWS), tl.arange(0, COLS)
    inside = (row < count)[:, None] & (col < dim)[None, :]
    tl.store(base + row[:, None] * stride + col[None, :], x.to(base.dtype.element_ty), mask=inside)


@triton.jit
def product(a, b, EXACT: tl.constexpr):
    """In full `f32` where the inputs are `f32`."""
    return tl.dot(a, b, input_precision="ieee" if EXACT else "tf32")


@triton.jit
def place(base, batch, head, strides):
    """The first element of a group."""
    return base + batch.to(tl.int64) * strides[0] + head.to(tl.int64) * strides[1]


@triton.jit
def visible(query, key, seq_q, seq_k, CAUSAL: tl.constexpr):
    """Which scores count, of a row of keys for a column of queries or the other way round."""
    inside = (query < seq_q) & (key < seq_k)
    if CAUSAL:
        inside = inside & (key <= query)
    return inside


@tuned
def forward_kernel(
    q, k, v, out, lse,
    q_strides, k_strides, v_strides, out_strides,
    groups, heads, seq_q, seq_k, scale,
    head_dim: tl.constexpr, value_dim: tl.constexpr,
    CAUSAL: tl.constexpr, EXACT: tl.constexpr, DIM: tl.constexpr, VALUE_DIM: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    blocks = tl.cdiv(seq_q, QUERIES)
    group, start = tl.program_id(0) // blocks, tl.program_id(0) % blocks * QUERIES
    batch, head = group // heads, group % heads
    q = place(q, batch, head, q_strides)
    k = place(k, batch, head, k_strides)
    v = place(v, batch, head, v_strides)
    out = place(out, batch, head, out_strides)
    query = start + tl.arange(0, QUERIES)
    queries = rows(q, q_strides[2], start, seq_q, head_dim, QUERIES, DIM)
    largest = tl.full([QUERIES], float("-inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    sums = tl.zeros([QUERIES, VALUE_DIM], tl.float32)
    end = tl.minimum(seq_k, start + QUERIES) if CAUSAL else seq_k
    for first in range(0, end, KEYS):
        keys = rows(k, k_strides[2], first, seq_k, head_dim, KEYS, DIM)
        scores = product(queries, tl.trans(keys), EXACT) * (scale * LOG2_E)
        key = first + tl.arange(0, KEYS)
        # A query of the padding sees keys too: no row is without one.
        seen = visible(query[:, None], key[None, :], start + QUERIES, seq_k, CAUSAL)
        scores = tl.where(seen, scores, float("-inf"))
        higher = tl.maximum(largest, tl.max(scores, 1))
        weights = tl.exp2(scores - higher[:, None])
        shrink = tl.exp2(largest - higher)
        values = rows(v, v_strides[2], first, seq_k, value_dim, KEYS, VALUE_DIM)
        total = total * shrink + tl.sum(weights, 1)
        sums = sums * shrink[:, None] + product(weights.to(values.dtype), values, EXACT)
        largest = higher
    put(out, out_strides[2], start, seq_q, value_dim, sums / total[:, None], QUERIES, VALUE_DIM)
    place_of_rows = lse + group.to(tl.int64) * seq_q + query
    tl.store(place_of_rows, largest + tl.log2(total), mask=query < seq_q)


@tuned
def queries_kernel(
    q, k, v, out, d_out, lse, delta, d_q,
    q_strides, k_strides, v_strides, out_strides, d_out_strides, d_q_strides,
    groups, heads, seq_q, seq_k, scale,
    head_dim: tl.constexpr, value_dim: tl.constexpr,
    CAUSAL: tl.constexpr, EXACT: tl.constexpr, DIM: tl.constexpr, VALUE_DIM: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """`dQ`, and `delta`, the sum of `dO` times `O` over each row, for the other kernel."""
    blocks = tl.cdiv(seq_q, QUERIES)
    group, start = tl.program_id(0) // blocks, tl.program_id(0) % blocks * QUERIES
    batch, head = group // heads, group % heads
    q = place(q, batch, head, q_strides)
    k = place(k, batch, head, k_strides)
    v = place(v, batch, head, v_strides)
    out = place(out, batch, head, out_strides)
    d_out = place(d_out, batch, head, d_out_strides)
    d_q = place(d_q, batch, head, d_q_strides)
    query = start + tl.arange(0, QUERIES)
    row = group.to(tl.int64) * seq_q + query
    queries = rows(q, q_strides[2], start, seq_q, head_dim, QUERIES, DIM)
    outs = rows(out, out_strides[2], start, seq_q, value_dim, QUERIES, VALUE_DIM)
    d_outs = rows(d_out, d_out_strides[2], start, seq_q, value_dim, QUERIES, VALUE_DIM)
    row_lse = tl.load(lse + row, mask=query < seq_q, other=0.0)
    row_delta = tl.sum(outs.to(tl.float32) * d_outs.to(tl.float32), 1)
    tl.store(delta + row, row_delta, mask=query < seq_q)
    sums = tl.zeros([QUERIES, DIM], tl.float32)
    end = tl.minimum(seq_k, start + QUERIES) if CAUSAL else seq_k
    for first in range(0, end, KEYS):
        keys = rows(k, k_strides[2], first, seq_k, head_dim, KEYS, DIM)
        values = rows(v, v_strides[2], first, seq_k, value_dim, KEYS, VALUE_DIM)
        scores = product(queries, tl.trans(keys), EXACT) * (scale * LOG2_E)
        key = first + tl.arange(0, KEYS)
        seen = visible(query[:, None], key[None, :], seq_q, seq_k, CAUSAL)
        weights = tl.where(seen, tl.exp2(scores - row_lse[:, None]), 0.0)
        d_weights = product(d_outs, tl.trans(values), EXACT)
        d_scores = weights * (d_weights - row_delta[:, None])
        sums += product(d_scores.to(keys.dtype), keys, EXACT)
    put(d_q, d_q_strides[2], start, seq_q, head_dim, sums * scale, QUERIES, DIM)


@tuned
def keys_kernel(
    q, k, v, d_out, lse, delta, d_k, d_v,
    q_strides, k_strides, v_strides, d_out_strides, d_k_strides, d_v_strides,
    groups, heads, seq_q, seq_k, scale,
    head_dim: tl.constexpr, value_dim: tl.constexpr,
    CAUSAL: tl.constexpr, EXACT: tl.constexpr, DIM: tl.constexpr, VALUE_DIM: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """`dK` and `dV`; scores are transposed, so that rows are keys."""
    blocks = tl.cdiv(seq_k, KEYS)
    group, start = tl.program_id(0) // blocks, tl.program_id(0) % blocks * KEYS
    batch, head = group // heads, group % heads
    q = place(q, batch, head, q_strides)
    k = place(k, batch, head, k_strides)
    v = place(v, batch, head, v_strides)
    d_out = place(d_out, batch, head, d_out_strides)
    d_k = place(d_k, batch, head, d_k_strides)
    d_v = place(d_v, batch, head, d_v_strides)
    key = start + tl.arange(0, KEYS)
    keys = rows(k, k_strides[2], start, seq_k, head_dim, KEYS, DIM)
    values = rows(v, v_strides[2], start, seq_k, value_dim, KEYS, VALUE_DIM)
    key_sums = tl.zeros([KEYS, DIM], tl.float32)
    value_sums = tl.zeros([KEYS, VALUE_DIM], tl.float32)
    begin = start // QUERIES * QUERIES if CAUSAL else 0
    for first in range(begin, seq_q, QUERIES):
        query = first + tl.arange(0, QUERIES)
        row = group.to(tl.int64) * seq_q + query
        row_lse = tl.load(lse + row, mask=query < seq_q, other=0.0)
        row_delta = tl.load(delta + row, mask=query < seq_q, other=0.0)
        queries = rows(q, q_strides[2], first, seq_q, head_dim, QUERIES, DIM)
        d_outs = rows(d_out, d_out_strides[2], first, seq_q, value_dim, QUERIES, VALUE_DIM)
        scores = product(keys, tl.trans(queries), EXACT) * (scale * LOG2_E)
        seen = visible(query[None, :], key[:, None], seq_q, seq_k, CAUSAL)
        weights = tl.where(seen, tl.exp2(scores - row_lse[None, :]), 0.0)
        value_sums += product(weights.to(d_outs.dtype), d_outs, EXACT)
        d_weights = product(values, tl.trans(d_outs), EXACT)
        d_scores = weights * (d_weights - row_delta[None, :])
        key_sums += product(d_scores.to(queries.dtype), queries, EXACT)
    put(d_k, d_k_strides[2], start, seq_k, head_dim, key_sums * scale, KEYS, DIM)
    put(d_v, d_v_strides[2], start, seq_k, value_dim, value_sums, KEYS, VALUE_DIM)


def strides_of(x: Tensor) -> tuple[int, int, tl.constexpr]:
    """From one sequence, head and row to the next."""
    return x.stride(0), x.stride(1), tl.constexpr(x.stride(2))


def padded(dim: int) -> int:
    return max(LEAST, triton.next_power_of_2(dim))


class Flash(torch.autograd.Function):
    """The three kernels as one differentiable function."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        batch, heads, seq_q, head_dim = q.shape
        seq_k, value_dim = v.shape[2:]
        out = q.new_empty(batch, heads, seq_q, value_dim)
        lse = q.new_empty(batch, heads, seq_q, dtype=torch.float32)
        sizes = (batch * heads, heads, seq_q, seq_k, head_dim**-0.5, head_dim, value_dim)
        tiles = (causal, q.dtype == torch.float32, padded(head_dim), padded(value_dim))
        strides = map(strides_of, (q, k, v, out))
        grid = blocks_of(batch * heads, seq_q, "QUERIES")
        forward_kernel[grid](q, k, v, out, lse, *strides, *sizes, *tiles)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.arguments = (*sizes, *tiles)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        groups, _, seq_q, seq_k, *_ = ctx.arguments
        delta = torch.empty_like(lse)
        d_q, d_k, d_v = (torch.empty_like(x) for x in (q, k, v))
        strides = map(strides_of, (q, k, v, out, d_out, d_q))
        queries_kernel[blocks_of(groups, seq_q, "QUERIES")](
            q, k, v, out, d_out, lse, delta, d_q, *strides, *ctx.arguments
        )
        strides = map(strides_of, (q, k, v, d_out, d_k, d_v))
        keys_kernel[blocks_of(groups, seq_k, "KEYS")](
            q, k, v, d_out, lse, delta, d_k, d_v, *strides, *ctx.arguments
        )
        return d_q, d_k, d_v, None


def blocks_of(groups: int, length: int, size: str) -> Callable[[dict[str, int]], tuple[int]]:
    """One program to each block of each group."""
    return lambda config: (groups * triton.cdiv(length, config[size]),)


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """`softmax(QK'/sqrt(d))V` of `[batch, heads, seq, dim]` tensors."""
    return Flash.apply(q, k, v, causal)
