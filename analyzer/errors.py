"""The one error that carries an exit status; it is caught once, in cli.py."""

from __future__ import annotations

EXIT_HEALTHY = 0
EXIT_CAUSE = 1
EXIT_USAGE = 2
EXIT_UNDECIDED = 3
EXIT_FAULT = 4
EXIT_INTERRUPT = 130


class AnalyzerError(Exception):
    """Says in one line what is wrong, where, and what to do; ``status`` is the exit status.

    2 is wrong usage or unreadable input, 4 a fault of the tool itself.
    """

    def __init__(self, message: str, status: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.status = status
