"""Writes what Hugging Face's PatchTST computes, for the parity tests: one safetensors file a case.

Each file holds `weight.*` (the state dict), `x`, `y`, `output` (inference), `loss` and `grad.*` (in
training mode, without dropout), and the configuration as JSON in its header.

    python3 huggingface.py FOLDER [SEED]

needs torch and transformers; `cargo xtask parity` installs the versions that it was written for.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

BASE = dict(
    num_input_channels=2, context_length=14, prediction_length=3, patch_length=4, patch_stride=3,
    d_model=8, num_attention_heads=2, ffn_dim=12, num_hidden_layers=2, pooling_type=None,
)

CASES = {
    "defaults": {},
    "post_norm": dict(pre_norm=False),
    "layer_norm": dict(norm_type="layernorm"),
    "layer_norm_post": dict(norm_type="layernorm", pre_norm=False, activation_function="relu"),
    "relu_without_bias": dict(activation_function="relu", bias=False),
    "random_positions": dict(positional_encoding_type="random"),
    "mean_pooling": dict(pooling_type="mean"),
    "max_pooling": dict(pooling_type="max"),
    "cls_token": dict(use_cls_token=True, positional_encoding_type="random"),
    "own_embeddings": dict(share_embedding=False),
    "channel_attention": dict(channel_attention=True),
    "channel_attention_post": dict(channel_attention=True, pre_norm=False, norm_type="layernorm"),
    "mean_scaling": dict(scaling="mean"),
    "no_scaling": dict(scaling=None),
    "four_heads_deep": dict(num_attention_heads=4, num_hidden_layers=4, patch_stride=2),
    "normal": dict(loss="nll", distribution_output="normal"),
    "student_t": dict(loss="nll", distribution_output="student_t", pooling_type="mean"),
    "negative_binomial": dict(loss="nll", distribution_output="negative_binomial"),
    "classification": dict(task="Classification", num_targets=3, pooling_type="mean"),
    "classification_cls": dict(task="Classification", num_targets=3, use_cls_token=True),
    "regression": dict(task="Regression", num_targets=2, pooling_type="max"),
    "regression_range": dict(
        task="Regression", num_targets=2, pooling_type="mean", output_range=[-1.0, 2.0]
    ),
    "pretraining": dict(task="Pretraining"),
    "pretraining_cls": dict(task="Pretraining", use_cls_token=True, pre_norm=False),
}

BATCH = 3


def case(name, options, generator):
    options = {**BASE, **options}
    task = options.pop("task", "Prediction")
    config = transformers.PatchTSTConfig(**options)
    config._attn_implementation = "eager"
    model = getattr(transformers, f"PatchTSTFor{task}")(config)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point() and "position_enc" not in key:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
            # Gains and variances lie around one.
            if "running_var" in key or "norm" in key and key.endswith("weight"):
                value.copy_(1.0 + 0.2 * torch.rand(value.shape, generator=generator))
    tensors = {f"weight.{key}": value.clone() for key, value in model.state_dict().items()}

    def random(*shape):
        return torch.randn(shape, generator=generator)

    channels, steps = config.num_input_channels, config.context_length
    x = random(BATCH, steps, channels) * 2.0 + 1.0
    arguments = {}
    if task == "Prediction":
        y = random(BATCH, config.prediction_length, channels) * 2.0 + 1.0
        if options.get("distribution_output") == "negative_binomial":
            x, y = x.abs().round(), y.abs().round()
        arguments["future_values"] = y
    elif task == "Classification":
        y = torch.arange(BATCH) % config.num_targets
        arguments["target_values"] = y
    elif task == "Regression":
        y = random(BATCH, config.num_targets)
        arguments["target_values"] = y
    else:
        y = (torch.rand(BATCH, channels, model.model.patchifier.num_patches, generator=generator) < 0.4)
        masked = y
        model.model.masking.forward = lambda patches: (
            patches.masked_fill(masked.unsqueeze(-1), 0.0), masked)

    model.eval()
    with torch.no_grad():
        result = model(past_values=x, return_dict=True)
    field = {
        "Prediction": "prediction_outputs", "Classification": "prediction_logits",
        "Regression": "regression_outputs", "Pretraining": "prediction_output",
    }[task]
    output = result[field]
    if isinstance(output, tuple):
        # The distribution's mean in the series' own scale.
        with torch.no_grad():
            distribution = model.distribution_output.distribution(
                output, loc=result.loc, scale=result.scale)
        output = distribution.mean
    model.train()
    loss = model(past_values=x, return_dict=True, **arguments).loss
    if options.get("loss") == "nll":
        # Theirs adds the channels of a step up before it takes the mean.
        loss = loss / channels
    loss.backward()
    tensors |= {
        f"grad.{key}": value.grad for key, value in model.named_parameters() if value.grad is not None
    }
    tensors |= {"x": x, "y": y, "output": output, "loss": loss.detach()}
    json_config = config.to_dict() | {"architectures": [type(model).__name__]}
    tensors = {key: value.detach().float().contiguous() for key, value in tensors.items()}
    return tensors, {"config": json.dumps(json_config), "transformers": transformers.__version__}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for number, (name, options) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(seed * 1000 + number)
        torch.manual_seed(seed)
        tensors, metadata = case(name, options, generator)
        save_file(tensors, folder / f"{name}.safetensors", metadata)
        print(name)


if __name__ == "__main__":
    main()
