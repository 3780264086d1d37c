"""``python -m analyzer`` is the same program as ``analyze``."""

from analyzer.cli import main

if __name__ == "__main__":
    main()
