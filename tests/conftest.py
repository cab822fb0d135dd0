"""What all tests share: this folder on the path, the order of files, and what makes runs of experiments quick."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)

SECONDS = "rdx/seconds"  # in pytest's cache: how long each file took when it last ran
# Where nothing is known yet: files that take longest, of all that are run side by side. test_cluster.py has what the
# sparse solver needs compiled before two files ask for it at once.
LONG = ("test_processes.py", "test_quickstart.py", "test_cluster.py", "test_layer_analysis.py", "test_statistics.py",
        "test_own_data_docs.py", "test_analysis.py", "test_runs.py", "test_repeatable.py", "test_test_command.py",
        "test_page.py", "test_approximate.py", "test_concept_bottleneck.py", "test_plan.py", "test_figures.py",
        "test_texts.py", "test_naming.py", "test_scripts.py", "test_cub_script.py")  # fmt: skip


class Durations:
    """Files that take longest come first: side by side with others, one that comes last is waited for alone."""

    def __init__(self, config: pytest.Config) -> None:
        self.cache = getattr(config, "cache", None)
        self.known = self.cache.get(SECONDS, {}) if self.cache else {}
        self.seconds: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (-self._expected(item, slow), item.nodeid.partition("::")[0]))

    def _expected(self, item: pytest.Item, slow: set[Path]) -> float:
        place = LONG.index(item.path.name) if item.path.name in LONG else len(LONG)
        guess = 2.0 * (len(LONG) - place) + 5.0 * (item.path in slow)
        return self.known.get(item.nodeid.partition("::")[0], guess)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.cache and not hasattr(session.config, "workerinput"):
            self.cache.set(SECONDS, {**self.known, **self.seconds})


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Durations(config), "durations of files")
    gc.disable()  # until everything is imported, of which nothing is rubbish
    if config.args == ["tests"] and int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2:
        # From the other end: where nothing is compiled yet, two processes meet in the middle and compile half each.
        tops = {path.relative_to(FOLDER).parts[0] for path in Path(FOLDER).rglob("test_*.py")}
        config.args = [f"tests/{name}" for name in sorted(tops, reverse=True)]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()  # a million objects of libraries and tests, which are looked through for rubbish no more
    gc.set_threshold(20_000)  # as rdx's own commands do
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def cache_of_the_session(tmp_path_factory):
    """What a test caches without a place of its own is nobody's but this session's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """All workers of pytest-xdist share the environment of `loaded`."""
    from made_environment import environment

    config = node.config
    if not hasattr(config, "environment"):
        shared = ExitStack()
        config.environment = shared.enter_context(environment())
        config.add_cleanup(shared.close)
    node.workerinput["environment"] = config.environment


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch) -> Path:
    """A folder of the test's own that it works in, and what it caches is there too."""
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def loaded(pytestconfig) -> Iterator[str]:
    """An environment whose commands need not wait for libraries to load: a script's VIRTUAL_ENV."""
    from made_environment import environment

    if hasattr(pytestconfig, "workerinput"):
        yield pytestconfig.workerinput["environment"]
    else:
        with environment() as folder:
            yield folder


@pytest.fixture(autouse=True, scope="session")
def no_waiting_for_the_disk():
    """What the process writes survives no power cut here; commands in processes of their own sync as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(os, "sync", lambda: None, raising=False)
        yield


def _always(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    """Comparisons of `rdx compare` have these settings, whatever they are called with."""
    from rdx.experiment import compare

    configuration = compare.configuration
    monkeypatch.setattr(compare, "configuration", lambda *given, **options: configuration(*given, **options | settings))


@pytest.fixture
def quick_statistics(monkeypatch):
    """`rdx compare` with statistics that take a second."""
    from made_runs import QUICK

    _always(monkeypatch, statistics=QUICK)


@pytest.fixture
def plain_comparisons(quick_statistics, monkeypatch):
    """`rdx compare` without figures and with quick statistics, which take most of its time."""
    _always(monkeypatch, figures=False)


@pytest.fixture
def light_pictures(monkeypatch):
    """Pictures are written without the matrices and maps in them, which take most of the time of a small run."""
    from rdx.figures import overview

    monkeypatch.setattr(overview, "draw_map", lambda *_: None)
    monkeypatch.setattr(overview, "draw_matrix", lambda *_: None)


@pytest.fixture
def sketched_pictures(monkeypatch):
    """Pictures are files of a few bytes."""
    from made_runs import sketch_pictures

    sketch_pictures(monkeypatch)
