"""Write the golden files of the faces anew: ``python tests/report/regenerate.py``, then review the diff."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import diagnoses

from analyzer.report import compare, redact, render, render_comparison

GOLDEN = Path(__file__).parent / "golden"


def faces() -> dict[str, Callable[[], str]]:
    """File name to what writes its content."""
    found: dict[str, Callable[[], str]] = {}
    for name, build in diagnoses.ALL.items():
        found[f"{name}.txt"] = partial(lambda build: render(build(), "text"), build)
        found[f"{name}.ticket.txt"] = partial(lambda build: render(build(), "ticket"), build)
    for name in ("startup", "undecided", "hostile"):
        build = diagnoses.ALL[name]
        found[f"{name}.md"] = partial(lambda build: render(build(), "markdown"), build)
    found["startup.json"] = lambda: render(diagnoses.startup(), "json")
    found["startup.60.txt"] = lambda: render(diagnoses.startup(), "text", width=60)
    found["startup.verbose.txt"] = lambda: render(diagnoses.startup(), "text", width=140, verbose=True)
    found["startup.color.txt"] = lambda: render(diagnoses.startup(), "text", color=True)
    found["startup.redacted.txt"] = lambda: render(
        redact(diagnoses.startup(), b"golden"), "text", verbose=True
    )
    found["comparison.txt"] = lambda: render_comparison(
        compare(diagnoses.startup(), diagnoses.fixed()), "text"
    )
    found["comparison.md"] = lambda: render_comparison(
        compare(diagnoses.startup(), diagnoses.fixed()), "markdown"
    )
    return found


def main() -> None:
    """Write every file; those no longer made are removed."""
    GOLDEN.mkdir(exist_ok=True)
    wanted = faces()
    for path in GOLDEN.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, write in wanted.items():
        (GOLDEN / name).write_text(write(), "utf-8")


if __name__ == "__main__":
    main()
