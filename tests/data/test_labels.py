"""Labels that a user's file holds: matched by ids or an index where it names the items, never by a shuffled order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rdx.data.labels import read_labels
from rdx.errors import InputError

COUNTED = [str(i) for i in range(6)]  # what items without ids are called
PATHS = [f"{name}.jpg" for name in "abcdef"]
KINDS = np.array(["owl", "elk", "owl", "ant", "elk", "ant"])
ORDER = np.array([3, 0, 5, 1, 4, 2])
FRAME = pd.DataFrame({"label": KINDS})


def written(folder, table: pd.DataFrame | str, name: str = "l.csv", **options):
    path = folder / name
    if isinstance(table, str):
        path.write_text(table)
    elif name.endswith("parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, **options)
    return path


def read(path, ids) -> list[str]:
    labels, names, *_ = read_labels(path, ids)
    return [names[label] for label in labels.tolist()]


SHUFFLED = {
    ",label": (FRAME.iloc[ORDER], "l.csv", {}),
    "index,label": (FRAME.iloc[ORDER].rename_axis("index"), "l.csv", {}),
    "label,index": (FRAME.iloc[ORDER].reset_index()[["label", "index"]], "l.csv", {"index": False}),
    "parquet": (FRAME.iloc[ORDER], "l.parquet", {}),
    "turned round": (FRAME[::-1], "l.parquet", {}),
    "tsv": (FRAME.iloc[ORDER], "l.tsv", {"sep": "\t"}),
    "semicolons": (FRAME.iloc[ORDER], "l.csv", {"sep": ";"}),
    "image_id": (FRAME.iloc[ORDER].rename_axis("image_id"), "l.csv", {}),
    "another name": (FRAME.iloc[ORDER].rename_axis("bird"), "l.csv", {}),
    "y": (FRAME.iloc[ORDER].rename(columns={"label": "y"}), "l.csv", {}),
}


@pytest.mark.parametrize("kind", SHUFFLED)
def test_a_shuffled_table_is_matched_by_its_index(tmp_path, kind):
    table, name, options = SHUFFLED[kind]
    path = written(tmp_path, table, name, **options)
    assert read(path, COUNTED) == KINDS.tolist()
    if kind != "another name":
        with pytest.raises(InputError, match="unknown id"):  # they name no file
            read(path, PATHS)


@pytest.mark.parametrize("name", ["l.csv", "l.parquet"])
def test_a_table_in_order_counts(tmp_path, name):
    path = written(tmp_path, FRAME, name)
    assert read(path, COUNTED) == read(path, PATHS) == KINDS.tolist()
    named = written(tmp_path, FRAME.set_index(pd.Index(PATHS, name="path")).iloc[ORDER], name)
    assert read(named, PATHS) == KINDS.tolist()


def test_a_column_that_repeats_names_no_item(tmp_path):
    assert read(written(tmp_path, FRAME.assign(patient_id=[1, 1, 2, 2, 3, 3]), index=False), PATHS) == KINDS.tolist()


def test_row_names_of_r_count_from_1(tmp_path):
    rows = "".join(f'"{i}","{kind}"\n' for i, kind in enumerate(KINDS, 1))
    for header in ('"","label"\n', '"label"\n'):
        assert read(written(tmp_path, header + rows), COUNTED) == KINDS.tolist()


def test_an_index_of_a_part_is_refused(tmp_path):
    path = written(tmp_path, pd.DataFrame({"label": np.repeat(KINDS, 2)})[3:9], "l.parquet")
    with pytest.raises(InputError, match="unknown id .*row 4.* '6'"):
        read(path, COUNTED)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.json", '["owl", "elk"]', "looks like JSON"),
        ("l.txt", '[\n"owl",\n"elk"]', "looks like JSON"),
        ("l.jsonl", '{"label": "owl"}\n' * 6, "looks like JSON"),
        ("l.txt", "".join(f"{path}\towl\n" for path in PATHS), r"looks like a table.*\('a.jpg\\towl'\): call it .tsv"),
        ("l.txt", "".join(f"{path},owl\n" for path in PATHS), "looks like a table.*call it .csv"),
        ("l.tsv", "".join(f"{row}\n" for row in ["id", *COUNTED]), "needs a column 'label'"),
        ("l.csv", "".join(f"{path},owl\n" for path in PATHS), "needs a column 'label', .* 5 rows: a.jpg, owl"),
        ("l.txt", "owl\n\x00\n" * 3, "characters that can't be shown"),
        ("l.csv", "label\nowl\n\nelk\nowl\nelk\nowl\nelk\n", "line 3 is blank"),
        ("l.csv", 'id,label\n0,"owl\n1,elk\n', "unexpected end of data"),
        ("l.csv", "label\nowl\nelk,owl\n", "line 3: 2 cells where the header has 1"),
    ],
)
def test_refused_in_one_line(tmp_path, name, text, said):
    with pytest.raises(InputError, match=f"^[^\n]*{said}[^\n]*$"):
        read(written(tmp_path, text, name), COUNTED)


def test_words_with_commas_and_odd_line_ends_stay_labels(tmp_path):
    ants = ["ant, black", "ant, red", "ant, red", "ant, black", "ant, red", "ant, red"]
    assert read(written(tmp_path, "\n".join(ants), "l.txt"), COUNTED) == ants
    assert read(written(tmp_path, "a\u2028b\n" * 6, "l.txt"), COUNTED) == ["a\u2028b"] * 6
    assert read(written(tmp_path, "NA\nnull\nnan\n007\n7\n7\n", "l.txt"), COUNTED) == [
        "NA",
        "null",
        "nan",
        "007",
        "7",
        "7",
    ]


def test_further_columns_follow_their_items(tmp_path):
    table = FRAME.assign(age=range(20, 26), id=PATHS, path="x").iloc[ORDER]
    found = read_labels(written(tmp_path, table), PATHS)  # its index, which is no column, has not their names
    assert [found.names[label] for label in found.labels.tolist()] == KINDS.tolist() and found.notes == ()
    assert found.columns["age"] == [str(age) for age in range(20, 26)]
    assert set(found.columns) == {"Unnamed: 0", "age", "table_path"}
    found = read_labels(written(tmp_path, FRAME.assign(age=3)), PATHS)
    assert found.columns == {"age": ["3"] * 6}  # row numbers say nothing


def test_a_table_may_have_no_labels(tmp_path):
    found = read_labels(written(tmp_path, pd.DataFrame({"age": range(6)}, index=ORDER)), COUNTED)
    assert found.labels is None and found.columns == {"age": [str(row) for row in np.argsort(ORDER)]}
    assert "no column 'label'" in found.notes[0] and found.notes[0].endswith(": age")


@pytest.mark.parametrize("name", ["id", "patient_id", "filename"])
def test_names_of_items_that_are_only_counted_cannot_tell_an_order(tmp_path, name):
    path = written(tmp_path, FRAME.assign(**{name: [f"u{i}" for i in range(6)]}), index=False)
    found = read_labels(path, COUNTED)
    assert [found.names[label] for label in found.labels.tolist()] == KINDS.tolist()
    assert "row 0 is 'u0', the last 'u5'" in found.notes[0]
    for ids in (PATHS, ["u0", *COUNTED[1:]]):
        with pytest.raises(InputError, match="unknown id"):
            read_labels(path, ids)
    with pytest.raises(InputError, match="unknown id"):  # as an index of 6 … 11 may be that of other items
        read_labels(written(tmp_path, FRAME.set_index(np.arange(6, 12))), COUNTED)
