#!/usr/bin/env python3
"""Makes tasks for lm-eval from the shared data, or compares two of its results.

    e2e_lm_eval.py tasks SHARED FOLDER     200 questions of ARC-easy and 200 texts of LAMBADA
    e2e_lm_eval.py same A B                exit code 1 where a figure differs in its third digit
"""
import json
import lzma
import pathlib
import sys

ARC = """task: stemma_arc_easy
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{query}}}}\\nAnswer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{gold}}}}"
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
"""
LAMBADA = """task: stemma_lambada
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: loglikelihood
doc_to_text: "{{{{text.rsplit(' ', 1)[0]}}}}"
doc_to_target: "{{{{' ' + text.rsplit(' ', 1)[1]}}}}"
metric_list: [{{metric: perplexity, aggregation: perplexity, higher_is_better: false}}, {{metric: acc}}]
"""


def tasks(shared, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, source, form in [("arc", "eval_suite_mcq/arc_easy.jsonl.xz", ARC),
                               ("lambada", "lambada/lambada_test_first_half.jsonl.xz", LAMBADA)]:
        rows = folder / f"{name}.jsonl"
        with lzma.open(shared / "data" / source, "rt") as lines, rows.open("w") as out:
            out.writelines(line for _, line in zip(range(200), lines))
        (folder / f"{name}.yaml").write_text(form.format(file=rows.resolve()))


def figures(folder):
    newest = max(pathlib.Path(folder).rglob("results*.json"), key=lambda path: path.stat().st_mtime)
    return {(task, name): value for task, row in json.loads(newest.read_text())["results"].items()
            for name, value in row.items() if isinstance(value, float) and "stderr" not in name}


def same(a, b):
    left, right = figures(a), figures(b)
    assert left.keys() == right.keys() and left, (left, right)
    wrong = 0
    for key, value in left.items():
        equal = f"{value:.3g}" == f"{right[key]:.3g}"
        wrong += not equal
        print(f"{key[0]:18}{key[1]:18}{value:10.4f}{right[key]:10.4f}  {'' if equal else 'DIFFERS'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "tasks":
        tasks(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(same(sys.argv[2], sys.argv[3]))
