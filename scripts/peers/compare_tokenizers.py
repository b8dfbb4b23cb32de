"""Ids of `stemma tokenizer encode` against those of tiktoken and of Hugging Face tokenizers, on files and on random
Unicode; and decode(encode(x)) = x on random bytes.

    build/peers/bin/python scripts/peers/compare_tokenizers.py [--all-shared] [--strings N] [FILE|FOLDER...]

Files may be compressed (.gz, .xz, .zst) and archives (.tar.*, .zip). They are cut into parts of some megabytes, the
same for both sides. tiktoken sees everything; tokenizers, which is slow, sees the first --tokenizers-mb of the files
and all random strings. The random strings have all characters but those that Stemma and a peer put into different
classes (unicode_classes.py lists them). Prints a line for each encoding and peer; exit 1 where an id differs, with the
place.
"""

import argparse
import functools
import multiprocessing
import pathlib
import random
import sys
import threading
import time

import numpy as np

from peer_tokenizers import RANKS, SHARED, STEMMA, hugging_face_tokenizer, stemma_decoded, stemma_ids, texts_of
from peer_tokenizers import tiktoken_encoding
from unicode_classes import disagreements

PART = {"tiktoken": 8_000_000, "tokenizers": 2_000_000}  # characters; tokenizers keeps offsets, a lot for each token


def parts_of(sources, characters):
    """Small texts together, long ones cut: (name, text) of about `characters`."""
    held, names = [], []
    for name, text in sources:
        for begin in range(0, max(1, len(text)), characters):
            piece = text[begin:begin + characters]
            held.append(piece)
            names.append(f"{name} from character {begin}" if begin else name)
            if sum(map(len, held)) >= characters // 2:
                yield f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0], "\n".join(held)
                held, names = [], []
    if held:
        yield f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0], "\n".join(held)


def random_strings(count, left_out, seed):
    """Letters with and without case, marks, numbers of many scripts, white space, signs, emoji, bidi controls, what lies
    beside the surrogates; unassigned characters too."""
    draw = random.Random(seed)
    known = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in left_out]
    assigned = [c for c in known if ord(c) < 0x32000]
    for begin in range(0, count, 50_000):
        # Other characters in each part, so that a million strings have nearly all.
        some = draw.sample(known, 4000) + draw.sample(assigned, 30000)
        pool = (some + [chr(c) for c in range(0x20, 0x7F)] * 60 + [chr(c) for c in range(0x300, 0x370)] * 10
                + [chr(c) for c in (*range(0x200B, 0x2070), 0xD7FF, 0xE000, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF)] * 15
                + list("  \n\r\t''''///sStTdDmMlLrReEvV\u017f\u00a0\u2028\u3000") * 100)
        pool = [c for c in pool if ord(c) not in left_out]
        strings = ["".join(draw.choices(pool, k=draw.randrange(1, 25))) for _ in range(min(50_000, count - begin))]
        # What follows a string changes how it is cut: a line end, a control or a sign.
        yield f"random strings {begin} to {begin + len(strings)}", draw.choice("\n\n\0,").join(strings)


@functools.cache
def peer_of(peer, name, stemma):
    return tiktoken_encoding(name) if peer == "tiktoken" else hugging_face_tokenizer(stemma, name)


def ids_of(peer, name, stemma, text):
    made = peer_of(peer, name, stemma)
    return made.encode_ordinary(text) if peer == "tiktoken" else made.encode(text, add_special_tokens=False).ids


def compare(job):
    """(peer, name, bytes, ids, None or what differs)."""
    peer, name, stemma, source, text = job
    data = text.encode()
    ours = stemma_ids(stemma, name, data)
    try:
        theirs = np.array(ids_of(peer, name, stemma, text), dtype=np.uint32)
    except BaseException as error:  # a panic of the peer's library is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return peer, name, 0, 0, f"{source}: {peer} fails: {str(error)[:200]}"
    if len(ours) == len(theirs) and (ours == theirs).all():
        return peer, name, len(data), len(theirs), None
    shorter = min(len(ours), len(theirs))
    at = int(np.argmax(np.append(ours[:shorter] != theirs[:shorter], True)))
    before = stemma_decoded(stemma, name, ours[:at])
    return peer, name, len(data), len(theirs), (
        f"{source} differs from id {at} on, byte {len(before)}, after {before[-24:]!r}: ours {ours[at:at + 4].tolist()}, "
        f"{peer}'s {theirs[at:at + 4].tolist()}, text {data[len(before):len(before) + 40]!r}")


def jobs_of(options):
    """(peer, encoding, stemma, where, text) of everything to compare."""
    left_out = {c for c, *_ in disagreements(options.stemma)} if options.strings else set()
    folders = list(options.files) + ([SHARED / "data"] if options.all_shared else [])
    share, shares = map(int, options.only.split("/"))
    for peer, names in (("tiktoken", options.encodings), ("tokenizers", options.tokenizers)):
        if not names:
            continue
        sources = (text for folder in folders for text in texts_of(folder))
        seen = 0
        for number, (source, text) in enumerate(parts_of(sources, PART[peer])):
            if number % shares != share:
                continue
            if peer == "tokenizers" and seen >= options.tokenizers_mb * 1e6:
                break
            seen += len(text.encode())
            for name in names:
                yield peer, name, options.stemma, source, text
        for source, text in random_strings(options.strings, left_out, options.seed):
            for name in names:
                yield peer, name, options.stemma, source, text


def round_trips(options):
    """Random bytes, and random bytes of which most are ASCII or lead bytes."""
    draw = np.random.default_rng(options.seed)
    size = int(options.random_mb * 1e6 / 2)
    likely = np.frombuffer(b"  aeio\n\xe2\x80\x99\xf0\x9f\xed\xa0\xc3\xff", dtype=np.uint8)
    texts = [draw.integers(0, 256, size, dtype=np.uint8).tobytes(), draw.choice(likely, size).tobytes()]
    different = 0
    for name in options.encodings if size else []:
        for data in texts:
            if stemma_decoded(options.stemma, name, stemma_ids(options.stemma, name, data)) != data:
                different += 1
                print(f"{name}: random bytes come back otherwise")
    if size:
        print(f"decode(encode(x)) = x: {2 * size / 1e6:.1f} MB of random bytes, {len(options.encodings)} encodings")
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE|FOLDER")
    parser.add_argument("--all-shared", action="store_true", help="all of $STEMMA_SHARED/data")
    parser.add_argument("--strings", type=int, default=100000, help="random strings (100000)")
    parser.add_argument("--random-mb", type=float, default=4, help="random bytes for the round trip, in MB (4)")
    parser.add_argument("--encodings", nargs="*", default=list(RANKS), help="compared with tiktoken (all)")
    parser.add_argument("--tokenizers", nargs="*", default=["gpt2", "cl100k_base"], metavar="ENCODING",
                        help="compared with tokenizers (gpt2 cl100k_base)")
    parser.add_argument("--tokenizers-mb", type=float, default=30, help="of the files, for tokenizers (30)")
    parser.add_argument("--only", default="0/1", metavar="K/N", help="the K-th (from 0) of N shares of the parts of files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stemma", default=STEMMA)
    options = parser.parse_args()
    totals, different, start, told = {}, 0, time.monotonic(), 0.0
    waiting = threading.Semaphore(2 * options.jobs)  # the pool would take all texts into memory

    def jobs():
        for job in jobs_of(options):
            waiting.acquire()
            yield job

    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for peer, name, size, ids, difference in pool.imap_unordered(compare, jobs()):
            waiting.release()
            total = totals.setdefault((peer, name), [0, 0, 0])
            total[0], total[1], total[2] = total[0] + size, total[1] + ids, total[2] + (difference is not None)
            if difference:
                different += 1
                print(f"{name}: {difference}", flush=True)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                done = sum(t[0] for t in totals.values()) / 1e6
                print(f"  {told - start:.0f} s: {done:.0f} MB compared, {different} differences", file=sys.stderr, flush=True)
    for (peer, name), (size, ids, failed) in sorted(totals.items()):
        print(f"{name} and {peer}: {size / 1e6:.1f} MB, {ids} ids, {failed} texts differ")
    different += round_trips(options)
    print("no difference" if different == 0 else f"{different} differences")
    sys.exit(different != 0)


if __name__ == "__main__":
    main()
