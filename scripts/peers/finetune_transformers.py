"""Fine-tunes a Hugging Face folder for classification with transformers, on the files of scripts/task-data.sh.

    scripts/task-data.sh trec
    build/peers/bin/python scripts/peers/finetune_transformers.py trec --model models/minilm --epochs 5
    build/peers/bin/python scripts/peers/finetune_transformers.py sst2-10000 --steps 50 --collate sorted --threads 1

A loop by hand with the settings that stemma has: AdamW (decay on matrices only), learning rate that rises over
--warmup of the steps and falls to zero in a line, gradients clipped to norm 1, dropout as the model's config says,
f32. Texts become [CLS] text [SEP], two columns [CLS] a [SEP] b [SEP], cut at --max-length tokens.
Prints JSON lines: the settings, then after each epoch the mean loss, sentences a second of training alone, the
process's largest memory, and accuracy and macro F1 on test. With --steps it stops there and leaves test out.

--collate  longest  a batch as it comes, filled up to its longest text (DataCollatorWithPadding's default)
           sorted   batches of texts of nearly equal length, in random order (transformers' group_by_length, whole)
           padded   every batch filled up to --max-length
"""
import argparse
import json
import resource
import time

import torch
from task_files import read_columns
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding
from transformers import get_linear_schedule_with_warmup


def peak_mib():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def encode(tokenizer, part, names):
    """[{input_ids, labels ...}] of a file, in its order. A label that is not in names is an error."""
    *texts, labels = read_columns(f"{ARGS.data}/{ARGS.name}", part)
    tokens = tokenizer(*texts, truncation=True, max_length=ARGS.max_length, padding=False)
    return [{**{key: tokens[key][i] for key in tokens}, "labels": names.index(label)} for i, label in enumerate(labels)]


def batches(rows, generator):
    """The rows of one epoch as lists of --batch rows, in an order of their own each epoch."""
    order = torch.randperm(len(rows), generator=generator).tolist()
    if ARGS.collate == "sorted":
        order.sort(key=lambda at: len(rows[at]["input_ids"]))
    parts = [order[at:at + ARGS.batch] for at in range(0, len(order), ARGS.batch)]
    if ARGS.collate == "sorted":
        parts = [parts[at] for at in torch.randperm(len(parts), generator=generator).tolist()]
    return [[rows[at] for at in part] for part in parts]


def scores(model, rows, collate):
    """Accuracy and macro F1 (over the classes that occur in truth or guess, as scikit-learn's)."""
    model.eval()
    guess = []
    with torch.no_grad():
        for at in range(0, len(rows), 32):
            guess.append(model(**collate(rows[at:at + 32])).logits.argmax(-1))
    guess, truth = torch.cat(guess), torch.tensor([row["labels"] for row in rows])
    f1 = []
    for label in torch.cat([guess, truth]).unique():
        right = ((guess == label) & (truth == label)).sum().item()
        f1.append(2 * right / ((guess == label).sum().item() + (truth == label).sum().item()))
    return {"accuracy": (guess == truth).float().mean().item(), "macro_f1": sum(f1) / len(f1)}


def train_epoch(model, todo, collate, optimizer, schedule):
    model.train()
    begin, sentences, total = time.perf_counter(), 0, 0.0
    for rows in todo:
        loss = model(**collate(rows)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        sentences, total = sentences + len(rows), total + loss.item() * len(rows)
    return {"loss": round(total / sentences, 5),
            "sentences_per_second": round(sentences / (time.perf_counter() - begin), 2), "peak_mib": peak_mib()}


def main():
    torch.manual_seed(ARGS.seed)
    generator = torch.Generator().manual_seed(ARGS.seed)
    names = sorted(set(read_columns(f"{ARGS.data}/{ARGS.name}", "train")[-1]))
    tokenizer = AutoTokenizer.from_pretrained(ARGS.model, local_files_only=True)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token or tokenizer.unk_token
    model = AutoModelForSequenceClassification.from_pretrained(
        ARGS.model, local_files_only=True, dtype=torch.float32, num_labels=len(names), id2label=dict(enumerate(names)),
        label2id={name: at for at, name in enumerate(names)}, pad_token_id=tokenizer.pad_token_id)
    rows, test = encode(tokenizer, "train", names), encode(tokenizer, "test", names)
    fixed = {"padding": "max_length", "max_length": ARGS.max_length} if ARGS.collate == "padded" else {}
    collate = DataCollatorWithPadding(tokenizer, **fixed)
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": ARGS.weight_decay},
                                   {"params": vectors, "weight_decay": 0.0}], lr=ARGS.lr)
    steps = ARGS.epochs * -(-len(rows) // ARGS.batch)
    schedule = get_linear_schedule_with_warmup(optimizer, round(ARGS.warmup * steps), steps)
    print(json.dumps({**vars(ARGS), "rows": len(rows), "classes": len(names), "steps_of_all": steps}), flush=True)
    for epoch in range(1, ARGS.epochs + 1):
        todo = batches(rows, generator)
        result = train_epoch(model, todo[:ARGS.steps or None], collate, optimizer, schedule)
        if not ARGS.steps:
            result |= scores(model, test, DataCollatorWithPadding(tokenizer))
        print(json.dumps({"epoch": epoch, **result}), flush=True)
        if ARGS.steps:
            break
    if ARGS.save:
        model.save_pretrained(ARGS.save)
        tokenizer.save_pretrained(ARGS.save)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a folder of --data, as trec, banking77, sst2-10000")
    parser.add_argument("--data", default="data/tasks")
    parser.add_argument("--model", default="models/minilm")
    parser.add_argument("--task", default="classification", choices=["classification"])
    parser.add_argument("--collate", default="longest", choices=["longest", "sorted", "padded"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--warmup", type=float, default=0.1, help="share of all steps")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps of the first epoch")
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch; 0: as many as it likes")
    parser.add_argument("--save", help="folder for the fine-tuned model")
    ARGS = parser.parse_args()
    if ARGS.threads:
        torch.set_num_threads(ARGS.threads)
    main()
