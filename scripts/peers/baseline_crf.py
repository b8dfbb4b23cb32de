"""The CRF of baselines.py for entities: words, affixes, shapes and a window of 2; no part of speech."""
import sklearn_crfsuite
from seqeval.metrics import accuracy_score as tag_accuracy
from seqeval.metrics import f1_score as entity_f1


def sentences(file):
    """[(words, labels)]; labels of IOB1 become BIO, where every entity begins with B-."""
    result = []
    for block in open(file, encoding="utf-8").read().split("\n\n"):
        lines = [line.split() for line in block.split("\n") if line and not line.startswith("-DOCSTART-")]
        labels, before = [], "O"
        for label in (line[-1] for line in lines):
            begins = label != "O" and (label[0] == "B" or before[2:] != label[2:])
            labels.append("B" + label[1:] if begins else label)
            before = label
        if lines:
            result.append(([line[0] for line in lines], labels))
    return result


def shape(word):
    """The word "Abc-12" as "Xxx-00"."""
    kinds = ("X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c for c in word)
    return "".join(kinds)


def token_features(some, at):
    """What the CRF sees of word number `at`: strings that are there or not."""
    found = ["bias"]
    for offset in range(-2, 3):
        if not 0 <= at + offset < len(some):
            found.append(f"{offset}:none")
            continue
        word = some[at + offset]
        short = "".join(c for i, c in enumerate(shape(word)) if i == 0 or shape(word)[i - 1] != c)
        found += [f"{offset}:w={word.lower()}", f"{offset}:as={word}", f"{offset}:s={shape(word)}",
                  f"{offset}:k={short}"]
        if abs(offset) <= 1:
            found += [f"{offset}:p{n}={word[:n].lower()}" for n in (1, 2, 3, 4)]
            found += [f"{offset}:e{n}={word[-n:].lower()}" for n in (1, 2, 3, 4)]
        if -2 <= offset < 2 and at + offset + 1 < len(some):
            found.append(f"{offset}:2={word.lower()}|{some[at + offset + 1].lower()}")
    return found


def entities(folder, uncased=False):
    """The figures of the CRF on folder/test.conll; c1 and c2 are chosen by the last 3,000 sentences of train.
    uncased: it sees the words in small letters only, as an uncased model does."""
    train, test = (sentences(folder / f"{part}.conll") for part in ("train", "test"))
    if uncased:
        train, test = ([([word.lower() for word in words], tags) for words, tags in some] for some in (train, test))
    features = [[token_features(some, i) for i in range(len(some))] for some, _ in train]
    labels, tried = [some for _, some in train], {}
    make = lambda c1, c2: sklearn_crfsuite.CRF("lbfgs", c1=c1, c2=c2, max_iterations=200)
    kept = len(train) - 3000  # half of these are enough for choosing
    for c1, c2 in ((0.02, 0.02), (0.1, 0.01), (0.1, 0.1), (0.3, 0.03)):
        guess = make(c1, c2).fit(features[:kept // 2], labels[:kept // 2]).predict(features[kept:])
        tried[f"c1 {c1} c2 {c2}"] = float(entity_f1(labels[kept:], guess))
    chosen = max(tried, key=tried.get)
    model = make(*(float(chosen.split()[at]) for at in (1, 3))).fit(features, labels)
    guess = model.predict([[token_features(some, i) for i in range(len(some))] for some, _ in test])
    truth = [some for _, some in test]
    return {"entity_f1": float(entity_f1(truth, guess)), "accuracy": tag_accuracy(truth, guess), "chosen": chosen,
            "tried": tried}
