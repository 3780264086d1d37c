"""A listing in any form gives the same data directory; what is no block or tenant is not taken for one."""

import itertools
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.facts import Present, Unreadable
from analyzer.snapshots import classify, listing
from analyzer.snapshots.datadir import DataDirBuilder
from analyzer.snapshots.listing import Columns, read_find
from analyzer.snapshots.model import DataDir
from analyzer.snapshots.parsers import filelist, member_of
from analyzer.snapshots.tsdb import place_tenants

BUNDLES = Path(__file__).parents[2] / "fixtures" / "bundles"
Tree = dict[str, int | None]  # path below the root -> size, None for a directory

BLOCK_A, BLOCK_B = "01M82K54DEY807G2PMY2JMGVJN", "01M82K54ETCD52P4M6W4P729X2"
PHANTOM = "01M82KWFKB0000000000000000"


def block(tenant: str, ulid: str, segments: int = 1) -> Tree:
    at = f"{tenant}/{ulid}" if tenant else ulid
    files: Tree = {at: None, f"{at}/chunks": None}
    files |= {f"{at}/chunks/{i + 1:06d}": 3974 + i for i in range(segments)}
    return files | {f"{at}/meta.json": 270, f"{at}/tombstones": 9, f"{at}/index": 18687}


def tree() -> Tree:
    """Two tenants, a phantom of an aborted start, a temporary block, an upload in work."""
    files: Tree = {"team 1": None}
    files |= block("team 1", BLOCK_A) | block("team 1", BLOCK_B, 2)
    files |= {
        "team 1/chunks_head": None,
        "team 1/chunks_head/000002": 134217728,
        "team 1/thanos.shipper.json": 90,
    }
    files |= {"team 1/wal": None, "team 1/wal/00000007": 32768, "team 1/wal/checkpoint.00000006": None}
    files |= {
        "team 1/wal/checkpoint.00000006/00000000": 65536,
        "team 1/thanos": None,
        "team 1/thanos/upload": None,
    }
    files |= {f"team 1/thanos/upload/{BLOCK_A}": None, f"team 1/thanos/upload/{BLOCK_A}/index": 18687}
    tmp = f"team 1/{BLOCK_B}.tmp-for-creation"
    files |= {tmp: None, f"{tmp}/chunks": None, f"{tmp}/chunks/000001": 11, f"{tmp}/index": 0}
    files |= {"user-2": None} | block("user-2", "01M82K54H5P4MVX80YXZE5MMF7")
    files |= {
        f"{PHANTOM}": None,
        f"{PHANTOM}/wal": None,
        f"{PHANTOM}/wal/00000000": 0,
        f"{PHANTOM}/chunks_head": None,
    }
    return files | {"chunks_head": None, "chunks_head/wal": None, "chunks_head/wal/00000000": 0}


def as_find(root: str, files: Tree, form: str) -> str:
    rows = []
    for path, size in {"": None, **files}.items():
        values = {"%s": str(4096 if size is None else size), "%p": f"{root}/{path}".rstrip("/"), "%y": "d" if size is None else "f",
                  "%T@": "1795382806.1230000000", "%i": "5685966"}  # fmt: skip
        row = form
        for key, value in values.items():
            row = row.replace(key, value)
        rows.append(row)
    return "".join(row + "\n" for row in rows)


def as_find_ls(root: str, files: Tree) -> str:
    rows = []
    for path, size in {"": None, **files}.items():
        mode = "drwxr-xr-x   3" if size is None else "-rw-r--r--   1"
        name = f"{root}/{path}".rstrip("/").replace(" ", "\\ ")
        rows.append(
            f"  5685966      4 {mode} root     root     {4096 if size is None else size:8d} Nov 22 21:42 {name}"
        )
    return "".join(row + "\n" for row in rows)


def as_ls(
    root: str,
    files: Tree,
    total: str = "total",
    owner: str = "0 0",
    time: str = "Nov 22 21:42",
    dots: bool = True,
) -> str:
    text = ""
    for folder in ["", *[p for p, size in files.items() if size is None]]:
        text += f"{root}/{folder}".rstrip("/") + f":\n{total} 1644\n"
        if dots:
            text += f"drwxr-xr-x 4 {owner} 24576 {time} .\ndrwxr-xr-x 9 {owner} 4096 {time} ..\n"
        for path, size in files.items():
            parent, _, name = path.rpartition("/")
            if parent == folder:
                mode = "drwxr-xr-x 3" if size is None else "-rw-r--r-- 1"
                text += f"{mode} {owner} {4096 if size is None else size:8d} {time} {name}\n"
        text += "\n"
    return text


def as_du(root: str, files: Tree) -> str:
    return "".join(
        f"{4 if size is None else (size + 1023) // 1024}\t{root}/{path}\n" for path, size in files.items()
    )


FORMS = {
    "find_data": lambda r, f: as_find(r, f, "%s %p"),
    "find_data_tab": lambda r, f: as_find(r, f, "%s\t%p"),
    "find_path_first": lambda r, f: as_find(r, f, "%p %s"),
    "find_typed": lambda r, f: as_find(r, f, "%y %s %T@ %p"),
    "find_middle": lambda r, f: as_find(r, f, "%i %p %T@ %s"),
    "find_-ls": as_find_ls,
    "ls_-lanR_data": as_ls,
    "ls_-lR": lambda r, f: as_ls(r, f, owner="root root", dots=False),
    "ls_-lR_de": lambda r, f: as_ls(r, f, total="insgesamt", owner="root root", time="22. Nov 21:42"),
    "ls_-laR_iso": lambda r, f: as_ls(r, f, owner="root root", time="2026-11-22 21:42:01.123456789 +0000"),
    "ls_-laR_epoch": lambda r, f: as_ls(r, f, time="1795382806"),
}


def read(name: str, text: str, chunk: int = 4096) -> list[DataDir]:
    parser = classify(f"top/sos_commands/filesys/{name}", text.encode()[:8192])
    assert parser is not None, name
    assert parser.kind == "filelist"
    found = parser.read(member_of(f"top/sos_commands/filesys/{name}", text.encode(), chunk))
    return [taken.values["data"].value for taken in found if isinstance(taken.values["data"], Present)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("root", ["/data/tsdb", ".", "/var/lib/my data/tsdb"])
def test_every_form_gives_the_same_directory(form: str, root: str) -> None:
    data = read(form, FORMS[form](root, tree()))[0]
    assert data.root == root
    assert data.complete
    assert set(data.tenants) == {"team 1", "user-2", PHANTOM, "chunks_head"}
    assert {name for name, tenant in data.tenants.items() if tenant.phantom} == {PHANTOM, "chunks_head"}
    team = data.tenants["team 1"]
    opened = {ulid: b for ulid, b in team.blocks.items() if not b.no_maps}
    assert {ulid: (b.index, sorted(b.segments), b.has_meta) for ulid, b in opened.items()} == {
        BLOCK_A: (18687, [3974], True),
        BLOCK_B: (18687, [3974, 3975], True),
    }
    assert sorted(b.no_maps for b in team.blocks.values() if b.no_maps) == ["tmp", "upload"]
    assert team.tmp_dirs == 1
    assert team.head_sizes == [134217728]
    assert (team.wal_files, team.wal_bytes) == (2, 98304)
    assert data.empty_files == []


@pytest.mark.parametrize("form", FORMS)
def test_a_listing_that_windows_wrote_as_utf_16_is_the_same(form: str) -> None:
    text = FORMS[form]("/data/tsdb", tree())
    wide = b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le")
    path = f"top/sos_commands/filesys/{form}"
    parser = classify(path, wide[:8192])
    assert parser is not None
    (taken,) = parser.read(member_of(path, wide))
    assert isinstance(taken.values["data"], Present)
    assert taken.values["data"].value.tenants == read(form, text)[0].tenants
    assert taken.values["data"].value.complete


def test_a_plain_find_has_no_sizes() -> None:
    text = "".join(
        line.split(" ", 1)[1] + "\n" for line in as_find("/data/tsdb", tree(), "%s %p").splitlines()
    )
    data = read("find_names", text)[0]
    assert not data.has_sizes
    assert set(data.tenants) == {"team 1", "user-2", PHANTOM, "chunks_head"}
    assert len([b for b in data.tenants["team 1"].blocks.values() if not b.no_maps]) == 2


def test_du_counts_blocks_but_states_no_file_sizes() -> None:
    data = read("du_-a_data", as_du("/data/tsdb", tree()))[0]
    assert not data.has_sizes
    assert len([b for t in data.tenants.values() for b in t.blocks.values() if not b.no_maps]) == 3


def test_a_single_prometheus_has_the_tenant_without_a_name() -> None:
    files = block("", BLOCK_A) | {"wal": None, "wal/00000000": 1, "queries.active": 20001, "lock": 0}
    for form in ("find_data", "ls_-lanR_data"):
        data = read(form, FORMS[form]("/prometheus", files))[0]
        assert (data.root, list(data.tenants)) == ("/prometheus", [""])
        assert data.tenants[""].blocks[BLOCK_A].index == 18687


def test_a_listing_above_several_data_directories() -> None:
    """One snapshot for each TSDB: other ingesters' directories on the node do not add up."""
    files: Tree = {}
    for pod in ("ingester-0", "ingester-1"):
        files |= {pod: None, f"{pod}/tsdb": None}
        for tenant in ("a", "b"):
            files |= {f"{pod}/tsdb/{tenant}": None}
            files |= {f"{pod}/tsdb/{path}": size for path, size in block(tenant, BLOCK_A).items()}
    found = read("find_data", as_find("/var/lib/kubelet", files, "%s %p"))
    assert sorted(data.root for data in found) == [f"/var/lib/kubelet/ingester-{i}/tsdb" for i in (0, 1)]
    assert [sorted(data.tenants) for data in found] == [["a", "b"], ["a", "b"]]


def test_two_prometheus_side_by_side_are_two() -> None:
    files: Tree = {}
    for name in ("p1", "p2"):
        files |= {name: None, f"{name}/queries.active": 20001, f"{name}/wal": None, f"{name}/wal/00000000": 7}
        files |= {f"{name}/{path}": size for path, size in block("", BLOCK_A).items()}
    found = read("ls_-lanR_data", as_ls("/srv", files))
    assert sorted(data.root for data in found) == ["/srv/p1", "/srv/p2"]


def test_empty_files_are_named() -> None:
    files = block("a", BLOCK_A) | {f"a/{BLOCK_A}/index": 0}
    data = read("find_data", as_find("/data/tsdb", {"a": None} | files, "%s %p"))[0]
    assert data.empty_files == [f"/data/tsdb/a/{BLOCK_A}/index"]
    assert data.tenants["a"].blocks[BLOCK_A].index == 0


def test_errors_within_a_listing_make_it_incomplete() -> None:
    text = as_find("/data/tsdb", tree(), "%s %p") + "find: '/data/tsdb/x': Permission denied\n"
    assert not read("find_data", text)[0].complete


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["find_data", "ls_-lanR_data", "find_-ls"]))
def test_a_cut_listing_is_incomplete_and_invents_no_block(data: st.DataObject, form: str) -> None:
    text = FORMS[form]("/data/tsdb", tree())
    cut = data.draw(st.integers(len(text) // 3, len(text) - 2))
    if text[cut - 1] == "\n" and form != "ls_-lanR_data":
        return  # cut at a line's end: nothing shows it
    whole = read(form, text)[0]
    for found in read(form, text[:cut]):
        assert not found.complete or text[:cut].endswith("\n\n") or form == "ls_-lanR_data"
        for name, tenant in found.tenants.items():
            if name in whole.tenants:
                assert set(tenant.blocks) <= set(whole.tenants[name].blocks)


_HOLDERS = (
    "/d/tsdb/a", "/d/tsdb/b", f"/d/tsdb/{PHANTOM}", ".", "./a", "", "/", "/d/tsdb/a/thanos/upload", "/d/tsdb/a/wal",
    f"/d/tsdb/a/{BLOCK_B}.tmp-for-creation", "/d/my data/a", "/d//a", "/d/tsdb/a/chunks",
)  # fmt: skip
_INSIDE = ("index", "meta.json", "tombstones", "chunks", "chunks/000001", "chunks/000002", "chunks/0000001")
_ODD_ROWS = (
    "4096 /d/tsdb/a", "4096 /d/tsdb/a/chunks_head", "7 /d/tsdb/a/chunks_head/000001", "0 /d/tsdb/a/wal/00000000",
    "find: '/d/x': Permission denied", "", "garbage", "5 /d/tsdb/a/unknown", "9\t/d/tsdb/b/tombstones",
    "5 /d/tsdb/b/new", "5 /d/tsdb/b/new/file", "99999999999999999999 /d/tsdb/a/index", "4096 /d/tsdb/a/wal",
)  # fmt: skip


@st.composite
def _listing_rows(draw: st.DrawFn) -> list[str]:
    rows: list[str] = []
    for _ in range(draw(st.integers(1, 8))):
        if draw(st.booleans()):
            rows.append(draw(st.sampled_from(_ODD_ROWS)))
        at = f"{draw(st.sampled_from(_HOLDERS))}/{draw(st.sampled_from((BLOCK_A, BLOCK_B, '0' * 26)))}"
        inside = draw(st.lists(st.sampled_from(_INSIDE), max_size=6, unique=draw(st.booleans())))
        rows += [f"4096 {at}", *(f"{draw(st.sampled_from((0, 9, 270, 18687)))} {at}/{n}" for n in inside)]
    return rows


@settings(max_examples=400, deadline=None)
@given(_listing_rows(), st.integers(1, 9))
def test_blocks_read_at_once_are_the_same_as_line_by_line(rows: list[str], length: int) -> None:
    def built(texts: list[str]) -> tuple[object, ...]:
        builder = DataDirBuilder()
        count = read_find(texts, Columns(1, 0, size=0), builder)
        single, announced = sorted(builder.single), sorted(builder.announced)
        found = sorted(builder.finish(), key=lambda data: data.root)
        return count, builder.complete, builder.tallies, builder.empty, single, announced, found

    text = "".join(row + "\n" for row in rows)
    by_line = built([row + "\n" for row in rows])
    assert built([text]) == by_line
    parts = ["".join(row + "\n" for row in rows[i : i + length]) for i in range(0, len(rows), length)]
    assert built(parts) == by_line


def test_the_files_of_a_block_in_any_order_are_read_at_once() -> None:
    rows = [f"1{i} /d/a/{BLOCK_A}/{name}" for i, name in enumerate(_INSIDE[:6])]
    for order in itertools.permutations(rows, 6):
        text = "\n".join([f"4096 /d/a/{BLOCK_A}", *order, ""])
        match = listing.WHOLE_BLOCK.fullmatch(text)
        assert match is not None
        assert match.groups()[:2] == ("/d/a", BLOCK_A)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200))
def test_the_chunks_of_the_member_do_not_matter(chunk: int) -> None:
    text = as_ls("/data/tsdb", tree())
    assert read("ls_-lanR_data", text, chunk) == read("ls_-lanR_data", text)


@pytest.mark.parametrize(
    ("bundle", "tenants", "phantoms", "blocks", "heads"),
    [
        ("cortex-runtime_1.11.1", 121, 0, 8961, 150),
        ("cortex-startup_logfmt_1.11.1", 157, 36, 9831, 221),
        ("cortex-healthy_1.11.1", 92, 11, 3398, 142),
        ("c01b-max_map_count-multierror", 1, 0, 400, 0),
        ("c12-einval-size0", 1, 0, 40, 0),
    ],
)
def test_real_listings(bundle: str, tenants: int, phantoms: int, blocks: int, heads: int) -> None:
    with tarfile.open(BUNDLES / bundle / "bundle.tar.gz") as archive:
        name = next(n for n in archive.getnames() if n.endswith(("find_data", "ls_-lanR_data")))
        body = archive.extractfile(name)
        assert body is not None
        found = filelist.PARSER.read(member_of(name, body.read()))
    fact = found[0].values["data"]
    assert isinstance(fact, Present)
    data = fact.value
    assert len(data.tenants) == tenants
    assert sum(t.phantom for t in data.tenants.values()) == phantoms
    assert (
        sum(not b.no_maps and b.index is not None for t in data.tenants.values() for b in t.blocks.values())
        == blocks
    )
    assert sum(len(t.head_sizes) for t in data.tenants.values()) == heads
    assert data.complete
    if bundle.startswith("c12"):
        assert len(data.empty_files) == 1


def test_no_files_is_unreadable() -> None:
    fact = filelist.PARSER.read(member_of("find_data", b"find: /data: No such file or directory\n"))[
        0
    ].values["data"]
    assert isinstance(fact, Unreadable)
    assert fact.why == "no such file or directory"


@pytest.mark.parametrize(
    ("directories", "placed"),
    [
        (["/prometheus"], {"/prometheus": ("/prometheus", "")}),
        (["/data/fake"], {"/data/fake": ("/data", "fake")}),
        (["/data/tsdb/anonymous"], {"/data/tsdb/anonymous": ("/data/tsdb", "anonymous")}),
        (["."], {".": (".", "")}),
        (["./a"], {"./a": (".", "a")}),
        (["a", "b"], {"a": ("", "a"), "b": ("", "b")}),
        (["/x/one", f"/x/{PHANTOM}"], {"/x/one": ("/x", "one"), f"/x/{PHANTOM}": ("/x", PHANTOM)}),
    ],
)
def test_directories_are_placed_under_their_roots(
    directories: list[str], placed: dict[str, tuple[str, str]]
) -> None:
    assert place_tenants(directories) == placed


def test_memory_does_not_grow_with_a_listing() -> None:
    def chunks() -> Iterator[bytes]:
        row = "".join(
            f"-rw-r--r-- 1 root root {i} Nov 22 21:42 file-{i:06d}.bin\n" for i in range(2000)
        ).encode()
        yield as_ls("/data/tsdb", tree()).encode()
        for i in range(60):
            yield f"/data/other{i}:\ntotal 9\n".encode() + row + b"\n"

    member = member_of("ls_-lR", as_ls("/data/tsdb", tree()).encode())
    member.body, member.size = chunks(), None
    tracemalloc.start()
    found = filelist.PARSER.read(member)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found[0].values["data"], Present)
    assert peak < 6 << 20
