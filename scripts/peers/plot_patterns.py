#!/usr/bin/env python3
"""Draws the CSV of `attention_bench patterns --csv FILE`: seconds and memory of each attention pattern
against the length of the sequence, both axes logarithmic, as docs/attention-patterns.svg.

Example: build/peers/bin/python scripts/peers/plot_patterns.py patterns.csv docs/attention-patterns.svg
"""
import argparse
import csv

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "stemma"
import matplotlib.pyplot as plt  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("svg")
    args = parser.parse_args()
    with open(args.csv, newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = plt.subplots(1, 2, figsize=(9, 4))
    for i, pattern in enumerate(dict.fromkeys(row["pattern"] for row in rows)):
        for name, style in (("forward", "--"), ("forward+backward", "-")):
            mine = [row for row in rows if row["pattern"] == pattern and row["pass"] == name]
            tokens = [int(row["tokens"]) for row in mine]
            seconds = [1e-3 * float(row["milliseconds"]) for row in mine]
            megabytes = [1e-6 * (int(row["tensor_bytes"]) + int(row["scratch_bytes"])) for row in mine]
            label = pattern if style == "-" else None
            for axis, values in zip(axes, (seconds, megabytes)):
                axis.plot(tokens, values, style, marker=".", color=f"C{i}", label=label)
    for axis, label in ((axes[0], "seconds (dashed: forward; solid: with backward)"),
                        (axes[1], "MB of tensors and scratch")):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xlabel("T, tokens")
        axis.set_title(label, fontsize=10)
        axis.grid(alpha=0.3)
    axes[1].legend()
    figure.tight_layout()
    figure.savefig(args.svg, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
