"""``python -m analyzer`` is the same program as ``analyze``."""

from analyzer.cli import run

if __name__ == "__main__":
    run()
