"""See the package; what a run finds is told by its exit status."""

from __future__ import annotations

import sys
from pathlib import Path

# As for the tests: what they share stands beside this package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzz.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
