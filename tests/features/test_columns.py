"""``features:PATH?drop=…&names=…``: arrays without some of their columns."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.errors import InputError
from rdx.features import load_representation, representation_fingerprint
from rdx.features.columns import column_names, default_title
from rdx.models.spec import parse_spec, with_absolute_paths

NAMES = ["back color: yellow", "bill, long", "wing", "7"]


@pytest.fixture
def array(tmp_path):
    """6 items × 4 columns, and their names in both kinds of file."""
    np.save(tmp_path / "x.npy", np.arange(24, dtype=np.float32).reshape(6, 4))
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")
    rows = [f'{j},"{name}",{j}' for j, name in enumerate(NAMES)]
    (tmp_path / "names.csv").write_text("\n".join(["dimension,name,attribute", *rows]) + "\n")
    return tmp_path


def columns_of(folder, options: str) -> list[int]:
    values = load_representation({"model": f"features:{folder}/x.npy{options}"}, None).values
    assert values.dtype == np.float32 and values.flags["C_CONTIGUOUS"]
    return values[0].astype(int).tolist()


@pytest.mark.parametrize("names", ["names.txt", "names.csv"])
def test_columns_by_number_and_by_name(array, names):
    assert columns_of(array, "") == [0, 1, 2, 3]
    assert columns_of(array, "?drop=1") == [0, 2, 3]
    assert columns_of(array, "?drop=3,0, 3") == [1, 2]
    known = f"&names={array}/{names}"
    assert columns_of(array, f"?drop=back color: yellow{known}") == [1, 2, 3]
    assert columns_of(array, f"?drop=bill, long{known}") == [0, 2, 3]  # a comma in a name
    assert columns_of(array, f"?drop=wing,0{known}") == [1, 3]
    assert columns_of(array, f"?drop=7{known}") == [0, 1, 2]  # a column called 7 is that column
    assert columns_of(array, f"?names={array}/{names}") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("?drop=4", "there is no column 4 to drop, the last one is 3"),
        ("?drop=-1", "column '-1' to drop is no number; for names add '&names=PATH'"),
        ("?drop=wnig&names={0}/names.txt", "'wnig'; did you mean 'wing'"),
        ("?drop=0,1,2,3", "'drop' leaves no column"),
        ("?drop=0&names={0}/none.txt", "names of columns: no file"),
        ("?drop=0&names={0}/short.txt", "short.txt' has 3 names, features '.*x.npy' have 4 columns"),
        ("?names={0}/twice.txt", "twice.txt', row 3: 'a' is there twice"),
        ("?names={0}/empty.txt", "empty.txt', row 2: the name is empty"),
        ("?names={0}/bad.csv", "bad.csv' needs a column 'name'"),
        ("?names={0}/latin.txt", "latin.txt' is not text in UTF-8"),
        ("?dorp=1", "unknown option of 'features:' 'dorp'; did you mean 'drop'"),
    ],
)
def test_what_is_refused(array, options, said):
    for name, text in (("short", "a\nb\nc"), ("twice", "a\nb\na\nc"), ("empty", "a\n\nb\nc")):
        (array / f"{name}.txt").write_text(text)
    (array / "bad.csv").write_text("a,b\n1,2\n")
    (array / "latin.txt").write_bytes(b"\xe9\nb\nc\nd\n")
    with pytest.raises(InputError, match=said) as caught:
        columns_of(array, options.format(array))
    assert "\n" not in str(caught.value)


def test_fingerprints_know_what_is_left_out(array):
    def of(options):
        return representation_fingerprint({"model": f"features:{array}/x.npy{options}"}, None)

    known = f"&names={array}/names.txt"
    prints = [of(""), of("?drop=1"), of("?drop=2"), of(f"?drop=wing{known}")]
    assert len(set(prints)) == 4
    (array / "names.txt").write_text("wing\nbill\nback\n7\n")  # now another column is called that
    assert of(f"?drop=wing{known}") != prints[3] and of("?drop=1") == prints[1]


def test_titles_name_what_is_left_out(array):
    def of(options):
        return default_title(parse_spec(f"features:{array}/x.npy{options}").options)

    assert of(f"?drop=0&names={array}/names.csv") == "without back color: yellow"
    assert of(f"?drop=wing,0&names={array}/names.csv") == "without back color: yellow, wing"
    assert of("?drop=0") is None and of(f"?names={array}/names.csv") is None
    assert of(f"?drop=0&names={array}/none.csv") is None  # that it is missing is said elsewhere
    many = "\n".join(f"n{i}" for i in range(9))
    (array / "many.txt").write_text(many)
    assert of(f"?drop=1,2,3,4,5&names={array}/many.txt") == "without n1, n2, n3 and 2 more"
    assert column_names(array / "many.txt")[8] == "n8"


def test_paths_of_names_become_absolute(array, monkeypatch):
    monkeypatch.chdir(array)
    spec = with_absolute_paths(parse_spec("features:x.npy?drop=1&names=names.txt"))
    assert str(spec) == f"features:{array}/x.npy?drop=1&names={array}/names.txt"
