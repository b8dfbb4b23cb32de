"""Features of two texts for baselines.py: what their TF-IDF vectors share and differ in, and some thirty numbers
(overlaps, cosines, lengths, numerals, negations). All that is learned (weights of words, LSA) is learned on train, over
distinct texts, and no n-gram is left out for being new (hence hashing): both would make the numbers of train and of
unseen pairs differ in scale, on SciTail so much that the baseline falls below guessing."""
import collections
import difflib
import math
import re

import numpy
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

NEGATIONS = {"no", "not", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot", "n't"}


def words(text):
    return re.findall(r"n't|\w+", text.lower())


def cosines(a, b):
    return numpy.asarray(a.multiply(b).sum(axis=1)).ravel() if sparse.issparse(a) else (a * b).sum(axis=1)


def hashed(**kind):
    return make_pipeline(HashingVectorizer(n_features=2**18, alternate_sign=False, norm=None, **kind),
                         TfidfTransformer(sublinear_tf=True))


class Pairs:
    """Pairs(first, second of train); numbers() and tables() then turn any pairs into features."""

    def __init__(self, first, second):
        distinct = sorted(set(first) | set(second))
        self.by_word = hashed(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b").fit(distinct)
        self.by_character = hashed(analyzer="char_wb", ngram_range=(2, 5)).fit(distinct)
        self.lsa = TruncatedSVD(100, random_state=0).fit(self.by_word.transform(distinct))
        seen = collections.Counter(word for text in distinct for word in set(words(text)))
        self.unseen = math.log((1 + len(distinct)) / 2) + 1  # as a word of one text
        self.weight = {word: math.log((1 + len(distinct)) / (1 + count)) + 1 for word, count in seen.items()}
        self.scaler = StandardScaler().fit(self._numbers(first, second))

    def numbers(self, first, second):
        """[rows, about 25], each of mean 0 and deviation 1 over train."""
        return self.scaler.transform(self._numbers(first, second))

    def tables(self, first, second):
        """{name: sparse matrix}: what both texts share, what differs, and each alone (words and pairs of words)."""
        a, b = self.by_word.transform(first), self.by_word.transform(second)
        return {"shared": a.minimum(b), "different": abs(a - b), "texts": sparse.hstack([a, b])}

    def _numbers(self, first, second):
        rows = numpy.array([self._compare(a, b) for a, b in zip(first, second)])
        columns = []
        for vectors in (self.by_word, self.by_character):
            a, b = vectors.transform(first), vectors.transform(second)
            columns.append(cosines(a, b))
            if vectors is self.by_word:
                columns.append(cosines(normalize(self.lsa.transform(a)), normalize(self.lsa.transform(b))))
        return numpy.column_stack([rows, *columns])

    def _compare(self, a, b):
        x, y = words(a), words(b)
        left, right = set(x), set(y)
        shared = left & right
        weigh = lambda some: sum(self.weight.get(word, self.unseen) for word in some)
        share = lambda part, whole: part / whole if whole else 0.0
        pairs = [set(zip(some, some[1:])) for some in (x, y)]
        numerals = [set(re.findall(r"\d[\d.,]*", text)) for text in (a, b)]
        names = [set(re.findall(r"(?<!^)\b[A-Z]\w+", text)) for text in (a, b)]
        negated = [sum(word in NEGATIONS for word in some) for some in (x, y)]
        matcher = difflib.SequenceMatcher(None, x, y, autojunk=False)
        blocks = [block.size for block in matcher.get_matching_blocks()]
        return [
            share(len(shared), len(left | right)), share(len(shared), len(left)), share(len(shared), len(right)),
            share(weigh(shared), weigh(left | right)), share(weigh(shared), weigh(left)),
            share(weigh(shared), weigh(right)), max([self.weight.get(w, self.unseen) for w in right - left], default=0),
            max([self.weight.get(w, self.unseen) for w in left - right], default=0),
            share(len(pairs[0] & pairs[1]), len(pairs[0])), share(len(pairs[0] & pairs[1]), len(pairs[1])),
            share(2 * sum(blocks), len(x) + len(y)), share(max(blocks), len(y)),
            numpy.log1p(len(x)), numpy.log1p(len(y)), abs(len(x) - len(y)),
            len(numerals[0] - numerals[1]), len(numerals[1] - numerals[0]), float(numerals[0] == numerals[1]),
            len(names[0] - names[1]), len(names[1] - names[0]),
            abs(negated[0] - negated[1]), negated[0], negated[1],
            float(x[:1] == y[:1]), float(x[-1:] == y[-1:]),
        ]
