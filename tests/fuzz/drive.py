"""Runs one target under the fuzzer, in this process: the only file that knows it."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

_LEFT_OUT = ("analyzer.fleet", "analyzer.notebook", "analyzer.__main__")  # nothing of theirs reads a bundle
_RSS_MB = 1500


def _load() -> None:
    """Imports all that may run: what is imported later, within a function, would not be seen."""
    with atheris.instrument_imports(include=["analyzer"]):
        package = importlib.import_module("analyzer")
        for module in pkgutil.walk_packages(package.__path__, "analyzer."):
            if not module.name.startswith(_LEFT_OUT):
                importlib.import_module(module.name)


def drive(name: str, seconds: int, runs: int, folder: Path) -> None:
    """Fuzz target ``name`` for ``seconds`` or ``runs`` executions; never returns.

    ``folder`` gets the seeds, the corpus that grows out of them, the dictionary and the inputs that fail.
    """
    _load()
    from fuzz.registry import TARGETS

    target = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number:04}").write_bytes(seed[: target.length])
    words = folder / "words"
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words))
    options = [
        sys.argv[0],
        str(corpus),
        f"-artifact_prefix={folder}/",
        f"-dict={words}",
        f"-max_len={target.length}",
        f"-timeout={target.seconds}",
        f"-rss_limit_mb={_RSS_MB}",
        "-print_final_stats=1",
    ]
    if seconds:
        options.append(f"-max_total_time={seconds}")
    if runs:
        options.append(f"-runs={runs}")
    atheris.Setup(options, _kept(target.run, folder))
    atheris.Fuzz()


def _kept(run: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    """``run``, its failing input written first: the fuzzer's own alarm may end the process before it does."""

    def kept(data: bytes) -> None:
        try:
            run(data)
        except BaseException:
            (folder / f"crash-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}").write_bytes(data)
            raise

    return kept


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
