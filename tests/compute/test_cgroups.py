"""Limits of the process's own control group and of all above it, in both versions."""

from __future__ import annotations

import pytest

from rdx.compute import cgroups, threads


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Writes a system: its /proc/self files, and files below the mounts by name."""
    monkeypatch.setattr(cgroups, "PROC", tmp_path / "proc")

    def write(groups: str, mounts: str, files: dict[str, str]) -> None:
        told = {"proc/cgroup": groups, "proc/mountinfo": mounts.replace("@", str(tmp_path))}
        for name, text in {**told, **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text + "\n")

    return write


MOUNT_2 = "31 23 0:28 / @/top rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
JOB = "system.slice/slurmstepd.scope/job_7/step_0/user/task_0"


def test_a_job_nested_below_the_root(system):
    files = {f"top/{JOB}/memory.max": "max", "top/system.slice/slurmstepd.scope/job_7/memory.max": "4000000000",
             "top/system.slice/memory.high": "9000000000", f"top/{JOB}/cpu.max": "max 100000",
             "top/system.slice/slurmstepd.scope/job_7/cpu.max": "250000 100000"}  # fmt: skip
    system(f"0::/{JOB}", MOUNT_2, files)
    assert sorted(cgroups.memory_limits()) == [4_000_000_000, 9_000_000_000]
    assert cgroups.cpu_limit() == 3


def test_version_1_has_a_tree_a_controller(system):
    mounts = ["32 31 0:29 / @/cpu rw - cgroup cgroup rw,cpu,cpuacct", "33 31 0:30 / @/memory rw - cgroup v1 rw,memory"]
    files = {"memory/slurm/uid_5/job_7/memory.limit_in_bytes": "2000000000",
             "memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/slurm/memory.limit_in_bytes": "3000000000",
             "cpu/slurm/cpu.cfs_quota_us": "400000", "cpu/slurm/cpu.cfs_period_us": "100000",
             "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}  # fmt: skip
    system("4:memory:/slurm/uid_5/job_7\n3:cpu,cpuacct:/slurm/uid_5\n0::/user.slice", "\n".join(mounts), files)
    assert sorted(cgroups.memory_limits()) == [2_000_000_000, 3_000_000_000]
    assert cgroups.cpu_limit() == 4


@pytest.mark.parametrize(("group", "root"), [("/", "/"), ("/docker/ab", "/docker/ab"), ("/../..", "/"), ("/x", "/y")])
def test_a_container_sees_its_group_as_the_root(system, group, root):
    mount = MOUNT_2.replace("0:28 /", f"0:28 {root}")
    system(f"0::{group}", mount, {"top/memory.max": "1000000", "top/cpu.max": "50000 100000"})
    assert cgroups.memory_limits() == [1_000_000]
    assert cgroups.cpu_limit() == 1


def test_where_there_are_none(system, tmp_path):
    assert (cgroups.memory_limits(), cgroups.cpu_limit()) == ([], None)
    system("0::/", MOUNT_2, {})
    assert (cgroups.memory_limits(), cgroups.cpu_limit()) == ([], None)


@pytest.mark.parametrize(("quota", "expected"), [(None, 16), (3, 3), (64, 16)])
def test_threads_keep_to_the_quota(monkeypatch, quota, expected):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(threads, "_quota", lambda: quota)
    assert threads.cores() == expected
