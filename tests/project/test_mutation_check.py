"""That the suite notices planted errors, and that the check itself would notice a suite that does not."""

from __future__ import annotations

import mutation_check
import pytest
from mutation_check import MUTATIONS, Mutation


def test_every_mutations_source_and_tests_are_there():
    for mutation in MUTATIONS:
        mutation.check()


def test_what_is_no_longer_there_is_said():
    one = MUTATIONS[0]
    with pytest.raises(ValueError, match=f"0 places in {one.file} read 'gone'"):
        Mutation("a", one.file, "gone", "", one.tests).check()
    with pytest.raises(ValueError, match="no test tests/method/test_rdx.py::test_gone"):
        Mutation("a", one.file, one.source, "", ("tests/method/test_rdx.py::test_gone",)).check()
    with pytest.raises(SystemExit, match="unknown mutation 'no such'"):
        mutation_check.main(["no such"])


@pytest.mark.slow
def test_every_planted_error_is_noticed(capsys):
    assert mutation_check.main() == 0, capsys.readouterr().out


@pytest.mark.slow
def test_a_change_that_changes_nothing_is_missed_and_one_that_breaks_the_import_is_no_success(monkeypatch, capsys):
    file, source = "rdx/metrics/truth.py", "MIXED = 0.2"
    tests = ("tests/metrics/test_truth.py",)
    harmless = Mutation("harmless", file, source, "MIXED = 0.20", tests)
    broken = Mutation("broken", file, source, "MIXED = (", tests)
    monkeypatch.setattr(mutation_check, "MUTATIONS", (harmless, broken))
    assert mutation_check.main() == 1
    out = capsys.readouterr().out
    assert "MISSED     harmless" in out and "BROKEN" in out and "0 of 2 planted errors were noticed" in out
