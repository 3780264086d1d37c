"""The capture script that a customer runs, and the table of its options.

The script (:func:`script`) is package data: one POSIX shell file without placeholders. ``OPTIONS`` is
the only list of its options: ``--help``, docs/collect.md and every command in a report are held to
it, so a diagnosis never asks a customer for an option that does not exist.

>>> invocation(match="ingester", watch=600, output="capture.tar.gz")
'sh collect.sh --match ingester --watch 600 --output capture.tar.gz'
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

SCRIPT_NAME = "collect.sh"

Value: TypeAlias = str | int | bool | Iterable[str | int] | None


class Option(Struct, frozen=True):
    """One option of the script.

    ``metavar`` is what its value stands for, "" when it takes none; ``[SECONDS]`` may be left out.
    ``repeats`` says that it may be given more than once. ``help`` is one sentence.
    """

    name: str
    metavar: str
    help: str
    repeats: bool = False

    @property
    def value_optional(self) -> bool:
        """Whether the option stands alone as well as with a value."""
        return self.metavar.startswith("[")

    @property
    def usage(self) -> str:
        """The option as ``--help`` shows it: ``--watch [SECONDS]``."""
        return f"{self.name} {self.metavar}".rstrip()


OPTIONS: tuple[Option, ...] = (
    Option("--pid", "PID", "The process, as this machine numbers it."),
    Option("--match", "NAME", "Find the process: NAME is its name, or stands in its command line."),
    Option("--container", "NAME|ID", "Find the process by its container."),
    Option("--watch", "[SECONDS]", "Follow the process through its crashes, for at most SECONDS (900)."),
    Option("--log", "FILE", "Take this log, its rotated files too; a folder is taken whole.", repeats=True),
    Option("--log-command", "COMMAND", "Take what this command prints as a log.", repeats=True),
    Option("--data", "DIR", "List names and sizes in the data directory; no file is read.", repeats=True),
    Option("--config", "FILE", "Take the product's configuration, secrets masked.", repeats=True),
    Option("--metrics", "URL", "Take the process's metrics page."),
    Option("--kubernetes", "NS/POD", "Take the pod's logs (previous ones too), state, events and node."),
    Option("--output", "FILE", "Write the bundle to this file or folder; - is standard output."),
    Option("--max-size", "MB", "Take at most this much in all (1000)."),
    Option("--dry-run", "", "Show what would be taken, and write nothing."),
    Option("--help", "", "Show this help."),
)

_BY_NAME = {option.name[2:].replace("-", "_"): option for option in OPTIONS}


def script() -> str:
    """The text of the capture script, to be printed or written by the caller."""
    from importlib.resources import files  # a diagnosis needs the options alone

    return files(__name__).joinpath(SCRIPT_NAME).read_text(encoding="utf-8")


def invocation(**options: Value) -> str:
    """The command line that runs the script with ``options``, quoted for a POSIX shell.

    Names are the options' own with ``_`` for ``-``; True stands for an option without a value, None
    and False leave it out, an iterable repeats it. Options stand in the order of ``OPTIONS``.
    Raises ValueError for an option that the script does not have, or a value it cannot take.

    >>> invocation(kubernetes="cortex/ingester-3", log=["/var/log/a b.log"], dry_run=True)
    "sh collect.sh --log '/var/log/a b.log' --kubernetes cortex/ingester-3 --dry-run"
    """
    unknown = sorted(set(options) - set(_BY_NAME))
    if unknown:
        raise ValueError(f"the capture script has no option {unknown[0]!r}")
    words = ["sh", SCRIPT_NAME]
    for name, option in _BY_NAME.items():
        words += _words(option, options.get(name))
    return " ".join(words)


def _words(option: Option, value: Value) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        if option.metavar and not option.value_optional:
            raise ValueError(f"{option.name} needs a value")
        return [option.name]
    if not option.metavar:
        raise ValueError(f"{option.name} takes no value")
    values = [value] if isinstance(value, str | int) else list(value)
    if len(values) > 1 and not option.repeats:
        raise ValueError(f"{option.name} is given once")
    return [word for item in values for word in (option.name, shlex.quote(str(item)))]


def option_table() -> str:
    """The options as the Markdown table that docs/collect.md holds."""
    rows = ["| option | what it does |", "|---|---|"]
    for option in OPTIONS:
        usage = option.usage.replace("|", r"\|")
        again = " May be repeated." if option.repeats else ""
        rows.append(f"| `{usage}` | {option.help}{again} |")
    return "\n".join(rows) + "\n"
