"""The peers: what PyTorch offers for attention, and a kernel in Triton."""

import math
import warnings
from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch._functorch.config
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from inputs import Case, Learned

try:
    import triton_attention
except ImportError as error:
    triton_attention = None
    WITHOUT_TRITON = f"not installed: {error}"

# The backward pass of a compiled function is measured more than once on one graph.
torch._functorch.config.donated_buffer = False

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
Build = Callable[[Case, torch.device, Learned], Attention]
ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class Refused(Exception):
    """A peer does not do what is asked."""


def softcap(cap: float) -> ScoreMod:
    return lambda score, b, h, i, j: cap * torch.tanh(score / cap)


def alibi(heads: float) -> ScoreMod:
    def biased(score: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return score - torch.exp2(-8.0 * (h + 1) / heads) * (i - j).abs()

    return biased


def relative_bias(bias: Tensor, queries: int) -> ScoreMod:
    return lambda score, b, h, i, j: score + bias[h, j - i + (queries - 1)]


def causal() -> MaskMod:
    return lambda b, h, i, j: j <= i


def sliding_window(window: float) -> MaskMod:
    return lambda b, h, i, j: (i - j).abs() < int(window)


def neighbourhood_56x56() -> MaskMod:
    def first(place: Tensor) -> Tensor:
        return (place - 2).clamp(0, 51)

    def near(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        row, column = j // 56 - first(i // 56), j % 56 - first(i % 56)
        return (row >= 0) & (row < 5) & (column >= 0) & (column < 5)

    return near


SCORE_MODS: dict[str, Callable[..., ScoreMod]] = {"softcap": softcap, "alibi": alibi}
MASK_MODS: dict[str, Callable[..., MaskMod]] = {
    "causal": causal,
    "sliding_window": sliding_window,
    "neighbourhood_56x56": neighbourhood_56x56,
}


def mods(case: Case, learned: Learned) -> tuple[ScoreMod | None, MaskMod | None]:
    """The stages of a variant, as FlexAttention takes them."""
    if case.variant == "relative_bias":
        return relative_bias(learned["bias"], case.seq_q), None
    if case.variant in SCORE_MODS:
        return SCORE_MODS[case.variant](**case.params), None
    if case.variant in MASK_MODS:
        if case.seq_q != case.seq_k:
            raise Refused("masks are written for as many keys as queries")
        return None, MASK_MODS[case.variant](**case.params)
    if case.variant != "softmax":
        raise Refused("has no such variant")
    return None, None


def is_causal(case: Case) -> bool:
    """Of the variants, fused kernels know this one alone."""
    if case.variant not in ("softmax", "causal"):
        raise Refused("has no such variant")
    return case.variant == "causal"


def vanilla(case: Case, device: torch.device, learned: Learned) -> Attention:
    """The formula as it is written, in the element type of the inputs."""
    score_mod, mask_mod = mods(case, learned)
    scale = 1 / math.sqrt(case.head_dim)
    sizes = (case.batch, case.heads, case.seq_q, case.seq_k)
    b, h, i, j = (
        torch.arange(size, device=device).view([-1 if d == axis else 1 for d in range(4)])
        for axis, size in enumerate(sizes)
    )
    keep = None if mask_mod is None else mask_mod(b, h, i, j)

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = (q @ k.transpose(-2, -1)) * scale
        if score_mod is not None:
            scores = score_mod(scores, b, h, i, j)
        if keep is not None:
            scores = scores.masked_fill(~keep, -math.inf)
        return torch.softmax(scores, dim=-1).to(v.dtype) @ v

    return attention


def vanilla_compiled(case: Case, device: torch.device, learned: Learned) -> Attention:
    """The same through `torch.compile`, which must not fall back to what it was given."""
    return torch.compile(vanilla(case, device, learned), fullgraph=True, dynamic=False)


def sdpa(backend: SDPBackend) -> Build:
    """`scaled_dot_product_attention` with one of its back ends."""

    def build(case: Case, device: torch.device, learned: Learned) -> Attention:
        masked = is_causal(case)

        def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, is_causal=masked)

        return attention

    return build


def flex(case: Case, device: torch.device, learned: Learned) -> Attention:
    """FlexAttention, compiled for these sizes."""
    score_mod, mask_mod = mods(case, learned)
    mask = None
    if mask_mod is not None:
        mask = create_block_mask(mask_mod, None, None, case.seq_q, case.seq_k, device=str(device))
    compiled = torch.compile(flex_attention, fullgraph=True, dynamic=False)
    # Its own choice of stages first; the forward kernel of a learned table may have room for fewer. A
    # backward kernel that does not fit says so itself.
    stages: list[dict[str, int]] = [{}, {"num_stages": 2}, {"num_stages": 1}]

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        while True:
            options = stages[0] or None
            try:
                return compiled(
                    q, k, v, score_mod=score_mod, block_mask=mask, kernel_options=options
                )
            except RuntimeError as error:
                if len(stages) == 1 or "out of resource" not in str(error):
                    raise
                stages.pop(0)

    return attention


def triton(case: Case, device: torch.device, learned: Learned) -> Attention:
    """FlashAttention-2 as one writes it in Triton."""
    if triton_attention is None:
        raise Refused(WITHOUT_TRITON)
    if device.type == "cpu" and not triton_attention.INTERPRETED:
        raise Refused("needs a GPU")
    masked = is_causal(case)
    return lambda q, k, v: triton_attention.attention(q, k, v, masked)


IMPLEMENTATIONS: dict[str, Build] = {
    "vanilla": vanilla,
    "vanilla_compiled": vanilla_compiled,
    "sdpa_flash": sdpa(SDPBackend.FLASH_ATTENTION),
    "sdpa_efficient": sdpa(SDPBackend.EFFICIENT_ATTENTION),
    "sdpa_cudnn": sdpa(SDPBackend.CUDNN_ATTENTION),
    "flex": flex,
    "triton": triton,
}

REASONS = {
    "sdpa_flash": "Flash attention kernel not used because",
    "sdpa_efficient": "Memory efficient kernel not used because",
    "sdpa_cudnn": "CuDNN attention kernel not used because",
}
"""Ahead of the warning in which PyTorch says why a back end does not take the inputs."""
NO_KERNEL = ("No available kernel", "No viable backend")


def run_first(name: str, call: Callable[[], object]) -> None:
    """Compiles and runs; a refusal says why."""
    header = REASONS.get(name)
    recording = nullcontext([]) if header is None else warnings.catch_warnings(record=True)
    with recording as caught:
        if header is not None:
            warnings.simplefilter("always")
        try:
            call()
        except RuntimeError as error:
            if not any(words in str(error) for words in NO_KERNEL):
                raise
            said = [str(warning.message) for warning in caught]
            places = [n for n, text in enumerate(said[:-1]) if text.startswith(header)]
            reason = said[places[0] + 1] if places else "no kernel for these inputs"
            raise Refused(reason.split(" (Triggered internally")[0]) from error
