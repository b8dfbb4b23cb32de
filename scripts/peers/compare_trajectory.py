#!/usr/bin/env python3
"""Compares the losses of two runs step by step and plots them.

Example: build/peers/bin/python scripts/peers/compare_trajectory.py runs/x/metrics.jsonl torch.jsonl \\
           --steps 300 --limit 0.01 --plot docs/trajectory.svg
Prints a JSON object; exit 1 when a step differs by more than --limit or the runs do not have the same steps.
"""
import argparse
import json
import sys


def read_steps(path):
    """{step: line} of the lines that carry a training loss."""
    lines = {}
    with open(path) as file:
        for text in file:
            line = json.loads(text)
            if "step" in line and "loss" in line:
                lines[line["step"]] = line
    return lines


def plot(path, steps, ours, theirs, limit):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "stemma", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 4.5), height_ratios=(2, 1))
    top.plot(steps, theirs, label="PyTorch", color="tab:orange", linewidth=2.5)
    top.plot(steps, ours, label="Stemma", color="tab:blue", linewidth=1)
    top.set_ylabel("loss, nats per token")
    top.legend()
    bottom.plot(steps, [abs(a - b) for a, b in zip(ours, theirs)], color="black", linewidth=0.8)
    bottom.axhline(limit, color="tab:red", linestyle="--", linewidth=0.8)
    bottom.set_yscale("log")
    bottom.set_ylabel("|Δ loss|")
    bottom.set_xlabel("step")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("--steps", type=int, help="both runs must have exactly the steps 1 to this")
    parser.add_argument("--limit", type=float, default=0.01)
    parser.add_argument("--plot", help="SVG file")
    args = parser.parse_args()
    ours, theirs = read_steps(args.ours), read_steps(args.theirs)
    steps = sorted(ours)
    if not steps or steps != sorted(theirs) or (args.steps and steps != list(range(1, args.steps + 1))):
        wanted = f"the steps 1 to {args.steps}" if args.steps else "the same steps"
        print(f"both runs must have {wanted}: {args.ours} has {len(ours)} steps, {args.theirs} {len(theirs)}",
              file=sys.stderr)
        return 1
    a, b = ([run[s]["loss"] for s in steps] for run in (ours, theirs))
    difference = [abs(x - y) for x, y in zip(a, b)]
    worst = max(range(len(steps)), key=lambda i: difference[i])
    lr = max((abs(ours[s]["lr"] - theirs[s]["lr"]) for s in steps if "lr" in ours[s] and "lr" in theirs[s]), default=None)
    ok = all(d <= args.limit for d in difference)
    print(json.dumps({"steps": len(steps), "max_loss_difference": difference[worst], "at_step": steps[worst],
                      "mean_loss_difference": sum(difference) / len(steps), "max_lr_difference": lr,
                      "first_loss": a[0], "last_loss": a[-1], "limit": args.limit, "ok": ok}))
    if args.plot:
        plot(args.plot, steps, a, b, args.limit)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
