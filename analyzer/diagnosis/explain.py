"""What each cause is, how it shows, how it is told from its rivals, how it is fixed.

The texts of ``analyze explain`` and of docs/causes.md; facts from measurements of the kernel (6.1 and
6.18) and of real Cortex ingesters.
"""

from __future__ import annotations

from msgspec import Struct

from analyzer.errors import AnalyzerError


class Explanation(Struct, frozen=True):
    """One cause in four paragraphs."""

    cause: str
    what: str
    shows: str
    told_apart: str
    fix: str


def explanation(cause: str) -> Explanation:
    """The explanation of a cause. Raises AnalyzerError for a name that is none."""
    for item in EXPLANATIONS:
        if item.cause == cause:
            return item
    names = ", ".join(item.cause for item in EXPLANATIONS)
    raise AnalyzerError(f"no cause is called {cause!r}; known are: {names}")


def text(item: Explanation) -> str:
    """The explanation as plain text."""
    return (
        f"{item.cause}\n\n  What it is    {item.what}\n\n  How it shows  {item.shows}\n\n"
        f"  Told apart    {item.told_apart}\n\n  Fix           {item.fix}\n"
    )


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "max_map_count",
        "The kernel limits the mappings of each process to vm.max_map_count (65,530 by default). Each open block is two mappings, each head chunk file one.",
        '"mmap, size N: cannot allocate memory" at start or in compactions, with any size, however small; or a Go fatal error "out of memory" with gigabytes free; or pthread_create "Resource temporarily unavailable"; or SIGSEGV at 0xf1 in sysMunmap. The kernel log is silent.',
        "A snapshot of the failing process with N or N+1 mappings (lines of maps without [vsyscall]) shows it. Below N a count neither convicts nor acquits: the peak lasts 0.2 to 0.5 s. The blocks in the data directory tell what a start needs. RLIMIT_AS prints the same words, but only large sizes fail and Max address space is finite.",
        "Raise vm.max_map_count on the node (a pod cannot), and the open files with it. Delete nothing: the data is intact.",
    ),
    Explanation(
        "rlimit_as",
        "RLIMIT_AS (ulimit -v) limits the address space of the process, used or only reserved.",
        "The same words as the map limit. Large sizes fail first (chunk segments, 128 MiB head chunk files).",
        "Max address space in /proc/PID/limits is finite and VmPeak plus the failing size exceeds it. Prometheus prints vm_limits at start.",
        "Lift the limit (LimitAS=infinity, no ulimit -v). Virtual size is not memory use.",
    ),
    Explanation(
        "rlimit_data",
        "RLIMIT_DATA limits private writable memory: heap and thread stacks.",
        "pthread_create failed or Go out of memory; never a block's mapping.",
        "Max data size is finite and VmData plus the request exceeds it. The kernel says so once per boot, perhaps for another pid.",
        "Lift the limit (LimitDATA=infinity).",
    ),
    Explanation(
        "rlimit_memlock",
        "After mlockall(MCL_FUTURE) each mapping is locked and counts against RLIMIT_MEMLOCK.",
        '"mmap, size N: resource temporarily unavailable", Go "returned 0x0, 11".',
        "EAGAIN on mmap, VmLck near Max locked memory. The default limit of 8 MiB is harmless while VmLck is 0.",
        "Do not lock memory, or lift the limit (LimitMEMLOCK=infinity).",
    ),
    Explanation(
        "address_space_32bit",
        "A 32-bit process has 2 to 4 GiB of addresses, whatever the machine has.",
        "Large mappings fail (128 MiB head chunk files). uname may say x86_64 or aarch64.",
        "Addresses in maps below 2^32, the banner's platform (386, arm) or its warning. The largest hole decides, not the sum.",
        "Run a 64-bit build; the data can be kept.",
    ),
    Explanation(
        "overcommit",
        "With vm.overcommit_memory=2 the kernel refuses what exceeds CommitLimit; with 0 it refuses one request larger than RAM and swap.",
        "Go out of memory, pthread_create failed. Never a block's mapping: shared read-only file mappings are not charged.",
        "Committed_AS plus the request exceeds CommitLimit. Free memory says nothing; another process may hold the commit. The kernel log has __vm_enough_memory.",
        "Raise the commit limit or use mode 0.",
    ),
    Explanation(
        "cgroup_oom",
        "The cgroup's memory limit was met and the kernel killed the process.",
        "The log just stops; exit code 137. No line says why.",
        "OOMKilled in the pod's state, or a kernel line that names pid or cgroup. Exit 137 alone proves only SIGKILL: probes and grace periods kill the same way.",
        "Raise the pod's memory limit; a WAL replay needs more than the steady state.",
    ),
    Explanation(
        "system_oom",
        "The whole machine ran out of memory and the kernel killed the process.",
        "The log just stops; exit code 137.",
        'A kernel line "Out of memory: Killed process" with the pid. Memory seen after the death rules nothing out.',
        "Give the node memory, set requests so that it is not overfilled.",
    ),
    Explanation(
        "hugepages",
        "MAP_HUGETLB was asked for and no huge pages are free.",
        "mmap fails with ENOMEM for multiples of the huge page size.",
        "The flags are not logged, so a bundle never shows more than that it is possible. HugePages_Total 0 is normal everywhere.",
        "Reserve huge pages or stop asking for them.",
    ),
    Explanation(
        "threads",
        "A limit of tasks: pids.max of the cgroup, RLIMIT_NPROC, TasksMax, kernel.threads-max.",
        "pthread_create failed: Resource temporarily unavailable; failed to create new OS thread (errno=11).",
        "pids.events counts refused forks, the kernel log names the cgroup. The same line comes from the map limit, RLIMIT_DATA and the commit limit.",
        "Raise the limit, then find out what blocks: Go adds a thread for each blocked system call.",
    ),
    Explanation(
        "nofile",
        "RLIMIT_NOFILE (or fs.file-max for ENFILE). Each mapped file keeps a descriptor.",
        '"too many open files", often as "try lock file: open ...".',
        "The errno decides. limits.conf does not apply to services: read /proc/PID/limits. With inotify the same words mean inotify instances.",
        "Raise LimitNOFILE, and vm.max_map_count with it.",
    ),
    Explanation(
        "inotify",
        "The user's inotify instances or watches are used up, over all containers of the node.",
        '"too many open files" or "no space left on device" where a file watcher is created.',
        "The operation is a watcher; disk and open files have room.",
        "Raise fs.inotify.max_user_instances and max_user_watches on the node.",
    ),
    Explanation(
        "disk_full",
        "No space, no inodes or a quota on the data volume.",
        '"no space left on device" from write, preallocate or truncate; SIGBUS on a mapped file.',
        "A failed preallocation is rolled back, so df of a later moment proves nothing against it. From inotify_add_watch it is inotify.",
        "Grow the volume; then retention and shipping.",
    ),
    Explanation(
        "corruption",
        "Damaged or empty files: blocks, WAL segments, head chunk files.",
        '"mmap, size 0: invalid argument", invalid magic number, unexpected checksum, the same tenant at each start.',
        'The words "corrupted block" mean nothing: any failed open prints them. A listing with the 0-byte file shows it.',
        "Move the named file or block aside, never delete; look for the reason (full disk, crash of the node).",
    ),
    Explanation(
        "kernel_memory",
        "Kernel or slab memory is exhausted; each mapping costs about 160 bytes of it, charged to the cgroup.",
        "mmap fails with ENOMEM although the map limit is not met and nothing is killed.",
        "memory.events counts oom without oom_kill; memory.kmem.failcnt; known kernels (3.10 kmem).",
        "Raise the pod's memory limit or lift the kmem limit; upgrade the kernel.",
    ),
    Explanation(
        "none",
        "No failure was seen.",
        "Exit status 0 when the log was read whole (healthy), 3 when it was not or none was found.",
        "Look at risks: a healthy ingester near a limit.",
        "Nothing to fix.",
    ),
    Explanation(
        "undetermined",
        "A failure was seen and the bundle cannot decide.",
        "Exit status 3, with the facts to ask for, ranked by what they would decide.",
        "Each hypothesis says which fact it lacks.",
        "Collect what is asked for: analyze collect prints the script.",
    ),
)
