"""Each member of the real bundles belongs to one parser at most; the path settles what content cannot."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.snapshots import classify
from analyzer.snapshots.registry import claimants

ROOT = Path(__file__).parents[2]
BUNDLES = sorted((ROOT / "fixtures" / "bundles").glob("*/bundle.tar.gz"))
GOLDEN = Path(__file__).parent / "data" / "unclaimed.txt"


def members(bundle: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(bundle) as archive:
        for member in archive:
            body = archive.extractfile(member) if member.isfile() else None
            if body is not None:
                yield member.name, body.read(8192)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda p: p.parent.name)
def test_no_member_has_two_parsers(bundle: Path) -> None:
    for path, head in members(bundle):
        kinds = [parser.kind for parser in claimants(path, head)]
        assert len(kinds) <= 1, f"{path}: {kinds}"
        chosen = classify(path, head)
        assert [chosen.kind] == kinds if chosen is not None else kinds == [], path


def test_the_unclaimed_members_are_the_ones_reviewed() -> None:
    """What no parser reads: logs, kernel logs, and files without a fact that is asked for."""
    unclaimed = set()
    for bundle in BUNDLES:
        for path, head in members(bundle):
            if classify(path, head) is None:
                short = path.split("/", 1)[-1]
                short = re.sub(r"[0-9a-f]{32,64}", "ID", re.sub(r"proc/\d+/", "proc/PID/", short))
                unclaimed.add(short)
    assert sorted(unclaimed) == GOLDEN.read_text().splitlines()


SYSCTL = b"kernel.pid_max = 4194304\nvm.max_map_count = 65530\n"


@pytest.mark.parametrize(
    ("path", "head", "kind"),
    [
        ("s/etc/sysctl.d/99-maps.conf", SYSCTL, "sysctl_configured"),
        ("s/usr/lib/sysctl.d/50-x.conf", b"# nothing set\n", "sysctl_configured"),
        ("s/etc/sysctl.conf", b"", "sysctl_configured"),
        ("s/sos_commands/networking/namespaces/n/ip_netns_exec_n_sysctl_-a", SYSCTL, "sysctl_netns"),
        ("s/sos_commands/kernel/sysctl_-a", SYSCTL, "sysctl"),
        ("flat/sysctl.txt", SYSCTL, "sysctl"),
        ("flat/whatever.txt", SYSCTL, "sysctl"),
        ("flat/s", b"vm.max_map_count = 65530\n", "sysctl"),
        ("x/host/sysctl.d/etc/sysctl.d/99.conf", SYSCTL, "sysctl_configured"),
        ("b/proc/sys/vm/max_map_count", b"65530\n", "sysctl_file"),
        ("b/max_map_count.txt", b"65530\n", "sysctl_file"),
        ("b/maps_count.txt", b"16002 /proc/1/maps\n", "line_count"),
        ("b/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", b"0\n", None),
        ("b/var/log/app.log", b"level=info ts=2026-11-22T21:54:45Z msg=started count=1\n" * 9, None),
        ("b/var/log/messages", b"Nov 22 21:54:45 host kernel: Linux version 6.1\n", None),
        ("b/README.txt", b"Collected on date, count the maps please\nsee proc/1/maps\n", None),
        ("b/dmesg", b"[    0.000000] Linux version 6.1.0 (gcc)\n[    0.1] BIOS\n", None),
    ],
)
def test_the_path_proposes_and_the_content_confirms(path: str, head: bytes, kind: str | None) -> None:
    parser = classify(path, head)
    assert (parser.kind if parser is not None else None) == kind


FLAT = {
    "maps": "maps",
    "1.maps": "maps",
    "m.txt": "maps",
    "maps-31232.txt": "maps",
    "proc_1_maps": "maps",
    "kubectl_exec_ingester-0_maps.txt": "maps",
    "something": "maps",
}
MAPS = (
    b"7f25c8000000-7f25c8021000 rw-p 00000000 00:00 0 \n"
    b"7f25ce4d1000-7f25ce4d2000 r--s 00000000 fe:00 3089                       /d/01M82K54DEY807G2PMY2JMGVJN/index\n"
)


@pytest.mark.parametrize("name", FLAT)
def test_a_flat_folder_is_known_by_content(name: str) -> None:
    parser = classify(f"bundle/{name}", MAPS)
    assert parser is not None
    assert parser.kind == "maps"


def test_windows_text_is_known_too() -> None:
    utf16 = "vm.max_map_count = 65530\r\nvm.overcommit_memory = 0\r\n".encode("utf-16")
    parser = classify("flat/values.txt", utf16)
    assert parser is not None
    assert parser.kind == "sysctl"
