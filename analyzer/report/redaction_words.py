"""What redaction may leave as it is: words of the kernel, of the products and of collectors.

Everything else in a path is taken for a customer's own name. A word here never identifies anyone.
"""

from __future__ import annotations

# fmt: off
PRODUCTS = frozenset(
    {
        "alertmanager", "busybox", "compactor", "cortex", "distributor", "gossip", "grafana", "ingester",
        "ingesters", "loki", "memberlist", "mimir", "opensearch", "prometheus", "querier", "query",
        "query-frontend", "receive", "receiver", "ring", "ruler", "sidecar", "store", "store-gateway",
        "storegateway", "thanos", "tsdb",
    }
)

TSDB = frozenset(
    {
        "block", "blocks", "bucket-index.json.gz", "checkpoint", "chunks", "chunks_head", "chunks_snapshot",
        "data", "deletion-mark.json", "index", "lock", "markers", "meta.json", "no-compact-mark.json",
        "out_of_order_chunks", "queries.active", "thanos", "thanos.shipper.json", "tombstones", "tsdb",
        "wal", "wbl",
    }
)

SYSTEM = frozenset(
    {
        "a2", "a2_after", "app", "apps", "bash", "besteffort", "bin", "boot", "buddyinfo", "burstable",
        "cgroup", "cmdline", "conf", "conf.d", "config", "config.yaml", "config.yml", "containerd",
        "containers", "crio", "current", "date", "dev", "disk", "dmesg", "docker", "env", "etc", "filesys",
        "first", "fs", "fstab", "general", "home", "host", "hostname", "hosts", "init.scope", "journal",
        "kern.log", "kernel", "kubelet", "kubepods", "kubepods-besteffort.slice",
        "kubepods-burstable.slice", "kubepods.slice", "kubernetes.io~csi", "kubernetes.io~empty-dir",
        "kubernetes.io~projected", "last", "lib", "lib64", "libexec", "limits", "limits.conf", "limits.d",
        "local", "log", "logs", "machine-id", "maps", "max_map_count", "meminfo", "memory", "messages",
        "mnt", "mount", "mtab", "net", "null", "numa_maps", "opt", "os-release", "overcommit_memory",
        "overcommit_ratio", "overlay", "overlay2", "passwd", "persistent", "podman", "pods", "prev",
        "previous", "proc", "process", "pvc", "resolv.conf", "root", "run", "sbin", "security", "self",
        "series", "service", "sh", "share", "shm", "slabinfo", "smaps", "snapshots", "srv", "stat",
        "status", "storage", "sys", "sysctl.conf", "sysctl.d", "syslog", "system", "system.slice",
        "systemd", "task", "tasks", "thread-self", "tmp", "unified", "user", "user.slice", "usr", "var",
        "vm", "vmstat", "volumes", "zero",
    }
)

COLLECTED = frozenset(
    {
        "analysis.json", "capture_errors.txt", "cluster-info", "cluster-resources",
        "cluster-scoped-resources", "core", "current.log", "default", "describe", "df", "err", "events",
        "exe.txt", "fd_count.txt", "find_data", "free", "get", "host-collectors", "hostname", "json",
        "kube-system", "ls", "ls_-lanR_data", "lsof", "manifest.json", "must-gather", "namespaces", "nodes",
        "numa", "out", "pmap", "pod", "pods", "previous.log", "prlimit", "ps", "ps_pid", "rotated",
        "sos_commands", "sos_logs", "sos_reports", "sos_strings", "stderr", "stdout", "syscalls",
        "sysctl.txt", "task_count.txt", "txt", "uname", "uptime", "version.txt", "version.yaml", "yaml",
    }
)

SUFFIXES = frozenset(
    {
        "bak", "bz2", "conf", "csv", "db", "err", "go", "gz", "html", "json", "log", "md", "old", "out",
        "pid", "prev", "scope", "service", "slice", "so", "sock", "tailed", "tar", "tgz", "tmp", "txt",
        "xz", "yaml", "yml", "zip", "zst",
    }
)

ENGLISH = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "can", "did", "do", "does", "each", "for", "from",
        "had", "has", "have", "if", "in", "into", "is", "it", "its", "last", "least", "limit", "max", "min",
        "more", "most", "need", "new", "no", "none", "not", "now", "of", "off", "old", "on", "one", "only",
        "or", "other", "out", "over", "per", "read", "seen", "so", "than", "that", "the", "their", "them",
        "then", "there", "this", "to", "too", "two", "under", "until", "up", "use", "used", "was", "were",
        "when", "where", "which", "while", "with", "without", "yes", "you",
    }
)

DOMAIN = frozenset(
    {
        "anonymous", "binary", "block", "bundle", "bytes", "caller", "confirmed", "container", "count",
        "cpu", "day", "days", "debug", "disk", "err", "error", "errors", "exit", "failure", "failures",
        "false", "fatal", "file", "files", "go", "healthy", "heap", "host", "hour", "hours", "info",
        "kernel", "kind", "level", "life", "likely", "limit", "line", "lines", "linux", "lives", "mapping",
        "mappings", "member", "memory", "minute", "msg", "name", "namespace", "node", "null", "open",
        "panic", "path", "pod", "possible", "process", "processes", "runtime", "second", "size", "special",
        "stack", "start", "stop", "subject", "tenant", "tenants", "test", "thread", "threads", "time",
        "true", "type", "undetermined", "unknown", "user", "users", "value", "version", "warn", "warning",
        "zone",
    }
)
# fmt: on

KEEP = PRODUCTS | TSDB | SYSTEM | COLLECTED | ENGLISH | DOMAIN
"""Never taken for a name in running text; in a path kept as a segment."""

PATHS = PRODUCTS | TSDB | SYSTEM | COLLECTED | SUFFIXES
"""Kept as a segment of a path, or as a part of one."""

# fmt: off
PLACEHOLDERS = frozenset(
    {
        "BUNDLE", "CONTAINER", "DATA", "DIR", "FILE", "HOST", "LOG", "NAME", "NAMESPACE", "NODE", "NS",
        "PID", "POD", "TENANT", "UNIT",
    }
)
"""What stands in our own commands for a name that the reader fills in."""

PUBLIC_DOMAINS = frozenset(
    {
        "cortexmetrics.io", "debian.org", "github.com", "go.uber.org", "golang.org", "google.golang.org",
        "gopkg.in", "grafana.com", "k8s.io", "kubernetes.io", "opentelemetry.io", "prometheus.io",
        "thanos.io",
    }
)
"""Domains of the projects themselves, as they stand in Go's package paths."""
# fmt: on

TOP_LEVEL = (
    "local|internal|intranet|intra|svc|lan|corp|home|com|net|org|io|dev|cloud|app|eu|de|uk|fr|nl|ch|at|it|es|se|no|dk"
    "|fi|pl|us|ca|au|jp|cn|in|br|info|biz|ai|tech"
)
