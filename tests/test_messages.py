"""What is said to a user is a few lines at most and never moves the cursor, whatever a file or a name holds."""

from __future__ import annotations

import errno
import logging

import pytest
import typer

from rdx.console import exit_codes, show
from rdx.errors import InputError, WriteError, brief
from rdx.experiment.run.log import heard, run_log

NASTY = "red \x1b[31m bell \a line\nback\r zero \0 turn \u202e end"


def test_what_is_long_is_cut_in_its_middle():
    image = "\\x89PNG" * 20_000
    said = str(InputError(f"'photos.parquet', row 3: the image '{image}' is no label; rename the column"))
    assert said.startswith("'photos.parquet', row 3: the image '\\x89PNG") and len(said) < 400
    assert said.endswith("PNG' is no label; rename the column") and "(139,810 more characters)" in said
    assert len(brief("x" * 10**6)) < 800 and len(str(WriteError("y" * 5000, errno.ENOSPC))) < 400
    both = brief(f"'{'a' * 500}' and '{'b' * 500}'")
    assert both.count("more characters") == 2


@pytest.mark.parametrize("text", ["", "a short one", "'quoted'", "x" * 600, f"'/{'folder/' * 20}a.png' is missing"])
def test_what_is_short_stays_as_it_is(text):
    assert brief(text) == text


def test_nothing_moves_the_cursor(capsys, tmp_path):
    for said in (str(InputError(NASTY)), brief(NASTY), str(WriteError(NASTY, errno.ENOSPC))):
        assert said.isprintable() and "\\x1b[31m" in said and "\\u202e" in said
    show(f"  note: {NASTY}")
    assert capsys.readouterr().out.rstrip("\n").isprintable()
    with run_log(tmp_path / "run.log") as note, heard(note):
        note(NASTY)
        logging.getLogger("rdx.test").warning("%s", NASTY * 100)
    lines = (tmp_path / "run.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and all(line.isprintable() for line in lines) and len(lines[1]) < 800


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError(NASTY * 100), 1, "failed: RuntimeError: red \\x1b[31m bell"),
        (InputError(NASTY * 100), 2, "error: red \\x1b[31m bell"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), 2, "error: 'xxx"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "loop"), 2, "error: 'loop' cannot be used"),
        (PermissionError(errno.EACCES, "Permission denied", "a.npy"), 2, "error: 'a.npy' cannot be used: Permission"),
        (OSError(errno.EIO, "Input/output error", "disk"), 1, "failed: OSError: "),
    ],
)
def test_an_error_is_one_short_line(capsys, error, code, said):
    with pytest.raises(typer.Exit) as caught, exit_codes(debug=False):
        raise error
    line = capsys.readouterr().err
    assert caught.value.exit_code == code and line.startswith(said)
    assert line.endswith("\n") and line[:-1].isprintable() and len(line) < 800
