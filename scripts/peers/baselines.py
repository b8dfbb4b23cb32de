"""The strongest simple baselines of the fine-tuning results, trained on the files of scripts/task-data.sh.

    scripts/task-data.sh
    OMP_NUM_THREADS=1 build/peers/bin/python scripts/peers/baselines.py [NAME...] --out runs/baselines.json

One text: TF-IDF of words (1-2) and characters (2-5), sublinear, and logistic regression. Two texts: logistic
regression on what baseline_pairs.py measures of them, with and without TF-IDF tables, or boosted trees on the
numbers alone; similarity: ridge, SVR or trees. Story Cloze: the same, one score per ending, the higher one wins.
CoNLL-2003: a CRF with words, affixes, shapes and a window of 2 (no part of speech); conll2003-uncased: the same on words
in small letters, which says what an uncased model does without.
What is chosen (C, features, c1, c2) is chosen on train alone: by five folds, above 6,000 rows by a tenth kept
aside; rows with a text in common stay together. The test file is read once, for the figures: one line a set, and JSON
with all of them.
`at C 10` is the accuracy of one text's model without any choosing.
"""
import argparse
import json
import pathlib
import time

import numpy
from baseline_crf import entities
from baseline_pairs import Pairs
from scipy import sparse, stats
from scipy.sparse import csgraph
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from sklearn.model_selection import GroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_union
from sklearn.svm import SVR
from task_files import read_columns

SINGLE = ["trec", "financial_phrasebank", "cola", "sst2-10000", "sst2-20000", "banking77", "chnsenticorp", "ag_news",
          "sst2"]
PAIRED = ["rte", "scitail", "mrpc", "qqp", "stsb"]


def rows(name, part):
    return read_columns(ARGS.data / name, part)


def figures(truth, guess):
    return {"accuracy": accuracy_score(truth, guess), "macro_f1": f1_score(truth, guess, average="macro"),
            "matthews": matthews_corrcoef(truth, guess)}


def correlations(truth, guess):
    return {"pearson": float(stats.pearsonr(truth, guess)[0]), "spearman": float(stats.spearmanr(truth, guess)[0])}


def same_texts(*columns):
    """A number for each row, equal for rows that a shared text ties together: SciTail asks one hypothesis of many
    premises, and folds that part them would let the words of the hypothesis tell the label."""
    numbers = {text: at for at, text in enumerate(sorted(set().union(*columns)))}
    count = len(columns[0])
    ties = [(row, count + numbers[text]) for column in columns for row, text in enumerate(column)]
    size = count + len(numbers)
    graph = sparse.coo_matrix((numpy.ones(len(ties)), tuple(zip(*ties))), shape=(size, size))
    return csgraph.connected_components(graph, directed=False)[1][:count]


def folds(groups):
    """(rows to fit, rows left out) by row numbers; rows of one group stay together."""
    many = len(groups) > 6000
    parts = list(GroupKFold(10 if many else 5, shuffle=True, random_state=0).split(groups, groups=groups))
    return parts[:1] if many else parts


def choose(candidates, labels, measure, groups):
    """The (name, model, features) of the highest measure(truth, guess) on the parts of train left out."""
    labels, tried = numpy.array(labels), {}
    parts = folds(groups)
    for name, model, features in candidates:
        fitted = [clone(model).fit(features[fit], labels[fit]) for fit, _ in parts]
        guess = numpy.concatenate([some.predict(features[out]) for some, (_, out) in zip(fitted, parts)])
        tried[name] = float(measure(numpy.concatenate([labels[out] for _, out in parts]), guess))
    best = max(tried, key=tried.get)
    return next(c for c in candidates if c[0] == best), tried


def logistic(c, classes=2):
    model = LogisticRegression(C=c, solver="liblinear", random_state=0, max_iter=1000)
    return model if classes == 2 else OneVsRestClassifier(model)


def measure_of(name):
    return matthews_corrcoef if name == "cola" else accuracy_score


def one_text(name):
    texts, labels = rows(name, "train")
    vectors = make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
                         TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True))
    features, count = vectors.fit_transform(texts).tocsr(), len(set(labels))
    candidates = [(f"C {c}", logistic(c, count), features) for c in (3, 10, 30, 100)]
    (chosen, model, _), tried = choose(candidates, labels, measure_of(name), same_texts(texts))
    texts, truth = rows(name, "test")
    test = vectors.transform(texts)
    plain = logistic(10, count).fit(features, labels).predict(test)
    guess = plain if chosen == "C 10" else model.fit(features, labels).predict(test)
    return {**figures(truth, guess), "accuracy_at_c10": accuracy_score(truth, plain), "chosen": chosen, "tried": tried}


def pair_features(pairs, first, second):
    """{name: matrix} of the sets of features that are tried."""
    numbers, tables = pairs.numbers(first, second), pairs.tables(first, second)
    stack = lambda *some: sparse.hstack([sparse.csr_matrix(numbers), *(tables[s] for s in some)]).tocsr()
    return {"numbers": numbers, "numbers + shared + different": stack("shared", "different"),
            "numbers + shared + different + texts": stack("shared", "different", "texts")}


def two_texts(name):
    regression = name == "stsb"
    first, second, labels = rows(name, "train")
    pairs = Pairs(first, second)
    features = pair_features(pairs, first, second)
    if regression:
        labels = [float(label) for label in labels]
        tree = HistGradientBoostingRegressor(learning_rate=0.05, random_state=0)
        candidates = [(f"SVR C {c} on numbers", SVR(C=c), features["numbers"]) for c in (0.3, 1, 3)]
        candidates += [(f"ridge {a} on {key}", Ridge(alpha=a), x) for key, x in features.items() for a in (1, 3, 10)]
    else:
        tree = HistGradientBoostingClassifier(learning_rate=0.05, random_state=0)
        candidates = [(f"C {c} on {key}", logistic(c), x) for key, x in features.items() for c in (0.1, 0.3, 1, 3)]
    candidates.append(("trees on numbers", tree, features["numbers"]))
    measure = (lambda t, g: correlations(t, g)["pearson"]) if regression else measure_of(name)
    (chosen, model, matrix), tried = choose(candidates, labels, measure, same_texts(first, second))
    key = next(k for k in features if features[k] is matrix)
    first, second, truth = rows(name, "test")
    guess = model.fit(matrix, labels).predict(pair_features(pairs, first, second)[key])
    score = correlations([float(t) for t in truth], guess) if regression else figures(truth, guess)
    return {**score, "chosen": chosen, "tried": tried}


class StoryFeatures:
    """Of each ending: TF-IDF of itself, and of the story and of its last sentence what baseline_pairs.py measures."""

    def __init__(self, columns):
        contexts, endings, _ = self.parts(columns)
        self.vectors = make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
                                  TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True))
        self.vectors.fit(endings)
        self.story = Pairs(contexts, endings)
        self.last = Pairs(columns[4] * 2, endings)

    @staticmethod
    def parts(columns):
        """Contexts and endings, first all first endings, then all second ones; and 0 or 1, the right one."""
        contexts = [" ".join(sentences) for sentences in zip(*columns[1:5])]
        return contexts * 2, columns[5] + columns[6], numpy.array([int(answer) - 1 for answer in columns[7]])

    def __call__(self, columns):
        contexts, endings, right = self.parts(columns)
        numbers = [self.story.numbers(contexts, endings), self.last.numbers(columns[4] * 2, endings)]
        tables = [self.vectors.transform(endings), self.story.tables(contexts, endings)["shared"]]
        return sparse.hstack([*map(sparse.csr_matrix, numbers), *tables]).tocsr(), right


def choose_ending(model, features, stories):
    score = model.decision_function(features)
    return (score[len(score) // 2:] > score[:len(score) // 2]).astype(int)[stories]


def story_cloze(name):
    columns = rows(name, "train")
    make = StoryFeatures(columns)
    features, right = make(columns)
    count, tried = len(right), {}
    fit = lambda c, some: logistic(c).fit(features[numpy.concatenate([some, some + count])],
                                          numpy.concatenate([right[some] == 0, right[some] == 1]))
    parts = folds(numpy.arange(count))
    for c in (0.01, 0.03, 0.1, 0.3, 1, 3):
        tried[f"C {c}"] = float(numpy.mean([(choose_ending(fit(c, some), features, out) == right[out]).mean()
                                            for some, out in parts]))
    chosen = max(tried, key=tried.get)
    model = fit(float(chosen.split()[1]), numpy.arange(count))
    features, truth = make(rows(name, "test"))
    guess = choose_ending(model, features, numpy.arange(len(truth)))
    return {**figures(truth, guess), "chosen": chosen, "tried": tried}


def main():
    tasks = {**dict.fromkeys(SINGLE, one_text), **dict.fromkeys(PAIRED, two_texts), "storycloze": story_cloze,
             "conll2003": lambda name: entities(ARGS.data / name),
             "conll2003-uncased": lambda name: entities(ARGS.data / "conll2003", uncased=True)}
    for name in ARGS.names or tasks:
        if name not in tasks:
            raise SystemExit(f"no baseline for '{name}'; there are: {' '.join(tasks)}")
    ARGS.out.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(ARGS.out.read_text()) if ARGS.out.exists() else {}
    for name in ARGS.names or tasks:
        begin = time.monotonic()
        result = tasks[name](name)
        seconds = round(time.monotonic() - begin, 1)
        results[name] = {**result, "seconds": seconds}
        ARGS.out.write_text(json.dumps(results, indent=1) + "\n")
        shown = [f"{key} {100 * value:.2f}" for key, value in result.items() if isinstance(value, float)]
        print(f"{name:22}", ", ".join(shown), f"({result['chosen']}; {seconds} s)", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="sets; default: all")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/tasks"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/baselines.json"))
    ARGS = parser.parse_args()
    main()
