"""Finding a process by its container: the host's pid through its control group, and what the group tells."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CONTAINER = "0123456789abcdef" * 4
POD = "0c5e7f3a-1111-2222-3333-444455556666"


def hierarchy() -> Path | None:
    """A mounted hierarchy in which this user may make groups."""
    for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (root / "cgroup.procs").exists() and os.access(root, os.W_OK):
            return root
    return None


needs_groups = pytest.mark.skipif(hierarchy() is None, reason="no control groups can be made here")


@pytest.fixture
def contained(target) -> Iterator[Path]:
    """The target in a group named as kubelet and containerd name it; yields the group's folder."""
    root = hierarchy()
    assert root is not None
    group = (
        root
        / "kubepods.slice"
        / f"kubepods-pod{POD.replace('-', '_')}.slice"
        / f"cri-containerd-{CONTAINER}.scope"
    )
    group.mkdir(parents=True)
    try:
        (group / "cgroup.procs").write_text(f"{target.pid}\n")
        yield group
    finally:
        target.kill()
        target.wait()
        for folder in (group, group.parent, group.parent.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()


@needs_groups
def test_a_container_is_found_by_its_id(collector, target, contained):
    run = collector.run("--container", CONTAINER[:12])
    assert run.status == 0, run.err
    bundle = run.bundle()
    assert bundle.capture["process"]["pid"] == target.pid
    own = str(contained).lstrip("/")
    assert any(name.startswith(f"{own}/") for name in bundle.files), sorted(bundle.files)
    assert any(name.startswith(f"{own.rpartition('/')[0]}/memory.") for name in bundle.files)
    assert CONTAINER in bundle.text(f"proc/{target.pid}/cgroup")


def test_a_container_that_is_not_there_is_said(dash_collector):
    run = dash_collector.run("--container", "f" * 64)
    assert run.status == 0
    assert any("a process of container" in note for note in run.bundle().capture["notes"])


@pytest.mark.parametrize(
    "group, expected",
    [
        (
            f"/sys/fs/cgroup/kubepods.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice/x.scope",
            (POD, "", ""),
        ),
        (f"/sys/fs/cgroup/memory/kubepods/burstable/pod{POD}/{CONTAINER}", (POD, "", "")),
        (f"/sys/fs/cgroup/memory/docker/{CONTAINER}", ("", CONTAINER, "")),
        (f"/sys/fs/cgroup/system.slice/docker-{CONTAINER}.scope", ("", CONTAINER, "")),
        ("/sys/fs/cgroup/system.slice/prometheus.service", ("", "", "prometheus.service")),
        ("/sys/fs/cgroup/user.slice", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_the_group_tells_pod_container_and_unit(collector, group, expected):
    done = collector.call(
        f"\nCG_DIRS='{group}'$NL'/sys/fs/cgroup'$NL\npod_of\nprintf '%s|%s|%s' \"$POD_UID\" \"$CONTAINER_ID\" \"$UNIT\"\n"
    )
    assert tuple(done.stdout.decode().split("|")) == expected, done.stderr
