"""The files of fix/: valid, and never lowering a value."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import diagnoses
import pytest
import yaml

from analyzer.diagnosis.model import Diagnosis
from analyzer.report import fixes

PROMTOOL = shutil.which("promtool")
SHELLCHECK = shutil.which("shellcheck")
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    for name, text in fixes.files(diagnoses.startup()).items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_files_only_where_a_limit_is_to_be_raised() -> None:
    assert set(fixes.files(diagnoses.startup())) == {
        fixes.SYSCTL, fixes.SCRIPT, fixes.DAEMONSET, fixes.OVERRIDE, fixes.ALERTS, fixes.README,
    }  # fmt: skip
    for build in (diagnoses.rlimit_as, diagnoses.undecided, diagnoses.empty):
        assert fixes.files(build()) == {}


def test_an_undecided_case_is_not_fixed() -> None:
    found = diagnoses.undecided()
    found.subjects[0].recommended.max_map_count = 262144
    assert fixes.files(found) == {}


def test_every_file_ends_in_a_newline_and_has_no_hole(any_diagnosis: Diagnosis) -> None:
    for text in fixes.files(any_diagnosis).values():
        assert text.endswith("\n")
        assert "<<" not in text
        assert "None" not in text


def test_the_largest_value_of_all_subjects_is_taken() -> None:
    found = diagnoses.several()
    found.subjects[2].recommended.max_map_count = 1048576
    assert "vm.max_map_count = 1048576\n" in fixes.files(found)[fixes.SYSCTL]


def test_the_sysctl_file_sets_one_key(written: Path) -> None:
    lines = [line for line in (written / fixes.SYSCTL).read_text().splitlines() if not line.startswith("#")]
    assert lines == ["vm.max_map_count = 262144"]


def _node(root: Path, running: int, configured: dict[str, str]) -> None:
    (root / "proc/sys/vm").mkdir(parents=True)
    (root / "proc/sys/vm/max_map_count").write_text(f"{running}\n")
    for name, text in configured.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


# Each shell that a node may have as sh.
SHELLS = [shell for shell in (["sh"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(shell[0])]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize(
    ("running", "configured", "after", "persistent"),
    [
        (65530, {}, 262144, 262144),
        (16000, {"etc/sysctl.d/10-low.conf": "vm.max_map_count=16000\n"}, 262144, 262144),
        # Set by hand: what runs is kept, not lowered at the next boot.
        (1048576, {}, 1048576, 1048576),
        (1048576, {"usr/lib/sysctl.d/10-map-count.conf": "vm.max_map_count = 1048576\n"}, 1048576, None),
        # Configured and not yet applied, where only some systems read it.
        (65530, {"etc/sysctl.conf": "-vm/max_map_count = 524288\n"}, 262144, 524288),
        (65530, {"run/sysctl.d/99-zzz.conf": "vm.max_map_count = 524288\n"}, 262144, None),
        # A higher value that a later file takes back is not in force at the next boot.
        (
            65530,
            {
                "usr/lib/sysctl.d/10-map-count.conf": "vm.max_map_count = 1048576\n",
                "etc/sysctl.d/50-tuned.conf": "vm.max_map_count = 65530\n",
            },
            262144,
            262144,
        ),
        # A file of the same name in /etc hides the one in /usr/lib, also where it is empty.
        (
            65530,
            {
                "usr/lib/sysctl.d/10-map-count.conf": "vm.max_map_count = 1048576\n",
                "etc/sysctl.d/10-map-count.conf": "",
            },
            262144,
            262144,
        ),
        (65530, {"etc/sysctl.d/10 with blanks.conf": "vm.max_map_count = 1048576\n"}, 262144, None),
        (65530, {"etc/sysctl.d/20.conf": "#vm.max_map_count = 1048576\n"}, 262144, 262144),
    ],
)
def test_the_script_only_raises(
    written: Path,
    tmp_path: Path,
    shell: list[str],
    running: int,
    configured: dict[str, str],
    after: int,
    persistent: int | None,
) -> None:
    root = tmp_path / "node"
    _node(root, running, configured)
    for _ in range(2):
        subprocess.run([*shell, str(written / fixes.SCRIPT), str(root)], check=True, capture_output=True)
        assert int((root / "proc/sys/vm/max_map_count").read_text()) == after
        file = root / "etc/sysctl.d" / fixes.SYSCTL
        found = file.read_text() if file.exists() else None
        assert found == (None if persistent is None else f"vm.max_map_count = {persistent}\n")


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "not linked"])
def test_the_script_names_a_sysctl_conf_that_would_override_it(
    written: Path, tmp_path: Path, linked: bool
) -> None:
    root = tmp_path / "node"
    _node(root, 65530, {"etc/sysctl.conf": "vm.max_map_count=65530\n", "etc/sysctl.d/README": ""})
    if linked:  # as Debian does: systemd reads it by that name, which sorts before the new file's
        (root / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    done = subprocess.run(
        ["sh", str(written / fixes.SCRIPT), str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"NOT for good: {root}/etc/sysctl.conf sets vm.max_map_count = 65530" in done.stderr
    assert (root / "etc/sysctl.d" / fixes.SYSCTL).read_text() == "vm.max_map_count = 262144\n"
    assert fixes.SYSCTL > "99-sysctl.conf"


def test_the_script_names_a_later_file_that_would_override_it(written: Path, tmp_path: Path) -> None:
    root = tmp_path / "node"
    _node(root, 65530, {"usr/lib/sysctl.d/zz-vendor.conf": "vm.max_map_count=65530\n"})
    done = subprocess.run(
        ["sh", str(written / fixes.SCRIPT), str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "zz-vendor.conf sets vm.max_map_count = 65530 and is read after" in done.stderr


def test_the_daemonset_only_raises(written: Path, tmp_path: Path) -> None:
    manifest = yaml.safe_load((written / fixes.DAEMONSET).read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("apps/v1", "DaemonSet")
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert manifest["spec"]["selector"]["matchLabels"] == labels
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"]["privileged"] is True
    loop = container["command"][2].replace("sleep 300", "break").replace("/proc/sys/vm/", f"{tmp_path}/")
    for running, after in ((65530, 262144), (262144, 262144), (1048576, 1048576)):
        (tmp_path / "max_map_count").write_text(f"{running}\n")
        subprocess.run(["sh", "-c", loop], check=True, capture_output=True)
        assert int((tmp_path / "max_map_count").read_text()) == after


def test_the_systemd_override_only_raises(written: Path, tmp_path: Path) -> None:
    text = (written / fixes.OVERRIDE).read_text()
    assert not re.search(r"^LimitNOFILE", text, re.MULTILINE), "LimitNOFILE= would lower a higher value"
    found = re.search(r"^ExecStartPost=\+/bin/sh -c '(.*)'$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    command = found.group(1).replace("\\\n", " ").replace("/proc/${MAINPID}/limits", f"{tmp_path}/limits")
    command = command.replace("${MAINPID}", "7").replace("$$", "$").replace("exec prlimit", "echo")
    for soft, hard, wanted in (
        ("1024", "4096", "1048576:1048576"),
        ("20000", "unlimited", "1048576:unlimited"),
        ("2097152", "2097152", "2097152:2097152"),
        ("unlimited", "unlimited", "unlimited:unlimited"),
    ):
        (tmp_path / "limits").write_text(
            f"Max open files            {soft}                {hard}                files\n"
        )
        out = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
        assert out.stdout.strip() == f"--pid 7 --nofile={wanted}"


def test_the_alerts_are_rules(written: Path) -> None:
    rules = yaml.safe_load((written / fixes.ALERTS).read_text())["groups"][0]["rules"]
    areas = rules[0]
    assert areas["expr"] == "process_memory_map_areas / process_memory_map_areas_limit > 0.8"
    assert areas["for"] == "5m"
    assert areas["labels"] == {"severity": "critical"}
    assert all(rule["annotations"]["summary"] for rule in rules)


def test_products_without_the_metric_are_watched_by_their_files() -> None:
    cortex, prometheus = (
        yaml.safe_load(fixes.files(b())[fixes.ALERTS]) for b in (diagnoses.startup, diagnoses.projected)
    )
    assert [len(found["groups"][0]["rules"]) for found in (cortex, prometheus)] == [3, 4]


if PROMTOOL:

    @pytest.mark.parametrize("name", ["startup", "projected", "several"])
    def test_promtool_finds_no_fault(name: str, tmp_path: Path) -> None:
        path = tmp_path / fixes.ALERTS
        path.write_text(fixes.files(diagnoses.ALL[name]())[fixes.ALERTS], "utf-8")
        out = subprocess.run(
            [str(PROMTOOL), "check", "rules", str(path)], capture_output=True, text=True, check=False
        )
        assert out.returncode == 0, out.stderr
        assert "SUCCESS" in out.stdout

    def test_the_alert_fires_at_80_percent(written: Path) -> None:
        (written / "test.yaml").write_text(
            f"rule_files: [{fixes.ALERTS}]\nevaluation_interval: 1m\ntests:\n"
            "  - interval: 1m\n    input_series:\n"
            "      - {series: 'process_memory_map_areas{instance=\"i\"}', values: '13000x20'}\n"
            "      - {series: 'process_memory_map_areas_limit{instance=\"i\"}', values: '16000x20'}\n"
            "    alert_rule_test:\n"
            "      - eval_time: 10m\n        alertname: IngesterMemoryMapAreasTooHigh\n"
            "        exp_alerts:\n          - exp_labels: {severity: critical, instance: i}\n"
            "            exp_annotations:\n              summary: i uses 81.25% of vm.max_map_count.\n"
            "              description: At the limit no block can be opened, compaction fails, and a restart cannot"
            " succeed. Raise vm.max_map_count on the node before it is reached; it acts at once.\n"
        )
        out = subprocess.run(
            [str(PROMTOOL), "test", "rules", "test.yaml"],
            cwd=written,
            capture_output=True,
            text=True,
            check=False,
        )
        assert out.returncode == 0, out.stdout + out.stderr


if SHELLCHECK:

    def test_shellcheck_finds_no_fault(written: Path) -> None:
        out = subprocess.run(
            [str(SHELLCHECK), str(written / fixes.SCRIPT)], capture_output=True, text=True, check=False
        )
        assert out.returncode == 0, out.stdout


if SYSTEMD_ANALYZE:

    def test_systemd_reads_the_override(written: Path, tmp_path: Path) -> None:
        (tmp_path / "x.service").write_text("[Service]\nExecStart=/bin/sleep 30\n")
        (tmp_path / "x.service.d").mkdir()
        shutil.copy(written / fixes.OVERRIDE, tmp_path / "x.service.d")
        out = subprocess.run(
            [str(SYSTEMD_ANALYZE), "verify", "--man=no", str(tmp_path / "x.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert out.returncode == 0, out.stderr
        assert fixes.OVERRIDE not in out.stderr
