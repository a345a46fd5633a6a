"""Writes checkpoints in the form of the official code (github.com/yuqinie98/PatchTST) and what a
model with these weights computes, for the tests that read them.

The names and shapes in the `.pth` files are the official ones; the computation beside them is
written out here from the paper and the description of the code, in inference.

    python3 official.py FOLDER
"""

import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

CONTEXT, HORIZON, PATCH, STRIDE = 14, 3, 4, 3
D, HEADS, D_FF, LAYERS, CHANNELS, BATCH = 8, 2, 12, 2, 2, 3

CASES = {
    "supervised": dict(residual=True, affine=True, padding=True, act="gelu"),
    "supervised_pre_norm": dict(residual=True, padding=True, act="gelu", pre_norm=True),
    "individual": dict(residual=True, padding=True, act="gelu", individual=True),
    "layer_norm": dict(residual=False, padding=True, act="relu", layer_norm=True),
    "decomposed": dict(residual=True, padding=True, act="gelu", decomposition=5),
    "self_supervised": dict(residual=False, padding=False, act="relu", self_supervised=True),
}


def assignments(case):
    """The same in this project's configuration."""
    yes = lambda key: str(bool(case.get(key))).lower()
    return [
        f"model.context={CONTEXT}", f"model.horizon={HORIZON}", f"model.patch_len={PATCH}",
        f"model.stride={STRIDE}", f"model.d_model={D}", f"model.heads={HEADS}",
        f"model.d_ff={D_FF}", f"model.layers={LAYERS}", f"model.end_padding={yes('padding')}",
        f"model.residual_attention={yes('residual')}", f"model.revin_affine={yes('affine')}",
        f"model.activation={case['act']}", f"model.individual_head={yes('individual')}",
        f"model.norm={'layer' if case.get('layer_norm') else 'batch'}",
        f"model.norm_order={'pre-residual' if case.get('pre_norm') else 'post'}",
        f"model.decomposition={case.get('decomposition', 0)}",
        f"model.patch_from={'end' if case.get('self_supervised') else 'start'}",
    ]


def tokens(case):
    return (CONTEXT - PATCH) // STRIDE + 1 + (1 if case["padding"] else 0)


def weights(case, prefix, generator):
    state = {}

    def put(name, *shape, around=0.0):
        state[prefix + name] = around + 0.3 * torch.randn(shape, generator=generator)

    def linear(name, inputs, outputs):
        put(f"{name}.weight", outputs, inputs)
        put(f"{name}.bias", outputs)

    if case.get("affine"):
        put("revin_layer.affine_weight", CHANNELS, around=1.0)
        put("revin_layer.affine_bias", CHANNELS)
    linear("backbone.W_P", PATCH, D)
    put("backbone.W_pos", tokens(case), D)
    for layer in range(LAYERS):
        at = f"backbone.encoder.layers.{layer}"
        for name in ("W_Q", "W_K", "W_V", "to_out.0"):
            linear(f"{at}.self_attn.{name}", D, D)
        state[f"{prefix}{at}.self_attn.sdp_attn.scale"] = torch.tensor((D / HEADS) ** -0.5)
        for name in ("norm_attn", "norm_ffn"):
            if case.get("layer_norm"):
                put(f"{at}.{name}.weight", D, around=1.0)
                put(f"{at}.{name}.bias", D)
                continue
            put(f"{at}.{name}.1.weight", D, around=1.0)
            put(f"{at}.{name}.1.bias", D)
            put(f"{at}.{name}.1.running_mean", D)
            state[f"{prefix}{at}.{name}.1.running_var"] = 1 + torch.rand(D, generator=generator)
            state[f"{prefix}{at}.{name}.1.num_batches_tracked"] = torch.tensor(7)
        linear(f"{at}.ff.0", D, D_FF)
        linear(f"{at}.ff.3", D_FF, D)
    if case.get("individual"):
        for channel in range(CHANNELS):
            linear(f"head.linears.{channel}", D * tokens(case), HORIZON)
    else:
        linear("head.linear", D * tokens(case), HORIZON)
    return state


def network(case, state, prefix, x):
    """x: [batch, channels, time] to [batch, channels, horizon]"""
    w = lambda name: state[prefix + name]
    linear = lambda name, x: F.linear(x, w(f"{name}.weight"), w(f"{name}.bias"))

    mean = x.mean(-1, keepdim=True)
    deviation = torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)
    x = (x - mean) / deviation
    if case.get("affine"):
        gain = w("revin_layer.affine_weight")[:, None]
        bias = w("revin_layer.affine_bias")[:, None]
        x = x * gain + bias
    if case["padding"]:
        x = torch.cat([x, x[..., -1:].expand(-1, -1, STRIDE)], -1)
    else:
        x = x[..., x.shape[-1] - (PATCH + STRIDE * (tokens(case) - 1)):]
    x = x.unfold(-1, PATCH, STRIDE)
    n = x.shape[2]
    x = linear("backbone.W_P", x).reshape(BATCH * CHANNELS, n, D) + w("backbone.W_pos")

    def norm(name, x):
        if case.get("layer_norm"):
            return F.layer_norm(x, (D,), w(f"{name}.weight"), w(f"{name}.bias"))
        name += ".1"
        return F.batch_norm(
            x.transpose(1, 2), w(f"{name}.running_mean"), w(f"{name}.running_var"),
            w(f"{name}.weight"), w(f"{name}.bias")).transpose(1, 2)

    below = 0.0
    for layer in range(LAYERS):
        at = f"backbone.encoder.layers.{layer}"
        if case.get("pre_norm"):
            x = norm(f"{at}.norm_attn", x)
        q, k, v = (
            linear(f"{at}.self_attn.{name}", x).view(-1, n, HEADS, D // HEADS).transpose(1, 2)
            for name in ("W_Q", "W_K", "W_V"))
        scores = q @ k.transpose(-1, -2) / math.sqrt(D // HEADS) + below
        if case["residual"]:
            below = scores
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, n, D)
        x = x + linear(f"{at}.self_attn.to_out.0", mixed)
        x = norm(f"{at}.norm_ffn", x) if case.get("pre_norm") else norm(f"{at}.norm_attn", x)
        act = F.gelu if case["act"] == "gelu" else F.relu
        x = x + linear(f"{at}.ff.3", act(linear(f"{at}.ff.0", x)))
        if not case.get("pre_norm"):
            x = norm(f"{at}.norm_ffn", x)

    # [batch, channels, d_model, tokens], flattened
    x = x.reshape(BATCH, CHANNELS, n, D).transpose(2, 3).reshape(BATCH, CHANNELS, D * n)
    if case.get("individual"):
        y = torch.stack([linear(f"head.linears.{c}", x[:, c]) for c in range(CHANNELS)], 1)
    else:
        y = linear("head.linear", x)
    if case.get("affine"):
        y = (y - bias) / (gain + 1e-10)
    return y * deviation + mean


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, case) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(number)
        x = torch.randn((BATCH, CHANNELS, CONTEXT), generator=generator) * 2 + 1
        steps = case.get("decomposition")
        if steps:
            state = weights(case, "model_res.", generator) | weights(case, "model_trend.", generator)
            padded = F.pad(x, (steps // 2, steps // 2), mode="replicate")
            trend = F.avg_pool1d(padded, steps, 1)
            y = network(case, state, "model_res.", x - trend)
            y = y + network(case, state, "model_trend.", trend)
        else:
            prefix = "" if case.get("self_supervised") else "model."
            state = weights(case, prefix, generator)
            y = network(case, state, prefix, x)
        torch.save(state, folder / f"{name}.pth")
        metadata = {"assignments": "\n".join(assignments(case))}
        save_file({"x": x, "y": y.contiguous()}, folder / f"{name}.safetensors", metadata)
        print(name)


if __name__ == "__main__":
    main()
