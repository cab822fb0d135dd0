"""What scripts/test.sh counts as success."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from made_checkout import Checkout, add_python, bash

# But for one test, as starting workers, loading plugins and checking scripts takes most of the time.
IN_ONE_PROCESS = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                  "PYTEST_PLUGINS": "xdist.plugin,pytest_cov.plugin"}  # fmt: skip
TESTS = """import pytest


@pytest.mark.slow
def test_slow():
    print("the slow one")

def test_quick():
    pass

def test_wrong():
    assert not 1

@pytest.mark.skip
def test_skipped():
    pass
"""


def add_shellcheck(checkout: Checkout, real: bool) -> None:
    """The real one, which takes longer than all the rest; or one that is content with every script."""
    if real:
        (checkout.prefix / "bin/shellcheck").symlink_to(Path(sys.executable).with_name("shellcheck"))
    else:
        add_python(checkout.prefix / "bin", "shellcheck", "exit 0")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "style", "status", "text"),
    [
        ("-k 'slow or quick'", "", 0, "1 passed"),
        ("--slow -k 'slow or quick'", "", 0, "2 passed"),
        ("-k wrong", "", 1, "1 failed"),
        ("-k nothing", "", 5, "4 deselected"),
        ("-k skipped", "", 1, "error: no test ran"),
        ("-k quick", "import os\n", 1, "1 passed"),
    ],
)
def test_what_the_test_command_counts_as_success(
    checkout: Checkout, arguments: str, style: str, status: int, text: str
) -> None:
    (checkout.root / "tests").mkdir()
    (checkout.root / "tests/test_some.py").write_text(TESTS)
    (checkout.root / "style.py").write_text(style)
    whole = (arguments, style) == ("-k 'slow or quick'", "")
    add_shellcheck(checkout, real=whole)
    workers = {} if whole else IN_ONE_PROCESS
    done = bash(f"bash scripts/test.sh {arguments}", checkout.root, VIRTUAL_ENV=str(checkout.prefix), **workers)
    assert text in done.stdout + done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    assert checkout.stamp.exists()


@pytest.mark.parametrize(
    ("arguments", "lines", "status", "text"),
    [
        ("--slow", 1, 0, "Required test coverage of 95% reached"),
        ("--slow --junitxml=report.xml", 30, 1, "Required test coverage of 95% not reached"),
        ("--slow -k add", 30, 0, "1 passed"),
        ("", 30, 0, "1 passed"),
    ],
)
def test_all_tests_must_cover_the_method(
    checkout: Checkout, arguments: str, lines: int, status: int, text: str
) -> None:
    """The measure is taken in the run of all tests, so that nothing runs twice."""
    for room in ("method", "metrics"):
        (checkout.root / "rdx" / room).mkdir(parents=True)
        (checkout.root / "rdx" / room / "__init__.py").write_text("")
    (checkout.root / "rdx/__init__.py").write_text("")
    unused = "".join(f"    a += {i}\n" for i in range(lines - 1))
    (checkout.root / "rdx/method/add.py").write_text(f"def add(a):\n{unused}    return a + 1\n")
    called = "    assert add(1) == 2\n" if lines == 1 else ""
    (checkout.root / "tests").mkdir()
    (checkout.root / "tests/test_add.py").write_text(
        f"from rdx.method.add import add\n\n\ndef test_add():\n    assert add\n{called}"
    )
    add_shellcheck(checkout, real=False)
    environment = {"VIRTUAL_ENV": str(checkout.prefix), **IN_ONE_PROCESS}
    done = bash(f"bash scripts/test.sh {arguments}", checkout.root, **environment)
    assert text in done.stdout + done.stderr
    assert done.returncode == status, done.stdout + done.stderr
