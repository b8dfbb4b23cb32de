#!/usr/bin/env python3
"""Makes tests/golden/fixtures/metrics: labels, and the figures that scikit-learn, scipy and seqeval give for them.

Random and degenerate cases: a class that never occurs, one that is never predicted, all wrong, one class, a label that
training never saw, rows without a label, ill-formed tags, constant numbers. The calibration error and the bootstrap
have no peer that defines them in the same way; they are computed here with numpy (and Philox in Python's integers).
The same bytes every time. Contents: tests/golden/fixtures/README.md.

Example: build/peers/bin/python scripts/peers/make_metrics_golden.py
"""
import json
import pathlib
import re
import warnings

import numpy as np
import scipy.stats
import seqeval.metrics
from seqeval.metrics.sequence_labeling import get_entities
from sklearn import metrics

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/fixtures/metrics"
BINS, RESAMPLES, SEED = 15, 200, 7
AVERAGES = ("micro", "macro", "weighted")
warnings.filterwarnings("ignore")


def philox(key, counter):
    """Philox4x32-10 (Salmon et al. 2011), one block."""
    mask, (k0, k1), c = 0xFFFFFFFF, key, list(counter)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & mask, (p0 >> 32) ^ c[3] ^ k1, p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return c


def bootstrap(n, figures):
    """{name: [low, high, standard error]} of a function from row numbers to {name: figure}."""
    values = {}
    for r in range(RESAMPLES):
        words = [w for block in range((n + 3) // 4) for w in philox((SEED, 0), (block, r, 0x626F6F74, 0))][:n]
        for name, value in figures(np.array([(w * n) >> 32 for w in words])).items():
            values.setdefault(name, []).append(value)
    result = {}
    for name, of_figure in values.items():
        there = np.array([v for v in of_figure if not np.isnan(v)])
        result[name] = [*np.percentile(there, [2.5, 97.5]), np.std(there, ddof=1)] if len(there) else None
    return result


def score_rows(gold, predicted, labels):
    """Scores per class and of each average, in the order precision, recall, F1, support."""
    def of(average):
        p, r, f, s = metrics.precision_recall_fscore_support(gold, predicted, labels=labels, average=average,
                                                             zero_division=0)
        return p, r, f, s
    return list(zip(*of(None))), {a: of(a)[:3] for a in AVERAGES}


def ece_and_bins(probabilities, gold, predicted):
    confidence = probabilities[np.arange(len(gold)), predicted]
    bins = np.searchsorted(np.arange(1, BINS + 1) / BINS, confidence, side="left")
    right, rows, ece = gold == predicted, [], 0.0
    for b in range(BINS):
        inside = bins == b
        count = int(inside.sum())
        rows.append([count, confidence[inside].mean() if count else 0, right[inside].mean() if count else 0])
        ece += abs(rows[-1][1] - rows[-1][2]) * count / len(gold)
    return ece, rows


def single_label_figures(case, rows):
    known = list(range(len(case["labels"])))
    gold, predicted = np.array(case["ids"])[rows], np.array(case["predicted"])[rows]
    f1 = {a: metrics.f1_score(gold, predicted, labels=known, average=a, zero_division=0) for a in AVERAGES}
    figures = {"accuracy": metrics.accuracy_score(gold, predicted), "macro_f1": f1["macro"], "micro_f1": f1["micro"],
               "weighted_f1": f1["weighted"], "matthews": metrics.matthews_corrcoef(gold, predicted)}
    if case["probabilities"]:
        p = np.array(case["probabilities"])[rows]
        all_labels = list(range(len(known) + len(set(case["unseen"]))))
        padded = np.hstack([p, np.zeros((len(p), len(all_labels) - len(known)))])
        figures["ece"] = ece_and_bins(p, gold, predicted)[0]
        figures["brier"] = metrics.brier_score_loss(gold, padded, labels=all_labels, scale_by_half=len(known) == 2)
        figures["log_loss"] = metrics.log_loss(gold, padded, labels=all_labels)
    return figures


def single_label_case(name, labels, gold, predicted, probabilities=None, unseen=()):
    names = sorted(set(unseen))
    left = iter(unseen)
    ids = [int(g) if g >= 0 else len(labels) + names.index(next(left)) for g in gold]
    case = {"name": name, "labels": labels, "gold": [int(g) for g in gold], "ids": ids,
            "predicted": [int(p) for p in predicted], "unseen": list(unseen),
            "probabilities": [] if probabilities is None else probabilities.tolist()}
    everything = list(range(len(labels) + len(names)))
    known = everything[:len(labels)]
    case["classes"], _ = score_rows(ids, predicted, everything)
    _, case["averages"] = score_rows(ids, predicted, known)
    case["confusion"] = metrics.confusion_matrix(ids, predicted, labels=everything).tolist()
    case["figures"] = single_label_figures(case, np.arange(len(ids)))
    if case["probabilities"]:
        case["bins"] = ece_and_bins(probabilities, np.array(ids), np.array(predicted))[1]
    if not names:
        text = metrics.classification_report(ids, predicted, labels=known, target_names=labels, digits=4, zero_division=0)
        # Where nothing is right, scikit-learn writes supports as "25.0".
        case["text"] = re.sub(r"(\d+)\.0$", r"  \1", text, flags=re.MULTILINE)
    if len(ids) <= 80:
        case["intervals"] = bootstrap(len(ids), lambda rows: single_label_figures(case, rows))
    del case["ids"]
    return case


def random_probabilities(rng, n, k, gold, skill):
    """Rows of thousandths that sum to 1; the larger the skill, the more often gold is the likeliest."""
    weights = rng.gamma(0.5, size=(n, k))
    weights[np.arange(n), np.maximum(gold, 0)] += skill * rng.random(n)
    p = np.floor(1000 * weights / weights.sum(axis=1, keepdims=True))
    p[np.arange(n), p.argmax(axis=1)] += 1000 - p.sum(axis=1)
    return p / 1000


def single_label_cases(rng):
    def drawn(name, k, n, gold=None, skill=1.5, unseen=()):
        gold = rng.integers(k, size=n) if gold is None else gold
        p = random_probabilities(rng, n, k, gold, skill)
        return single_label_case(name, [f"label {i}" for i in range(k)], gold, p.argmax(axis=1), p, unseen)
    yield drawn("two classes", 2, 61)
    yield drawn("three classes", 3, 79)
    yield drawn("many classes", 77, 200)
    yield drawn("a class that never occurs", 4, 60, rng.integers(3, size=60))
    yield drawn("perfect", 3, 30, skill=1e9)
    rare = rng.integers(3, size=50)
    yield single_label_case("a class never predicted", list("abc"), rare, np.minimum(rare, 1))
    yield single_label_case("all wrong", list("abc"), rare, (rare + 1) % 3)
    yield single_label_case("one class", ["only"], [0] * 5, [0] * 5)
    yield single_label_case("two classes, one gold", ["no", "yes"], [1] * 6, [1, 1, 0, 1, 1, 1])
    yield single_label_case("one example", ["no", "yes"], [1], [0])
    gold = rng.integers(3, size=70)
    gold[[4, 9, 33]] = -1
    yield drawn("labels that training never saw", 3, 70, gold, unseen=("new", "fresh", "new"))
    gold = rng.integers(2, size=40)
    gold[[0, 39]] = -1
    yield drawn("two classes and an unseen one", 2, 40, gold, unseen=("maybe", "maybe"))
    p = np.array([[1, 0], [0, 1], [0.2, 0.8], [0.4, 0.6], [1 / 3, 2 / 3], [0.8, 0.2], [0.5, 0.5], [0, 1]])
    yield single_label_case("edges of bins, certainly wrong", ["no", "yes"], [0, 0, 1, 1, 0, 1, 0, 1], p.argmax(axis=1), p)


def multi_label_figures(gold, predicted):
    f1 = {a: metrics.f1_score(gold, predicted, average=a, zero_division=0) for a in (*AVERAGES, "samples")}
    return {"accuracy": metrics.accuracy_score(gold, predicted), "macro_f1": f1["macro"], "micro_f1": f1["micro"],
            "weighted_f1": f1["weighted"], "samples_f1": f1["samples"]}


def multi_label_cases(rng):
    def case(name, gold, predicted):
        k = gold.shape[1]
        classes, averages = score_rows(gold, predicted, None)
        samples = metrics.precision_recall_fscore_support(gold, predicted, average="samples", zero_division=0)[:3]
        names = [f"label {i}" for i in range(k)]
        return {"name": name, "labels": names, "gold": gold.tolist(), "predicted": predicted.tolist(),
                "classes": classes, "averages": averages, "samples": samples,
                "figures": multi_label_figures(gold, predicted),
                "text": metrics.classification_report(gold, predicted, target_names=names, digits=4, zero_division=0),
                "intervals": bootstrap(len(gold), lambda rows: multi_label_figures(gold[rows], predicted[rows]))}
    gold = (rng.random((60, 5)) < 0.3).astype(int)
    flipped = gold ^ (rng.random(gold.shape) < 0.15)
    gold[3], flipped[3], gold[4], flipped[5] = 0, 0, 0, 0
    yield case("random, some rows without a label", gold, flipped)
    sparse = gold.copy()
    sparse[:, 1] = 0
    never = flipped.copy()
    never[:, 2] = 0
    yield case("a label that never occurs, one never predicted", sparse, never)
    yield case("all wrong", gold, 1 - gold)
    yield case("no label anywhere", gold * 0, gold * 0)
    yield case("perfect", gold, gold)


def entity_report(gold, predicted):
    """Where there is no entity at all, seqeval's macro average is the mean of nothing, NaN; ours is 0 as its others."""
    report = seqeval.metrics.classification_report(gold, predicted, output_dict=True, zero_division=0)
    report["macro avg"] = {k: np.nan_to_num(v) for k, v in report["macro avg"].items()}
    return report


def entity_figures(gold, predicted):
    report = entity_report(gold, predicted)
    micro = report["micro avg"]
    return {"entity_f1": micro["f1-score"], "entity_precision": micro["precision"], "entity_recall": micro["recall"],
            "macro_f1": report["macro avg"]["f1-score"], "micro_f1": micro["f1-score"],
            "weighted_f1": report["weighted avg"]["f1-score"],
            "accuracy": seqeval.metrics.accuracy_score(gold, predicted)}


def entity_cases(rng):
    def case(name, gold, predicted):
        report = entity_report(gold, predicted)
        rows = {k: [v["precision"], v["recall"], v["f1-score"], int(v["support"])] for k, v in report.items()}
        result = {"name": name, "gold": gold, "predicted": predicted,
                  "entities": [[list(map(str, e[:1])) + list(e[1:]) for e in get_entities(s)] for s in gold + predicted],
                  "classes": {k: v for k, v in rows.items() if not k.endswith(" avg")},
                  "averages": {a: rows[f"{a} avg"][:3] for a in AVERAGES}, "figures": entity_figures(gold, predicted)}
        if result["classes"]:
            result["text"] = seqeval.metrics.classification_report(gold, predicted, digits=4, zero_division=0)
            result["intervals"] = bootstrap(
                len(gold), lambda rows: entity_figures([gold[i] for i in rows], [predicted[i] for i in rows]))
        return result

    def tags(sentences, kinds, types, outside):
        choice = ["O"] * outside + [f"{k}-{t}" for k in kinds for t in types]
        return [[choice[i] for i in rng.integers(len(choice), size=rng.integers(1, 12))] for _ in range(sentences)]

    def noisy(sentences, kinds, types, share):
        return [[f"{rng.choice(kinds)}-{rng.choice(types)}" if rng.random() < share else t for t in s] for s in sentences]
    types = ["PER", "LOC", "ORG", "MISC-X"]
    gold = tags(40, "BII", types[:3], 5)
    yield case("BIO, ill formed", gold, noisy(gold, list("BI"), types[:3], 0.2))
    gold = tags(40, "BIES", types, 8)
    yield case("BIOES, ill formed", gold, noisy(gold, list("BIES"), types, 0.3))
    gold = tags(15, "I", types[:2], 3)
    yield case("IOB1, a type only predicted", gold, noisy(gold, ["I", "B"], ["LOC", "MISC-X"], 0.3))
    yield case("nothing predicted", gold, [["O"] * len(s) for s in gold])
    yield case("perfect", gold, gold)
    yield case("all wrong", [["B-A", "I-A", "O"], ["B-B"]], [["B-A", "O", "O"], ["B-C"]])
    yield case("no entity", [["O", "O"], ["O"]], [["O", "O"], ["O"]])
    yield case("tags without a label", [["B", "I", "O", "B-A"]], [["B", "O", "O", "I-A"]])


def regression_figures(gold, predicted):
    constant = np.ptp(gold) == 0 or np.ptp(predicted) == 0
    nan = float("nan")
    return {"pearson": nan if constant else scipy.stats.pearsonr(gold, predicted).statistic,
            "spearman": nan if constant else scipy.stats.spearmanr(gold, predicted).statistic,
            "mse": metrics.mean_squared_error(gold, predicted), "mae": metrics.mean_absolute_error(gold, predicted)}


def regression_cases(rng):
    def case(name, gold, predicted):
        gold, predicted = np.array(gold, float), np.array(predicted, float)
        return {"name": name, "gold": gold.tolist(), "predicted": predicted.tolist(),
                "figures": regression_figures(gold, predicted),
                "intervals": bootstrap(len(gold), lambda rows: regression_figures(gold[rows], predicted[rows]))}
    gold = np.round(5 * rng.random(70), 1)
    yield case("random", rng.normal(size=64), rng.normal(size=64))
    yield case("ties", gold, np.round(gold + rng.normal(size=70)))
    yield case("far from zero", gold + 1000, 2 * gold + rng.normal(size=70) - 5000)
    yield case("opposite", gold, -gold)
    yield case("constant answers", gold, gold * 0 + 2.5)
    yield case("constant labels", gold * 0, gold)
    yield case("two examples", [1, 2], [3, 2.5])
    yield case("often constant", [1, 1, 1, 2], [0.5, 0.25, 0.5, 0.75])


def plain(value):
    """Python's own numbers; NaN becomes null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(14)
    for name, cases in (("single_label", single_label_cases), ("multi_label", multi_label_cases),
                        ("entities", entity_cases), ("regression", regression_cases)):
        rows = ",\n".join(json.dumps(plain(case), separators=(",", ":")) for case in cases(rng))
        head = json.dumps({"resamples": RESAMPLES, "seed": SEED})[:-1]
        (OUT / f"{name}.json").write_text(f'{head}, "cases": [\n{rows}\n]}}\n')
        print(OUT / f"{name}.json")


if __name__ == "__main__":
    main()
