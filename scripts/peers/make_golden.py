#!/usr/bin/env python3
"""Makes tests/golden/fixtures/{gpt1,gpt2,llama}-random with transformers: small random models and what they give.

Everything is computed in float64 from float32 weights and stored as float32. Biases are random, gains lie
around 1, no size is a multiple of 16 and the heads are of odd or uneven size. The contents of
golden.safetensors are described in tests/golden/fixtures/README.md.

Example: build/peers/bin/python scripts/peers/make_golden.py
"""
import argparse
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, OpenAIGPTConfig,
                          OpenAIGPTLMHeadModel)

STEPS, BATCH, LENGTH = 10, 3, 31
PACKED_LENGTHS = (37, 1, 5, 18)
VARIANTS = {"by_layer": {"scale_attn_by_inverse_layer_idx": True}, "unscaled": {"scale_attn_weights": False},
            **{name: {"activation_function": name} for name in ("relu", "silu", "quick_gelu", "gelu")}}
ADAMW = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1, "clip": 1.0}
DROPOUT_OFF = {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}


def make_model(family):
    if family == "gpt1":
        config = OpenAIGPTConfig(vocab_size=211, n_positions=37, n_embd=30, n_head=3, n_layer=3, afn="gelu",
                                 **DROPOUT_OFF)
        model = OpenAIGPTLMHeadModel(config)
    elif family == "llama":
        config = LlamaConfig(vocab_size=211, max_position_embeddings=37, hidden_size=36, num_attention_heads=6,
                             num_key_value_heads=2, num_hidden_layers=3, intermediate_size=101, rms_norm_eps=3e-5,
                             head_dim=10, bos_token_id=210, eos_token_id=210, tie_word_embeddings=False)
        model = LlamaForCausalLM._from_config(config, attn_implementation="eager")
    else:
        config = GPT2Config(vocab_size=211, n_positions=37, n_embd=27, n_head=3, n_layer=3, n_inner=101,
                            layer_norm_epsilon=3e-5, bos_token_id=210, eos_token_id=210, **DROPOUT_OFF)
        model = GPT2LMHeadModel._from_config(config, attn_implementation="eager")
    config.architectures = [type(model).__name__]
    return model.eval()


def randomise(model, seed):
    """Weights N(0, 0.15), embeddings N(0, 0.4), biases N(0, 0.1), gains 1 + N(0, 0.2)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float32)
            if ("ln_" in name or "LayerNorm" in name or "norm" in name) and name.endswith("weight"):
                p.copy_(1 + 0.2 * noise)
            elif p.dim() == 1:
                p.copy_(0.1 * noise)
            else:
                p.copy_((0.4 if "embed" in name or "wte" in name or "wpe" in name else 0.15) * noise)


def loss_of(model, ids, targets):
    """The mean over all B·T targets."""
    return F.cross_entropy(model(ids.long()).logits.flatten(0, 1), targets.long().flatten())


def forward_values(model, ids, targets):
    """Logits, the loss and the output of every block."""
    hidden = {}

    def keeper(name):
        return lambda _, __, out: hidden.update({name: out[0] if isinstance(out, (tuple, list)) else out})

    blocks = model.model.layers if hasattr(model, "model") else model.transformer.h
    hooks = [block.register_forward_hook(keeper(f"hidden.{i}")) for i, block in enumerate(blocks)]
    logits = model(ids.long()).logits
    for hook in hooks:
        hook.remove()
    loss = F.cross_entropy(logits.flatten(0, 1), targets.long().flatten())
    return logits, loss, hidden


def adamw_run(model, loss_at):
    """Ten steps of torch.optim.AdamW; returns losses and gradient norms before clipping. loss_at: of a step."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": ADAMW["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}],
        lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"])
    losses, norms = [], []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = loss_at(step)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), ADAMW["clip"]).item())
        optimiser.step()
        losses.append(loss.item())
    return losses, norms


def gradients(model, loss_at):
    model.zero_grad()
    loss_at(0).backward()
    return {n: p.grad.clone() for n, p in model.named_parameters()}


def largest_relative(a, b):
    """max over tensors of max |a - b| / max |b|."""
    return max(((a[n].double() - b[n].double()).abs().max() / b[n].double().abs().max()).item() for n in b)


def make(family, seed, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model(family)
    randomise(model, seed)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    initial = {n: p.detach().clone() for n, p in model.named_parameters()}

    vocab = model.config.vocab_size
    generator = torch.Generator().manual_seed(seed + 1)
    stream = torch.randint(vocab, (STEPS, BATCH, LENGTH + 1), generator=generator, dtype=torch.int32)
    ids, targets = stream[..., :-1].contiguous(), stream[..., 1:].contiguous()
    packed = torch.randint(vocab, (sum(PACKED_LENGTHS),), generator=generator, dtype=torch.int32)

    def loss_at(step):
        return loss_of(model, ids[step], targets[step])

    gradient32 = gradients(model, loss_at)
    losses32, _ = adamw_run(model, loss_at)
    after32 = {n: p.detach().clone() for n, p in model.named_parameters()}
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(initial[n])
    model.double()

    out = {"train.ids": ids, "train.targets": targets, "packed.ids": packed,
           "packed.lengths": torch.tensor(PACKED_LENGTHS, dtype=torch.int32)}
    with torch.no_grad():
        logits, loss, hidden = forward_values(model, ids[0], targets[0])
        out |= {"logits": logits, "loss": loss.reshape(1)} | hidden
        rows = packed.split(PACKED_LENGTHS)
        out["packed.logits"] = torch.cat([model(row[None].long()).logits[0] for row in rows])
        greedy, margin = rows[3][None].long(), float("inf")
        while greedy.shape[1] < model.config.max_position_embeddings:
            best = model(greedy).logits[0, -1].topk(2)
            margin = min(margin, (best.values[0] - best.values[1]).item())
            greedy = torch.cat([greedy, best.indices[None, :1]], dim=1)
        out["greedy.ids"] = greedy[0].int()
    gradient = gradients(model, loss_at)
    out |= {f"grad.{n}": g for n, g in gradient.items()}
    losses, norms = adamw_run(model, loss_at)
    after = {n: p.detach() for n, p in model.named_parameters()}
    out |= {f"after.{n}": p for n, p in after.items()}
    out |= {"train.losses": torch.tensor(losses), "train.gradient_norms": torch.tensor(norms)}
    out = {n: (t if t.dtype == torch.int32 else t.float()).contiguous().clone() for n, t in out.items()}
    # One entry only: the order of several is not the same in every run.
    about = {"made_by": "scripts/peers/make_golden.py", "torch": torch.__version__, "computed_in": "float64"} | ADAMW
    save_file(out, folder / "golden.safetensors", metadata={"about": json.dumps(about)})

    c = model.config.hidden_size
    key_biases = [n for n in after if n.endswith("c_attn.bias")]
    difference = {n: (after32[n].double() - after[n]).abs() for n in after}
    key_bias_change = max((difference[n][c:2 * c].max().item() for n in key_biases), default=0.0)
    for n in key_biases:
        difference[n][c:2 * c] = 0
    for file in folder.iterdir():
        file.chmod(0o644)
    print(json.dumps({
        "family": family, "parameters": sum(p.numel() for p in initial.values()),
        "bytes": sum(f.stat().st_size for f in folder.iterdir()),
        "loss": loss.item(), "logits_std": logits.std().item(), "train_losses": losses, "gradient_norms": norms,
        "smallest greedy margin": margin,
        "f32_against_f64": {
            "gradient, max |d| / max of tensor": largest_relative(gradient32, gradient),
            "losses, max |d|": max(abs(a - b) for a, b in zip(losses32, losses)),
            "parameters after 10 steps but key biases, max |d|":
                max(d.max().item() for d in difference.values()),
            "key biases after 10 steps, max |d|": key_bias_change},
        "largest key bias gradient in f64":
            max((gradient[n][c:2 * c].abs().max().item() for n in key_biases), default=0.0)},
        indent=1))


def make_variants(folder):
    """variants.safetensors: logits of the first sequence of a fixture whose config.json says other things."""
    ids = load_file(folder / "golden.safetensors")["train.ids"][0, :1].long()
    tensors = {}
    for name, changes in VARIANTS.items():
        config = GPT2Config.from_pretrained(folder, **changes)
        model = GPT2LMHeadModel.from_pretrained(folder, config=config, attn_implementation="eager").double().eval()
        with torch.no_grad():
            tensors[name] = model(ids).logits[0].float().contiguous()
    save_file(tensors, folder / "variants.safetensors")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=root / "tests/golden/fixtures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    make("gpt1", 1, args.output / "gpt1-random")
    make("gpt2", 2, args.output / "gpt2-random")
    make("llama", 3, args.output / "llama-random")
    make_variants(args.output / "gpt2-random")


if __name__ == "__main__":
    main()
