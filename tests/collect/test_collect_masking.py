"""What is masked of command lines, addresses, configurations and Kubernetes objects, and what is kept."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def masked(collector, function: str, text: str) -> str:
    source = collector.script.with_name("raw")
    source.write_text(text)
    done = collector.call(f"\n{function} '{source}'\n")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return done.stdout.decode()


def masked_arguments(collector, *arguments: str) -> list[str]:
    return masked(collector, "mask_command", "\n".join(arguments) + "\n").split("\0")[:-1]


def test_command_lines(collector):
    assert masked_arguments(
        collector,
        *(
            "/bin/cortex",
            "-target=ingester",
            "-blocks-storage.s3.secret-access-key=HUNTER",
            "--password",
            "HUNTER",
        ),
        *("-auth.token", "-server.http-port=80", "-ingester.num-tokens=512", "-consul.acl-token=HUNTER"),
        *(
            "--remote=https://me:HUNTER@x.example/path?a=b",
            "--header=Authorization: Bearer HUNTER",
            "-log.level=info",
        ),
        *(
            "-etcd.password",
            "HUNTER",
            "--db=postgres://u:HUNTER@db/x?password=HUNTER",
            "--key=HUNTER",
            "-x",
            "key: y",
        ),
    ) == [
        *("/bin/cortex", "-target=ingester", "-blocks-storage.s3.secret-access-key=***", "--password", "***"),
        *("-auth.token", "-server.http-port=80", "-ingester.num-tokens=512", "-consul.acl-token=***"),
        *("--remote=https://***@x.example/path?a=b", "--header=Authorization:***", "-log.level=info"),
        *("-etcd.password", "***", "--db=postgres://***@db/x?password=***", "--key=***", "-x", "key:***"),
    ]


def test_an_argument_that_looks_like_a_pattern_or_a_format_is_kept(dash_collector):
    arguments = ["*", "%s%n", "\\n", "$HOME", "`id`", "a  b ", "-x=[a-z]*", "--y='q'"]
    assert masked_arguments(dash_collector, *arguments) == arguments


SECRET_NAMES = [
    "password",
    "client_secret",
    "apiToken",
    "access_key_id",
    "Secret-Key",
    "db.passwd",
    "account_key",
    "DSN",
]
WORDS = st.text(string.ascii_letters + string.digits + "/+=_.-", min_size=6, max_size=20).filter(
    lambda word: not word.startswith("-")
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(SECRET_NAMES), WORDS, st.sampled_from([0, 1, 2, 3])), min_size=1, max_size=6
    ),
    st.sampled_from(["mask_command", "mask_config"]),
)
def test_no_secret_of_a_known_name_survives(dash_collector, secrets, function):
    lines = []
    values = []
    for number, (name, word, form) in enumerate(secrets):
        value = f"HUNTER{number}{word}"
        values.append(f"HUNTER{number}")
        if function == "mask_command":
            lines += [
                [f"--{name}={value}"],
                [f"-{name}", value],
                [f"x://u:{value}@h/"],
                [f"--u=http://h/?{name}={value}"],
            ][form]
        else:
            lines += [
                [f"  {name}: {value}"],
                [f"  - {name}: |", f"      {value}", "      " + value],
                [f"  url: x://u:{value}@h/p"],
                [f'  "{name}": "{value}",'],
            ][form]
    text = masked(dash_collector, function, "\n".join(lines) + "\n")
    assert not [value for value in values if value in text], (lines, text)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=40), max_size=8))
def test_any_text_passes_the_maskers_without_an_error(dash_collector, lines):
    for function in ("mask_config", "mask_command", "mask_object"):
        masked(dash_collector, function, "\n".join(lines))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=60)
)
def test_any_text_is_quoted_as_json(dash_collector, text):
    source = dash_collector.script.with_name("text")
    source.write_text(text + ".")
    done = dash_collector.call(f"\nquote \"$(cat '{source}')\"\nprintf '%s' \"$J\"\n")
    expected = "".join(c if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127) else " " for c in text + ".")
    assert json.loads(done.stdout) == expected


YAML = """\
# admin password: HUNTER
target: ingester
auth_enabled: true
ingester:
  lifecycler:
    num_tokens: 512
    tokens_file_path: /data/tokens
    ring: {replication_factor: 3, kvstore: {store: etcd, etcd: {password: HUNTER}}}
blocks_storage:
  backend: azure
  azure:
    account_name: prod
    account_key: HUNTER
    connection_string:
      HUNTER
  tsdb:
    block_ranges_period: [2h0m0s]
    retention_period: 96h
headers:
  - name: X-Scope
    value: a
basic_auth:
  username: me
  password: "HUNTER
    HUNTER"
tls:
  key: |-
    -----BEGIN HUNTER
    HUNTER

    HUNTER
  min_version: VersionTLS12
zones: [a, b]
"""


def test_a_configuration_keeps_its_shape(collector):
    import yaml

    text = masked(collector, "mask_config", YAML)
    assert "HUNTER" not in text
    kept = [line for line in text.splitlines() if "***" not in line]
    assert set(kept) < set(YAML.splitlines())
    loaded = yaml.safe_load(
        text.replace("ring: {replication_factor: 3, kvstore: {store: etcd, etcd: {password:***", "ring: {}")
    )
    assert loaded["blocks_storage"]["tsdb"] == {"block_ranges_period": ["2h0m0s"], "retention_period": "96h"}
    assert loaded["ingester"]["lifecycler"]["num_tokens"] == 512
    assert loaded["blocks_storage"]["azure"]["account_key"] == "***"
    assert loaded["tls"] == {"key": "***", "min_version": "VersionTLS12"}
    assert loaded["zones"] == ["a", "b"]


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"env": "HUNTER"}'},
        "labels": {"app": "ingester", "zone": "a"},
        "name": "ingester-3",
        "namespace": "cortex",
        "uid": "0c5e7f3a-1111-2222-3333-444455556666",
    },
    "spec": {
        "containers": [
            {
                "args": ["-target=ingester", "-s3.secret-access-key=HUNTER", "-auth.token", "HUNTER"],
                "env": [{"name": "PASSWORD", "value": "HUNTER"}, {"name": "X", "valueFrom": {"a": ["]"]}}],
                "envFrom": [{"secretRef": {"name": "HUNTER"}}],
                "image": "cortex:v1.17.2",
                "livenessProbe": {
                    "httpGet": {
                        "httpHeaders": [{"name": "Authorization", "value": "HUNTER"}],
                        "path": "/ready",
                    }
                },
                "name": "ingester",
                "resources": {"limits": {"memory": "24Gi"}},
            }
        ],
        "nodeName": "node-7",
    },
    "status": {
        "containerStatuses": [
            {
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                "name": "ingester",
                "restartCount": 12,
            }
        ]
    },
}


def test_a_pod_without_its_environment_is_still_json(collector):
    text = masked(collector, "mask_object", json.dumps(POD, indent=4) + "\n")
    assert "HUNTER" not in text
    pod = json.loads(text)
    container = pod["spec"]["containers"][0]
    assert container["env"] == []
    assert container["envFrom"] == []
    assert container["args"] == ["-target=ingester", "-s3.secret-access-key=***", "-auth.token", "***"]
    assert container["resources"] == POD["spec"]["containers"][0]["resources"]
    assert pod["metadata"]["annotations"] == {}
    assert pod["metadata"]["labels"] == POD["metadata"]["labels"]
    assert pod["status"] == POD["status"]
    assert pod["spec"]["nodeName"] == "node-7"


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    """A folder with a kubectl that knows one pod with a crashed container and an init container."""
    folder = tmp_path / "kube"
    folder.mkdir()
    (folder / "pod.json").write_text(json.dumps(POD, indent=4) + "\n")
    (folder / "kubectl").write_text(
        f"""#!/bin/sh
case "$*" in
    *jsonpath*) printf 'node-7\\ninit-dirs\\ningester\\n' ;;
    "get pod ingester-3 -n cortex -o json") cat {folder}/pod.json ;;
    "get pod "*) echo 'Error from server (NotFound): pods "ingester-9" not found' >&2; exit 1 ;;
    "get events "*) echo '{{"items": []}}' ;;
    "get node node-7 -o json") printf '{{\\n    "kind": "Node"\\n}}\\n' ;;
    *init-dirs*--previous*) echo 'previous terminated container "init-dirs" not found' >&2; exit 1 ;;
    logs*--previous*) echo 'level=error msg="the life before"' ;;
    logs*) echo 'level=info msg="this life"' ;;
esac
"""
    )
    (folder / "kubectl").chmod(0o755)
    return folder


def test_a_pod_is_taken_from_a_desk_without_the_desks_own_facts(collector, kubectl):
    import os

    env = {**os.environ, "PATH": f"{kubectl}:{os.environ['PATH']}"}
    run = collector.run("--kubernetes", "cortex/ingester-3", env=env)
    assert run.status == 0, run.err
    bundle = run.bundle()
    assert bundle.text("kubernetes/logs/ingester-previous.log") == 'level=error msg="the life before"\n'
    assert bundle.text("kubernetes/logs/ingester.log") == 'level=info msg="this life"\n'
    assert bundle.text("kubernetes/logs/init-dirs.log")
    assert "kubernetes/logs/init-dirs-previous.log" not in bundle.files
    assert json.loads(bundle.text("kubernetes/pod.json"))["status"] == POD["status"]
    assert json.loads(bundle.text("kubernetes/node.json")) == {"kind": "Node"}
    assert json.loads(bundle.text("kubernetes/events.json")) == {"items": []}
    assert b"HUNTER" not in bundle.everything()
    assert not any(name.startswith(("host/", "proc/")) for name in bundle.files)
    failed = next(row for row in bundle.manifest if row["path"] == "kubernetes/logs/init-dirs-previous.log")
    assert failed["exit"] == 1
    assert "previous terminated container" in failed["error"]


def test_a_pod_that_is_not_there_is_said(dash_collector, kubectl):
    import os

    env = {**os.environ, "PATH": f"{kubectl}:{os.environ['PATH']}"}
    run = dash_collector.run("--kubernetes", "cortex/ingester-9", env=env)
    assert any('"ingester-9" not found' in note for note in run.bundle().capture["notes"])
