"""Write docs/causes.md from the texts of ``analyze explain``: python docs/make_causes.py."""

from __future__ import annotations

from pathlib import Path

from analyzer.diagnosis.explain import EXPLANATIONS

TARGET = Path(__file__).parent / "causes.md"


def text() -> str:
    """The whole page."""
    parts = [
        "# Causes\n",
        "Generated from `analyze explain` by `python docs/make_causes.py`.\n",
    ]
    for item in EXPLANATIONS:
        parts.append(
            f"## {item.cause}\n\n{item.what}\n\n"
            f"**How it shows.** {item.shows}\n\n"
            f"**How it is told from its rivals.** {item.told_apart}\n\n"
            f"**Fix.** {item.fix}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
