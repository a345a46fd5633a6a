"""The tensors of a measurement, made as the Rust side makes its own.

An element is a function of a stream's number and of its place in memory, exact in every element
type, so that two programs have equal inputs without passing them on. The generator is that of
`autotune/src/values.rs`, the layouts are those of `autotune/src/workload.rs`.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
PERIOD = (1 << 18) + 7
"""Longer buffers repeat their first elements."""
WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class Case:
    """One problem: sizes, element type, layout, variant, and forward or backward."""

    batch: int
    heads: int
    seq_q: int
    seq_k: int
    head_dim: int
    value_dim: int
    dtype: str
    layout: str
    variant: str
    params: dict[str, float]
    tables: dict[str, list[int]]
    table_stream: int
    direction: str
    seed: int
    sets: int

    @staticmethod
    def of(request: dict[str, Any]) -> "Case":
        """The fields of a request that describe a case."""
        return Case(**{field.name: request[field.name] for field in fields(Case)})


@dataclass(frozen=True)
class Inputs:
    """The tensors of one call, each `[batch, heads, seq, dim]`."""

    q: Tensor
    k: Tensor
    v: Tensor
    d_out: Tensor


Learned = dict[str, Tensor]
"""The learned tables of a variant by name, in `f32`."""


def mix(x: Tensor | int) -> Any:
    """A hash of 32 bits; `lowbias32` of https://github.com/skeeto/hash-prospector."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & WORD
    # The product of two words may pass the sign of 64 bits; its lower word is right all the same.
    x = ((x ^ (x >> 15)) * 0x846CA68B) & WORD
    return x ^ (x >> 16)


def buffer(stream: int, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Sixteenths between -62 and 62, nearly normal: the sum of four uniform numbers."""
    i = torch.arange(min(length, PERIOD), dtype=torch.int64, device=device)
    bits = mix((mix(i) + mix((stream + 1) & WORD)) & WORD)
    total = sum((bits >> shift) & 31 for shift in (0, 5, 10, 15))
    block = ((total - 62).to(torch.float32) / 16).to(dtype)
    return block.repeat(-(-length // PERIOD))[:length]


def learned(case: Case, device: torch.device) -> Learned:
    """The tables of a variant; a backward pass asks for their gradients too."""

    def table(shape: list[int]) -> Tensor:
        length = torch.Size(shape).numel()
        values = buffer(case.table_stream, length, torch.float32, device).view(shape)
        return values.detach().requires_grad_(case.direction == "backward")

    return {name: table(shape) for name, shape in case.tables.items()}


def make(case: Case, nth: int, device: torch.device) -> Inputs:
    """The tensors of set `nth`; those of a backward pass ask for gradients."""
    dtype, first = DTYPES[case.dtype], 1024 * case.seed + 4 * nth

    def tensor(number: int, seq: int, dim: int) -> Tensor:
        b, h = case.batch, case.heads
        memory = buffer(first + number, b * h * seq * dim, dtype, device)
        if case.layout == "bhsd":
            return memory.view(b, h, seq, dim)
        return memory.view(b, seq, h, dim).transpose(1, 2)

    if case.layout == "packed":
        shape = (case.batch, case.seq_q, 3, case.heads, case.head_dim)
        packed = buffer(first, torch.Size(shape).numel(), dtype, device).view(shape)
        q, k, v = (part.transpose(1, 2) for part in packed.unbind(2))
        d_out = tensor(1, case.seq_q, case.value_dim)
    else:
        q = tensor(0, case.seq_q, case.head_dim)
        k = tensor(1, case.seq_k, case.head_dim)
        v = tensor(2, case.seq_k, case.value_dim)
        d_out = tensor(3, case.seq_q, case.value_dim)
    if case.direction == "backward":
        q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
    return Inputs(q, k, v, d_out)
