"""Reading the files that scripts/task-data.sh makes, for the scripts beside it."""
import csv
import pathlib


def read_columns(folder, part):
    """The columns of folder/part.tsv or .csv, without their header: the text or texts first, the label last."""
    folder = pathlib.Path(folder)
    file = next((folder / f"{part}.{kind}" for kind in ("tsv", "csv") if (folder / f"{part}.{kind}").is_file()), None)
    if file is None:
        raise SystemExit(f"{folder} has no {part}.tsv or {part}.csv: run scripts/task-data.sh {folder.name} first")
    with open(file, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t" if file.suffix == ".tsv" else ","))
    return [list(column) for column in zip(*rows[1:], strict=True)]
