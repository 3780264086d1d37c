"""Diagnoses for the tests of the faces, built from what was measured in the bundles of fixtures/.

The numbers, lines and quotations are those of the named bundles; only what a bundle cannot hold
(the remedies' words, the asks) is written here.
"""

from __future__ import annotations

from analyzer.diagnosis.model import (
    Ask,
    BlastRadius,
    BundleInfo,
    BundleVerdict,
    ChainLink,
    CoverageView,
    Diagnosis,
    EvidenceView,
    FailureView,
    HypothesisView,
    KindCount,
    LifeView,
    MappingsView,
    Margin,
    NamedFact,
    Need,
    Question,
    Recommended,
    Remedy,
    Risk,
    SizeStats,
    Skipped,
    SnapshotView,
    SubjectReport,
    TenantCount,
    TimelineEntry,
    TimeRange,
    Tool,
    Verdict,
)

TOOL = Tool("ingester-postmortem", "0.1.0")
LOG = "var/log/cortex/ingester.log"
KIB = 1024


def subject(id_: str, verdict: Verdict, **fields: object) -> SubjectReport:
    """A subject with all that is not named unknown."""
    names = (
        "product",
        "version",
        "host",
        "node",
        "zone",
        "namespace",
        "pod",
        "container",
        "container_id",
        "pid",
    )
    values: dict[str, object] = dict.fromkeys(names)
    values.update(fields)
    return SubjectReport(id=id_, verdict=verdict, **values)  # type: ignore[arg-type]


def diagnosis(
    exit_status: int, bundle: BundleInfo, subjects: list[SubjectReport], **fields: object
) -> Diagnosis:
    """A diagnosis whose bundle verdict is that of the first subject."""
    affected = sum(1 for s in subjects if s.verdict.cause not in ("none",))
    if subjects:
        first = subjects[0].verdict
        verdict = BundleVerdict(
            first.cause, first.status, first.driver, first.summary, first.first_seen, subjects[0].id, affected
        )
    else:
        verdict = BundleVerdict("none", "undetermined", None, "No log of an ingester was read.")
    values: dict[str, object] = {"evidence": [], "risks": [], "coverage": CoverageView(0, 0), "warnings": []}
    values.update(fields)
    verdict.signature = str(values.pop("signature", ""))
    return Diagnosis(TOOL, exit_status, bundle, verdict, subjects, **values)  # type: ignore[arg-type]


def _free_memory(total: int, available: int, at: str, evidence: str, why: str) -> Question:
    return Question(
        "free_memory",
        "yes",
        why,
        [
            NamedFact("MemTotal", "present", total * KIB, "bytes", at, [evidence]),
            NamedFact("MemAvailable", "present", available * KIB, "bytes", at, [evidence]),
            NamedFact("vm.overcommit_memory", "present", 0, "", at, []),
            NamedFact("memory.max", "absent", None, "bytes"),
        ],
        [evidence],
    )


def _raise_map_limit(value: int, nofile: int) -> list[Remedy]:
    return [
        Remedy(
            "keep_data",
            "Do not delete blocks or the WAL",
            "The data is intact: the words 'corrupted block' come from the failed mapping. The newest samples are only there.",
            "pod",
            "now",
            1,
            data_loss="the newest samples, up to 12 h",
            kind="do_not",
        ),
        Remedy(
            "stop_loop",
            "Do not let the crash loop run",
            "Each aborted start writes blocks and phantom tenants, so the need grows.",
            "pod",
            "now",
            2,
            kind="do_not",
        ),
        Remedy(
            "raise_now",
            f"Raise vm.max_map_count to {value:,} on the node (all ingester nodes)",
            f"The data directory needs 20,040 to 20,540 mappings; {value:,} leaves headroom. It acts at once on live processes; a pod cannot set it.",
            "node",
            "now",
            3,
            [f'[ "$(sysctl -n vm.max_map_count)" -ge {value} ] || sysctl -w vm.max_map_count={value}'],
            risk="about 160 bytes of kernel memory for each mapping in use",
        ),
        Remedy(
            "raise_nofile",
            f"Raise the open files limit of the ingester to {nofile:,}",
            "Every mapped file keeps a descriptor open: with 20,000 the next start fails with 'too many open files'.",
            "process",
            "now",
            4,
            [f"prlimit --pid $(pgrep -o cortex) --nofile={nofile}:{nofile}"],
        ),
        Remedy(
            "raise_for_good",
            "Make it last over a reboot",
            "A value set with sysctl -w is lost at the next boot.",
            "node",
            "now",
            5,
            [
                f'[ "$(sysctl -n vm.max_map_count)" -gt {value} ] || echo "vm.max_map_count = {value}" > /etc/sysctl.d/99-ingester.conf'
            ],
            persistent=True,
        ),
        Remedy(
            "fewer_blocks",
            "Shorten the retention of blocks on the ingester's disk",
            "9,831 blocks for 120 tenants is 82 a tenant; blocks already shipped need not stay.",
            "cluster",
            "after_recovery",
            6,
        ),
    ]


def _lives() -> list[LifeView]:
    rows = [
        ("1", 19640, "21:59:47.016Z", "21:59:50.949Z", 1, "error exit", 10357, 10353, 4, 7871),
        ("2", 20101, "21:59:56.077Z", "22:00:00.000Z", 2, "Go fatal error", 14624, 10468, 0, 7872),
        ("3", 20656, "22:00:10.372Z", "22:00:13.138Z", 1, "error exit", 10589, 10585, 4, 7873),
        ("4", 21002, "22:00:33.416Z", "22:00:37.693Z", 1, "error exit", 10735, 10731, 4, 7873),
        ("5", 21420, "22:00:58.022Z", "22:01:01.885Z", 1, "error exit", 10843, 10839, 4, 7874),
    ]
    lives = []
    for id_, pid, start, end, code, reason, count, info, error, blocks in rows:
        levels = {"info": info}
        if error:
            levels["error"] = error
        if count - info - error:
            levels["none"] = count - info - error
        lives.append(
            LifeView(
                f"vm:{id_}",
                pid,
                f"2026-11-22T{start}",
                f"2026-11-22T{end}",
                code,
                None,
                reason,
                "failed to start",
                1,
                count,
                levels,
                blocks,
                ["e4" if id_ == "3" else "e5"],
            )
        )
    return lives


def _timeline() -> list[TimelineEntry]:
    out = []
    for life in _lives():
        out.append(TimelineEntry(life.started, "start", 'Starting Cortex version="1.11.1"', ["e5"]))
        out.append(TimelineEntry(life.started, "replay", "Found healthy block", [], life.blocks_opened or 0))
        if life.exit_code == 2:
            text = "fatal error: out of memory allocating heap arena metadata"
        else:
            text = "start-up failed: tenant team-008: mmap: cannot allocate memory"
        out.append(TimelineEntry(life.ended, "failure", text, life.evidence))
        out.append(TimelineEntry(life.ended, "exit", f"exit status {life.exit_code}", []))
    return out


STARTUP_LINE = (
    "level=error ts=2026-11-22T22:00:12.821816517Z caller=ingester_v2.go:1737 "
    'msg="unable to open TSDB" err="failed to open TSDB: /srv/cortex/c1.11.1/data/tsdb/team-008: reloadBlocks: '
    'corrupted block 01M82MBWJQQ2XRZ43N1ZQ58QR2: mmap, size 4783: cannot allocate memory" user=team-008'
)
BANNER = (
    "level=info ts=2026-11-22T21:59:47.016979588Z caller=main.go:193 "
    'msg="Starting Cortex" version="(version=1.11.1, branch=HEAD, revision=d7188d35fd)"'
)


def startup() -> Diagnosis:
    """cortex-startup_logfmt_1.11.1: 16,000 mappings at vm.max_map_count 16000 in life 3 of 5."""
    summary = (
        "vm.max_map_count was reached: pid 20656 held 16,000 mappings at a limit of 16,000, 98 % of them block "
        "files of 93 tenants; 5 of 5 starts failed."
    )
    verdict = Verdict("max_map_count", "confirmed", "many_blocks", summary, "2026-11-22T21:59:50.497Z")
    at = "2026-11-22T22:00:12.900Z"
    mappings = MappingsView(
        16000,
        16000,
        at,
        "vm:3",
        20656,
        True,
        "maps",
        [
            KindCount("index", 7874, 87695360),
            KindCount("chunks", 7874, 32251904),
            KindCount("chunks_head", 186, 3694592),
            KindCount("anonymous", 59, 941748224),
            KindCount("binary", 3, 57085952),
            KindCount("special", 4, 167936),
        ],
        [
            TenantCount(name, count, blocks)
            for name, count, blocks in [
                ("acme-067", 224, 111),
                ("acme-027", 222, 110),
                ("customer-113-prod", 222, 110),
                ("100962", 222, 110),
                ("acme-059", 220, 109),
                ("acme-051", 220, 109),
                ("acme-019", 220, 109),
                ("acme-119", 218, 108),
                ("acme-047", 216, 107),
                ("customer-037-prod", 214, 106),
                ("acme-055", 214, 106),
                ("102886", 214, 106),
            ]
        ],
        Need(19934, 20413, "2 x 9,831 blocks + 221 head chunk files + base 51 to 530", 9831, 120, ["e6"]),
        None,
        0,
        0,
        ["e1", "e2"],
    )
    hypotheses = [
        HypothesisView(
            "max_map_count",
            "confirmed",
            "16,000 mappings of pid 20656 at a limit of 16,000, and mmap of a 4,783-byte index file refused",
            Margin(16000, 16000, 1, "mappings", at),
            ["e1", "e2", "e4"],
        ),
        HypothesisView(
            "rlimit_as",
            "ruled_out",
            "Max address space is unlimited",
            Margin(1096332 * KIB, None, 4783, "bytes", at),
            ["e7"],
        ),
        HypothesisView("rlimit_data", "ruled_out", "Max data size is unlimited", None, ["e7"]),
        HypothesisView(
            "overcommit",
            "ruled_out",
            "vm.overcommit_memory is 0 and block files are shared read-only maps, which are not accounted",
            Margin(4750288 * KIB, 12342044 * KIB, None, "bytes", at),
            ["e8"],
        ),
        HypothesisView(
            "system_oom",
            "ruled_out",
            "22.0 GiB of 23.5 GiB available, no kill in the kernel log",
            None,
            ["e3"],
        ),
        HypothesisView(
            "nofile", "ruled_out", "no 'too many open files' in the log; limit 20,000", None, ["e7"]
        ),
        HypothesisView(
            "corruption",
            "ruled_out",
            "errno is ENOMEM, no damaged file; the same data opens elsewhere",
            None,
            ["e4"],
        ),
        HypothesisView("address_space_32bit", "ruled_out", "64-bit process", None, ["e1"]),
        HypothesisView("disk_full", "ruled_out", "no ENOSPC in the log", None, []),
        HypothesisView("threads", "ruled_out", "no failed thread creation", None, []),
        HypothesisView(
            "hugepages", "ruled_out", "the failing size is that of a block's index file", None, ["e4"]
        ),
        HypothesisView(
            "cgroup_oom", "untestable", "no cgroup memory files in the bundle", None, [], ["memory.events"]
        ),
        HypothesisView(
            "kernel_memory", "untestable", "no cgroup memory files in the bundle", None, [], ["memory.stat"]
        ),
    ]
    failures = [
        FailureView(
            "startup open",
            "index",
            "ENOMEM",
            "team-008",
            "vm:3",
            1,
            3,
            1,
            1,
            SizeStats(4783, 4783, 4783),
            "2026-11-22T22:00:12.821Z",
            "2026-11-22T22:00:13.138Z",
            ["e4"],
        ),
        FailureView(
            "startup compaction",
            "index writer",
            "ENOMEM",
            "team-008",
            "vm:1",
            1,
            6,
            2,
            2,
            SizeStats(1550, 1550, 1550),
            "2026-11-22T21:59:50.497Z",
            "2026-11-22T22:00:37.692Z",
            ["e9"],
        ),
        FailureView(
            "go runtime",
            None,
            "ENOMEM",
            None,
            "vm:2",
            1,
            1,
            1,
            1,
            SizeStats(),
            None,
            None,
            ["e10"],
        ),
        FailureView(
            "startup open",
            "index",
            "ENOMEM",
            "team-008",
            "vm:5",
            1,
            3,
            1,
            1,
            SizeStats(4783, 4783, 4783),
            "2026-11-22T22:01:01.547Z",
            "2026-11-22T22:01:01.884Z",
            ["e11"],
        ),
    ]
    report = subject(
        "vm:cortex",
        verdict,
        product="cortex",
        version="1.11.1",
        host="vm",
        pid=20656,
        questions=[
            _free_memory(
                24684092,
                23091408,
                at,
                "e3",
                "22.0 GiB of 23.5 GiB were available on the host; no cgroup limit in the bundle.",
            ),
            Question(
                "map_limit",
                "yes",
                "16,000 mappings (16,001 lines without [vsyscall]) at vm.max_map_count 16,000, in the failing life.",
                [
                    NamedFact("map_count", "present", 16000, "mappings", at, ["e1"]),
                    NamedFact("vm.max_map_count", "present", 16000, "mappings", at, ["e2"]),
                ],
                ["e1", "e2"],
            ),
        ],
        hypotheses=hypotheses,
        failures=failures,
        mappings=mappings,
        recommended=Recommended(262144, 1048576),
        lives=_lives(),
        snapshots=[
            SnapshotView(None, 20656, ["vm:3"], "blocks opened", "proc/20656/maps", 16000),
            SnapshotView(None, 20656, ["vm:3"], "series", "series/first/proc/20656/maps", 8, "just started"),
            SnapshotView(None, 20656, ["vm:3"], "series", "series/prev-4/proc/20656/maps", 7209),
            SnapshotView(
                None, 20656, ["vm:3"], "series", "series/last/proc/20656/maps", 397, "after the roll-back"
            ),
        ],
        timeline=_timeline(),
        chain=[
            ChainLink(
                "2026-11-22T21:59:50.497Z", "max_map_count", "mmap refused with ENOMEM at 16,000 mappings"
            ),
            ChainLink(
                "2026-11-22T21:59:50.949Z",
                "max_map_count",
                "start-up fails, all blocks are unmapped, the process exits",
            ),
            ChainLink(
                "2026-11-22T21:59:56.077Z",
                "max_map_count",
                "restart: the same blocks are opened, the same limit is met",
            ),
        ],
        remedies=_raise_map_limit(262144, 1048576),
        blast_radius=BlastRadius(None, None, 1, "The replication factor is not in the bundle."),
        ask=[
            Ask(
                "replication",
                "the replication factor and how many ingesters are down",
                "It decides whether writes or samples are lost.",
                "kubectl get pods -l name=ingester -o wide",
                [],
            )
        ],
    )
    evidence = [
        EvidenceView(
            "e1",
            "7fb79a2c4000-7fb79a2c6000 r--s 00000000 fe:00 918 /srv/cortex/c1.11.1/data/tsdb/acme-067/01M82M24C66EYJY2QV1G5JWT4D/index",
            "proc/20656/maps",
            16001,
            None,
        ),
        EvidenceView("e2", "16000", "proc/sys/vm/max_map_count", 1, None),
        EvidenceView("e3", "MemAvailable:   23091408 kB", "proc/meminfo", 3, None),
        EvidenceView("e4", STARTUP_LINE, LOG, 35563, "2026-11-22T22:00:12.821Z"),
        EvidenceView("e5", BANNER, LOG, 1, "2026-11-22T21:59:47.016Z"),
        EvidenceView(
            "e6",
            "18687 /srv/cortex/c1.11.1/data/tsdb/acme-103/01M82M24C66EYJY2QV1G5JWT4D/index",
            "sos_commands/filesys/find_data",
            8,
            None,
        ),
        EvidenceView(
            "e7",
            "Max address space         unlimited            unlimited            bytes",
            "proc/20656/limits",
            11,
            None,
        ),
        EvidenceView("e8", "vm.overcommit_memory = 0", "sos_commands/kernel/sysctl_-a", 1289, None),
        EvidenceView(
            "e9",
            'level=error ts=2026-11-22T21:59:50.497906575Z caller=ingester_v2.go:1737 msg="unable to open TSDB" err="failed to compact TSDB: /srv/cortex/c1.11.1/data/tsdb/team-008: compact head: persist head block: mmap, size 1550: cannot allocate memory" user=team-008',
            LOG,
            10350,
            "2026-11-22T21:59:50.497Z",
        ),
        EvidenceView(
            "e10",
            "fatal error: out of memory allocating heap arena metadata\n\nruntime stack:\nruntime.throw({0x2447d34?, 0x0?})\n\t/usr/lib/go-1.19/src/runtime/panic.go:1047 +0x5d",
            LOG,
            20826,
            None,
        ),
        EvidenceView(
            "e11",
            'level=error ts=2026-11-22T22:01:01.547425921Z caller=ingester_v2.go:1737 msg="unable to open TSDB" err="failed to open TSDB: /srv/cortex/c1.11.1/data/tsdb/team-008: reloadBlocks: corrupted block 01M82MD16EK7KVQMF5HRKCWBVW: mmap, size 4783: cannot allocate memory" user=team-008',
            LOG,
            57141,
            "2026-11-22T22:01:01.547Z",
        ),
    ]
    return diagnosis(
        1,
        BundleInfo(
            "cortex-startup_logfmt_1.11.1.tar.gz",
            "60b957511c49859a99a7ab509e01ba16ea3ed28c6825d2b222d1e82da8319a4c",
            "sos",
            2003287,
            "2026-11-22T22:01:02Z",
            TimeRange("2026-11-22T21:59:47.016Z", "2026-11-22T22:01:01.885Z"),
        ),
        [report],
        evidence=evidence,
        coverage=CoverageView(
            87,
            71,
            [Skipped("proc/buddyinfo", "no parser needs it"), Skipped("proc/vmstat", "no parser needs it")],
            [],
            17856853,
            [],
            57148,
            57148,
        ),
        signature="startup open:index:ENOMEM",
    )


def fixed() -> Diagnosis:
    """The same ingester after the fix: limit 262144, all blocks open, clean exit."""
    before = startup()
    report = before.subjects[0]
    report.verdict = Verdict(
        "none", "healthy", None, "No failure seen: 19,951 mappings of 262,144 (7 %), ready after 11 s."
    )
    mappings = report.mappings
    assert mappings is not None
    mappings.count, mappings.limit, mappings.life, mappings.pid = 19951, 262144, "vm:6", 22011
    mappings.at = "2026-11-23T22:10:00Z"
    mappings.growth_per_hour = 12.5
    mappings.need = Need(
        20234, 20713, "2 x 9,981 blocks + 221 head chunk files + base 51 to 530", 9981, 120, []
    )
    report.questions = [
        _free_memory(24684092, 20226144, "2026-11-23T22:10:00Z", "e3", "19.3 GiB of 23.5 GiB available."),
        Question(
            "map_limit",
            "no",
            "19,951 mappings of 262,144.",
            [
                NamedFact("map_count", "present", 19951, "mappings"),
                NamedFact("vm.max_map_count", "present", 262144, "mappings"),
            ],
        ),
    ]
    report.failures, report.remedies, report.ask, report.chain, report.timeline = [], [], [], [], []
    report.hypotheses, report.recommended = [], Recommended()
    report.lives = [
        LifeView(
            "vm:6",
            22011,
            "2026-11-23T22:04:16.394Z",
            None,
            None,
            None,
            None,
            "ready",
            2,
            11021,
            {"info": 11021},
            9981,
        )
    ]
    report.pid, report.version, report.snapshots = 22011, "1.13.1", []
    info = BundleInfo(
        "after.tar.gz",
        "ab" * 32,
        "sos",
        529475,
        "2026-11-23T22:10:30Z",
        TimeRange("2026-11-23T22:04:16.394Z", "2026-11-23T22:10:00Z"),
    )
    return diagnosis(
        0,
        info,
        [report],
        evidence=before.evidence[:3],
        coverage=CoverageView(87, 71, [], [], 9000000, [], 11021, 11021),
    )


def rlimit_as() -> Diagnosis:
    """c02-rlimit_as: VmSize 8095956 kB + 512 MiB over an address space limit of 8 GiB."""
    summary = "RLIMIT_AS was reached: VmSize 7.7 GiB and a mapping of 512 MiB exceed the limit of 8 GiB."
    at = "2026-11-22T21:43:57.546Z"
    log = "var/log/app/prometheus.log"
    used, limit, asked = 8095956 * KIB, 8589934592, 536870912
    report = subject(
        "vm:prometheus",
        Verdict("rlimit_as", "confirmed", None, summary, at),
        product="prometheus",
        version="2.42.0+ds",
        host="vm",
        pid=797,
        questions=[
            _free_memory(24684092, 23839320, at, "e3", "22.7 GiB of 23.5 GiB were available on the host."),
            Question(
                "map_limit",
                "no",
                "95 mappings of 65,530 in the failing life.",
                [NamedFact("vm.max_map_count", "present", 65530, "mappings")],
                ["e4"],
            ),
        ],
        hypotheses=[
            HypothesisView(
                "max_map_count",
                "ruled_out",
                "95 mappings of 65,530",
                Margin(95, 65530, 1, "mappings", at),
                ["e4"],
            ),
            HypothesisView(
                "rlimit_as",
                "confirmed",
                "VmSize + the mapping asked for exceed Max address space",
                Margin(used, limit, asked, "bytes", at),
                ["e2", "e5", "e1"],
            ),
            HypothesisView("cgroup_oom", "untestable", "no cgroup files", None, [], ["memory.events"]),
        ],
        failures=[
            FailureView(
                "startup open",
                "chunks",
                "ENOMEM",
                None,
                "vm:1",
                1,
                1,
                1,
                27,
                SizeStats(asked, asked, asked),
                at,
                at,
                ["e1"],
                [],
                27,
            )
        ],
        mappings=MappingsView(
            95,
            65530,
            at,
            "vm:1",
            797,
            True,
            "maps",
            [
                KindCount("anonymous", 48, 1258496000),
                KindCount("binary", 16, 52084736),
                KindCount("chunks", 13, 6979321856),
                KindCount("index", 13, 53248),
                KindCount("special", 5, 167936),
            ],
        ),
        recommended=Recommended(None, None),
        lives=[
            LifeView(
                "vm:1",
                797,
                "2026-11-22T21:43:57.287Z",
                at,
                1,
                None,
                "error exit",
                "failed to start",
                1,
                61,
                {"info": 60, "error": 1},
                40,
                ["e1"],
            )
        ],
        timeline=[
            TimelineEntry("2026-11-22T21:43:57.287Z", "start", "Starting Prometheus Server"),
            TimelineEntry(at, "failure", "opening storage failed: 27 errors: mmap, size 536870912", ["e1"]),
        ],
        remedies=[
            Remedy(
                "lift",
                "Lift the address space limit (ulimit -v) of the process",
                "It caps mapped files, not memory in use.",
                "process",
                "now",
                1,
                ["prlimit --pid 797 --as=unlimited:unlimited"],
            ),
            Remedy(
                "unit",
                "Set LimitAS=infinity in the unit",
                "The limit comes back with the next start.",
                "process",
                "now",
                2,
                ["systemctl edit prometheus.service"],
                persistent=True,
            ),
        ],
    )
    evidence = [
        EvidenceView(
            "e1",
            'ts=2026-11-22T21:43:57.546Z caller=main.go:1127 level=error err="opening storage failed: reloadBlocks: 27 errors: '
            "corrupted block 01M82KEG8PVBA2ZECF0AJ90C43: mmap files: mmap, size 536870912: cannot allocate memory; "
            'corrupted block 01M82KEG9NDRYZ5C5NT549JFC7: mmap files: mmap, size 536870912: cannot allocate memory"',
            log,
            61,
            at,
        ),
        EvidenceView(
            "e2",
            "Max address space         8589934592           8589934592           bytes",
            "proc/797/limits",
            11,
            None,
        ),
        EvidenceView("e3", "MemAvailable:   23839320 kB", "proc/meminfo", 3, None),
        EvidenceView(
            "e4",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
            "proc/797/maps",
            96,
            None,
        ),
        EvidenceView("e5", "VmSize:\t 8095956 kB", "proc/797/status", 18, None),
    ]
    info = BundleInfo(
        "c02-rlimit_as.tar.gz",
        "3e476036025255fc459cb347b17e8730721b29e3911896f7bc4ad6a385309889",
        "sos",
        31174,
        "2026-11-22T21:43:57Z",
        TimeRange("2026-11-22T21:43:57.287Z", at),
    )
    return diagnosis(
        1,
        info,
        [report],
        evidence=evidence,
        coverage=CoverageView(36, 30, [], [], 412000, ["memory.events"], 61, 61),
    )


def projected() -> Diagnosis:
    """t01-sampled-early: 574 mappings seen, 800 block files against a limit of 845, so an estimate."""
    at = "2026-11-22T22:05:06.351Z"
    summary = "vm.max_map_count (845) was most likely reached: the 400 blocks need at least 862 mappings."
    report = subject(
        "vm:prometheus",
        Verdict("max_map_count", "likely", "many_blocks", summary, at),
        product="prometheus",
        version="2.42.0+ds",
        host="vm",
        pid=25161,
        questions=[
            _free_memory(24684092, 20218964, at, "e3", "19.3 GiB of 23.5 GiB were available."),
            Question(
                "map_limit",
                "yes",
                "by estimate: the data directory needs 862 to 875 mappings, the limit is 845; the snapshot (574) is of an earlier moment.",
                [],
                ["e2", "e4"],
            ),
        ],
        hypotheses=[
            HypothesisView(
                "max_map_count",
                "likely",
                "the low end of the need, 862, exceeds the limit, 845, and mmap of 598 bytes was refused",
                Margin(862, 845, 1, "mappings", at),
                ["e4", "e2", "e1"],
                ["maps of the failing moment"],
            ),
            HypothesisView("rlimit_as", "ruled_out", "Max address space is unlimited", None, ["e5"]),
            HypothesisView(
                "kernel_memory", "possible", "no cgroup files: kernel memory cannot be excluded", None, []
            ),
        ],
        mappings=MappingsView(
            574,
            845,
            "2026-11-22T22:05:05.900Z",
            "vm:1",
            25161,
            True,
            "maps",
            [
                KindCount("index", 250),
                KindCount("chunks", 250),
                KindCount("anonymous", 53),
                KindCount("other", 21),
            ],
            [],
            Need(862, 875, "2 x 400 blocks + base 62 to 75", 400, 1, ["e4"]),
        ),
        failures=[
            FailureView(
                "startup open",
                "index",
                "ENOMEM",
                None,
                "vm:1",
                1,
                1,
                1,
                15,
                SizeStats(598, 598, 598),
                at,
                at,
                ["e1"],
            )
        ],
        lives=[
            LifeView(
                "vm:1",
                25161,
                "2026-11-22T22:05:04.850Z",
                at,
                1,
                None,
                None,
                "failed to start",
                1,
                422,
                {"info": 420, "error": 1, "none": 1},
            )
        ],
        recommended=Recommended(65530, 8192),
        remedies=_raise_map_limit(65530, 8192),
        ask=[
            Ask(
                "maps",
                "the mappings of the process while it starts",
                "A count at the limit turns likely into confirmed.",
                "while sleep 0.1; do grep -vc vsyscall /proc/$(pgrep -o prometheus)/maps; done",
                ["max_map_count", "kernel_memory"],
            )
        ],
    )
    evidence = [
        EvidenceView(
            "e1",
            'ts=2026-11-22T22:05:06.351Z caller=main.go:1127 level=error err="opening storage failed: reloadBlocks: 15 errors: '
            "corrupted block 01M82K61V50J96M3XXFP85RRYC: mmap, size 598: cannot allocate memory; "
            'corrupted block 01M82K6214PPPA4RKV6YCQEERS: mmap, size 598: cannot allocate memory"',
            "var/log/app/prometheus.log",
            421,
            at,
        ),
        EvidenceView("e2", "vm.max_map_count = 845", "sos_commands/kernel/sysctl_-a", 1273, None),
        EvidenceView("e3", "MemAvailable:   20218964 kB", "proc/meminfo", 3, None),
        EvidenceView("e4", "/srv/prometheus/d1:", "sos_commands/filesys/ls_-lanR_data", 1, None),
        EvidenceView(
            "e5",
            "Max address space         unlimited            unlimited            bytes",
            "proc/25161/limits",
            11,
            None,
        ),
    ]
    info = BundleInfo(
        "t01-sampled-early.tar.gz",
        "26805296057d9aab0163a13791ed489d02260c8fa0ed35bff4d31fbcecf28b84",
        "sos",
        83207,
        "2026-11-22T22:05:06Z",
        TimeRange("2026-11-22T22:05:04.850Z", at),
    )
    return diagnosis(
        1, info, [report], evidence=evidence, coverage=CoverageView(38, 31, [], [], 900000, [], 422, 422)
    )


def undecided() -> Diagnosis:
    """c08-hugetlb-none: one mmap of 2 MiB refused, nothing in the bundle at its limit; three asks."""
    summary = "A mapping of 2 MiB was refused with ENOMEM; no limit in the bundle was reached, so the cause is open."
    report = subject(
        "vm:29213",
        Verdict("undetermined", "undetermined", None, summary, None),
        host="vm",
        pid=29213,
        questions=[
            _free_memory(
                24684092, 23297656, "2026-11-22T22:09:32Z", "e2", "22.2 GiB of 23.5 GiB were available."
            ),
            Question("map_limit", "no", "128 mappings of 65,530.", [], ["e3"]),
        ],
        hypotheses=[
            HypothesisView(
                "hugepages",
                "possible",
                "the size is a multiple of 2 MiB and no huge page is free",
                None,
                ["e1"],
                ["strace"],
            ),
            HypothesisView(
                "max_map_count",
                "ruled_out",
                "128 mappings of 65,530",
                Margin(128, 65530, 1, "mappings", None),
                ["e3"],
            ),
            HypothesisView("rlimit_as", "ruled_out", "unlimited", None, []),
            HypothesisView("cgroup_oom", "untestable", "no cgroup files", None, [], ["memory.events"]),
        ],
        mappings=MappingsView(
            128,
            65530,
            "2026-11-22T22:09:32Z",
            "vm:1",
            29213,
            True,
            "maps",
            [KindCount("anonymous", 30), KindCount("other", 98)],
        ),
        failures=[
            FailureView(
                "unknown",
                None,
                "ENOMEM",
                None,
                "vm:1",
                1,
                1,
                1,
                1,
                SizeStats(2097152, 2097152, 2097152),
                None,
                None,
                ["e1"],
            )
        ],
        lives=[LifeView("vm:1", 29213, None, None, 1, None, None, "failed", 1, 3, {"none": 3})],
        ask=[
            Ask(
                "strace",
                "the flags of the failing mmap",
                "MAP_HUGETLB in the flags names the cause.",
                "strace -f -e trace=mmap,mprotect,madvise -p PID",
                ["hugepages"],
            ),
            Ask(
                "cgroup",
                "the memory files of the cgroup",
                "oom > 0 with oom_kill 0 would be kernel memory.",
                "kubectl debug node/NODE -it --image=busybox -- chroot /host sh -c 'cat /sys/fs/cgroup/kubepods.slice/*/memory.events'",
                ["kernel_memory", "cgroup_oom"],
            ),
            Ask(
                "log",
                "the whole log of the failing start",
                "Three lines are too few to name the operation.",
                "kubectl logs --previous POD -c ingester",
                ["max_map_count", "rlimit_as"],
            ),
        ],
    )
    evidence = [
        EvidenceView(
            "e1", 'err="mmap, size 2097152: cannot allocate memory"', "var/log/app/app.log", 3, None
        ),
        EvidenceView("e2", "MemAvailable:   23297656 kB", "proc/meminfo", 3, None),
        EvidenceView("e3", "vm.max_map_count = 65530", "sos_commands/kernel/sysctl_-a", 1273, None),
    ]
    info = BundleInfo(
        "c08-hugetlb-none.tar.gz",
        "97c66d3353841574a76ccca08f3d910cd269e2091987819e02696672c383ffa2",
        "sos",
        26670,
        "2026-11-22T22:09:32Z",
        TimeRange(),
    )
    return diagnosis(
        3,
        info,
        [report],
        evidence=evidence,
        coverage=CoverageView(34, 28, [], [], 300000, ["memory.events", "kernel log of the failure"], 3, 3),
    )


def at_risk() -> Diagnosis:
    """A healthy ingester at 97.2 % of its mapping limit (8,458 lines of maps, limit 8706)."""
    summary = "No failure seen; 8,457 of 8,706 mappings (97.1 %) are in use."
    report = subject(
        "node-3/cortex/ingester-2",
        Verdict("none", "healthy", None, summary),
        product="cortex",
        version="1.21.1",
        node="node-3",
        namespace="cortex",
        pod="ingester-2",
        container="ingester",
        pid=22027,
        questions=[
            _free_memory(
                24684092, 20226144, "2026-11-22T22:06:30Z", "e2", "19.3 GiB of 23.5 GiB were available."
            ),
            Question(
                "map_limit", "no", "8,457 mappings of 8,706, no refused mapping in the log.", [], ["e1"]
            ),
        ],
        mappings=MappingsView(
            8457,
            8706,
            "2026-11-22T22:06:30Z",
            "ingester-2:1",
            22027,
            True,
            "maps",
            [
                KindCount("index", 4133),
                KindCount("chunks", 4133),
                KindCount("chunks_head", 126),
                KindCount("anonymous", 58),
                KindCount("special", 7),
            ],
            [],
            None,
            3.2,
            0,
            0,
            ["e1"],
        ),
        recommended=Recommended(65530, 65536),
        remedies=_raise_map_limit(65530, 65536)[2:],
        lives=[
            LifeView(
                "ingester-2:1",
                22027,
                "2026-11-22T22:04:16.394Z",
                "2026-11-22T22:07:01Z",
                0,
                None,
                None,
                "clean exit",
                1,
                9120,
                {"info": 9110, "warn": 10},
                4133,
            )
        ],
    )
    return diagnosis(
        0,
        BundleInfo(
            "support-bundle.tar.gz",
            "cd" * 32,
            "pods",
            640000,
            "2026-11-22T22:07:30Z",
            TimeRange("2026-11-22T22:04:16.394Z", "2026-11-22T22:07:01Z"),
        ),
        [report],
        evidence=[
            EvidenceView("e1", "8706", "proc/sys/vm/max_map_count", 1, None),
            EvidenceView("e2", "MemAvailable:   20226144 kB", "proc/meminfo", 3, None),
        ],
        risks=[
            Risk(
                "node-3/cortex/ingester-2",
                "vm.max_map_count",
                8457,
                8457 / 8706,
                "8,457 of 8,706 mappings: 249 left.",
            )
        ],
        coverage=CoverageView(41, 36, [], [], 2100000, [], 9120, 9120),
    )


def several() -> Diagnosis:
    """Three ingesters of one cluster in one bundle: one failing, one undecided, one at risk."""
    worst, open_case, healthy = startup(), undecided(), at_risk()
    evidence = list(worst.evidence)
    for number, other in enumerate((open_case, healthy), 1):
        _rename_evidence(other, f"s{number}")
        evidence += other.evidence
    return diagnosis(
        1,
        worst.bundle,
        [worst.subjects[0], open_case.subjects[0], healthy.subjects[0]],
        evidence=evidence,
        risks=healthy.risks,
        coverage=CoverageView(
            163,
            120,
            [
                Skipped("core.20656", "binary"),
                Skipped("var/log/journal/system.journal", "binary journal, no text form in the bundle"),
            ],
            ["var/log/cortex/ingester-2.log"],
            21_000_000,
            ["kubectl get events"],
            66271,
            66270,
            1,
            ["var/log/containers/ingester-1.log"],
        ),
        warnings=["The archive ends early: 163 members were readable, more may have been in it."],
        signature="startup open:index:ENOMEM",
    )


def _rename_evidence(other: Diagnosis, prefix: str) -> None:
    for item in other.evidence:
        item.id = prefix + item.id
    report = other.subjects[0]
    holders = [*report.questions, *report.hypotheses, *report.failures, *report.lives, *report.timeline]
    for holder in holders:
        holder.evidence = [prefix + name for name in holder.evidence]
    for asked in report.questions:
        for fact in asked.facts:
            fact.evidence = [prefix + name for name in fact.evidence]
    if report.mappings:
        report.mappings.evidence = [prefix + name for name in report.mappings.evidence]


EVIL = (
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07 <script>alert(1)</script><img src=x onerror=alert(2)> | `tick` ```fence``` "
    "**bold** [link](javascript:alert(3)) \x00nul \u202egnp.exe \u2066iso\u2069 \x9b31mC1 {{ 7*7 }} {% raw %} $\\frac{1}{0}$ "
    "@channel #1 <!-- c --> &lt; ~~~ \u2028sep \ud800lone"
)


def hostile() -> Diagnosis:
    """Every text of the startup case made of what must not act in any face; one quoted line of 100 KB."""
    found = startup()
    report = found.subjects[0]
    found.bundle.name = f"b{EVIL}.tar.gz"
    found.verdict.summary = report.verdict.summary = f"limit reached {EVIL}"
    found.warnings = [EVIL, "\n\n# heading\n- item"]
    found.evidence[0].text = EVIL * 300
    found.evidence[3].text = EVIL
    found.evidence[3].member = f"var/log/{EVIL}.log"
    found.evidence[4].text = "A" * 100_000
    found.coverage.members_skipped = [Skipped(EVIL, EVIL)]
    found.coverage.truncated = [EVIL]
    found.coverage.missing = [EVIL]
    found.risks = [Risk(report.id, EVIL, 9, 0.9, EVIL)]
    report.host = report.pod = report.namespace = EVIL
    assert report.mappings is not None
    report.mappings.by_tenant[0].tenant = EVIL
    report.mappings.by_tenant[1].tenant = "$x$ $\\frac$"
    report.mappings.by_kind[5].kind = EVIL
    report.failures[0].tenant = EVIL
    report.timeline[2].text = EVIL
    report.chain[0].text = EVIL
    report.lives[0].reason = EVIL
    report.lives[0].levels[EVIL] = 7
    report.hypotheses[1].why = EVIL
    report.questions[0].why = EVIL
    report.questions[0].facts.append(NamedFact(EVIL, "present", EVIL, EVIL))
    report.remedies[2].title = EVIL
    report.remedies[2].commands = [f"echo {EVIL}"]
    report.ask[0].command = EVIL
    return found


def empty() -> Diagnosis:
    """An archive with no ingester log in it."""
    return diagnosis(
        3,
        BundleInfo("empty.tar.gz", None, "unknown", None, None, TimeRange()),
        [],
        coverage=CoverageView(
            2, 0, [Skipped("a.bin", "binary"), Skipped("b.bin", "binary")], [], 0, ["a log of an ingester"]
        ),
        warnings=["No member of this bundle is a log or a snapshot that is known."],
    )


ALL = {
    "startup": startup,
    "fixed": fixed,
    "rlimit_as": rlimit_as,
    "projected": projected,
    "undecided": undecided,
    "at_risk": at_risk,
    "several": several,
    "hostile": hostile,
    "empty": empty,
}
