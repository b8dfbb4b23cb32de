#!/usr/bin/env python3
"""Makes tests/golden/fixtures/bert-random with transformers: a small random BertForPreTraining and what it gives.

As make_golden.py, which says how; the loss is the mean over the masked tokens plus the mean over the sequences.
The contents of golden.safetensors are described in tests/golden/fixtures/README.md.

Example: build/peers/bin/python scripts/peers/make_bert_golden.py
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining

from make_golden import ADAMW, BATCH, LENGTH, PACKED_LENGTHS, STEPS, adamw_run, gradients, largest_relative, randomise

VOCAB, SEGMENTS, MASK = 211, 3, 210


def make_model():
    config = BertConfig(vocab_size=VOCAB, hidden_size=30, num_hidden_layers=3, num_attention_heads=3,
                        intermediate_size=101, max_position_embeddings=37, type_vocab_size=SEGMENTS,
                        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12)
    model = BertForPreTraining._from_config(config, attn_implementation="eager")
    config.architectures = [type(model).__name__]
    return model.eval()


def make_batches(generator):
    """Ids without 0, whose row transformers does not train (padding); a sixth of the tokens is to be found."""
    shape = (STEPS, BATCH, LENGTH)
    ids = torch.randint(1, VOCAB, shape, generator=generator, dtype=torch.int32)
    wanted = torch.randint(VOCAB, shape, generator=generator, dtype=torch.int32)
    masked = torch.rand(shape, generator=generator) < 1 / 6
    # Two texts in each sequence; a third kind of segment in some.
    cut = torch.randint(5, LENGTH - 5, (STEPS, BATCH, 1), generator=generator)
    segments = (torch.arange(LENGTH) >= cut).int()
    segments[1::2, :, -3:] = 2
    return {"ids": torch.where(masked, MASK, ids), "targets": torch.where(masked, wanted, -1), "segments": segments,
            "labels": torch.randint(2, (STEPS, BATCH), generator=generator, dtype=torch.int32)}


def losses_of(model, batches, step):
    out = model(batches["ids"][step].long(), token_type_ids=batches["segments"][step].long())
    masked = F.cross_entropy(out.prediction_logits.flatten(0, 1), batches["targets"][step].long().flatten(),
                             ignore_index=-1)
    pairs = F.cross_entropy(out.seq_relationship_logits, batches["labels"][step].long())
    return masked, pairs


def forward_values(model, batches):
    """Logits of both heads, the losses, the states after every block and the pooler's vectors."""
    ids, segments = batches["ids"][0].long(), batches["segments"][0].long()
    trunk = model.bert(ids, token_type_ids=segments, output_hidden_states=True)
    out = model(ids, token_type_ids=segments)
    values = {f"hidden.{i}": h for i, h in enumerate(trunk.hidden_states[1:])}
    masked, pairs = losses_of(model, batches, 0)
    return values | {"logits": out.prediction_logits, "pair_logits": out.seq_relationship_logits,
                     "pooled": trunk.pooler_output, "loss": (masked + pairs).reshape(1),
                     "losses": torch.stack([masked, pairs])}


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/fixtures/bert-random"
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model()
    randomise(model, 3)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    initial = {n: p.detach().clone() for n, p in model.named_parameters()}
    generator = torch.Generator().manual_seed(4)
    batches = make_batches(generator)
    packed = torch.randint(1, VOCAB, (sum(PACKED_LENGTHS),), generator=generator, dtype=torch.int32)

    def loss_at(step):
        return sum(losses_of(model, batches, step))

    gradient32 = gradients(model, loss_at)
    losses32, _ = adamw_run(model, loss_at)
    after32 = {n: p.detach().clone() for n, p in model.named_parameters()}
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(initial[n])
    model.double()
    out = {f"train.{n}": t for n, t in batches.items()}
    out |= {"packed.ids": packed, "packed.lengths": torch.tensor(PACKED_LENGTHS, dtype=torch.int32)}
    with torch.no_grad():
        out |= forward_values(model, batches)
        # Without segments, which is all 0.
        rows = packed.split(PACKED_LENGTHS)
        out["packed.logits"] = torch.cat([model(row[None].long()).prediction_logits[0] for row in rows])
    gradient = gradients(model, loss_at)
    out |= {f"grad.{n}": g for n, g in gradient.items()}
    losses, norms = adamw_run(model, loss_at)
    after = {n: p.detach() for n, p in model.named_parameters()}
    out |= {f"after.{n}": p for n, p in after.items()}
    out |= {"train.losses": torch.tensor(losses), "train.gradient_norms": torch.tensor(norms)}
    out = {n: (t if t.dtype == torch.int32 else t.float()).contiguous().clone() for n, t in out.items()}
    about = {"made_by": "scripts/peers/make_bert_golden.py", "torch": torch.__version__,
             "computed_in": "float64"} | ADAMW
    save_file(out, folder / "golden.safetensors", metadata={"about": json.dumps(about)})
    for file in folder.iterdir():
        file.chmod(0o644)
    apart = {n: (after32[n].double() - after[n]).abs().max().item() for n in after}
    keys = [n for n in apart if n.endswith("key.bias")]
    others = {n: gradient[n] for n in gradient if n not in keys}
    print(json.dumps({
        "parameters": sum(p.numel() for p in initial.values()),
        "bytes": sum(f.stat().st_size for f in folder.iterdir()),
        "losses": out["losses"].tolist(), "train_losses": losses, "gradient_norms": norms,
        "f32_against_f64": {
            "gradient, max |d| / max of tensor": largest_relative(gradient32, others),
            "losses, max |d|": max(abs(a - b) for a, b in zip(losses32, losses)),
            "parameters after 10 steps but key biases, max |d|": max(apart[n] for n in apart if n not in keys),
            "key biases after 10 steps, max |d|": max(apart[n] for n in keys)},
        "tensors": sorted(initial)}, indent=1))


if __name__ == "__main__":
    main()
