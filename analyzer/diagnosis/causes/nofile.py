"""Too many open files: RLIMIT_NOFILE, fs.file-max, fs.nr_open. EMFILE on open has no other cause."""

from __future__ import annotations

import math

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.drivers import map_driver
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, is_answer, no_symptom, number, quote


class _Nofile(Struct, frozen=True):
    name: str = "nofile"
    title: str = "the limit of open files"
    explains: frozenset[str] = frozenset({"files"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = symptoms.of("files")
        if not groups:
            return no_symptom(self.name, 'no "too many open files" in the log')
        failures = symptoms.evidence("files")
        if all(is_answer(group) for group in groups):
            why = "another process answered that it has too many open files; nothing shows it of this one"
            return Hypothesis(self.name, "consistent", why, failures, missing=("limits", "log"), strength=1)
        driver = map_driver(subject, None)
        if groups[0].errno == "ENFILE":
            allocated = reading.present(subject.host.facts.get("file_nr", "allocated"))
            most = reading.present(subject.host.facts.get("file_nr", "max")) or reading.sysctl(
                subject, "fs.file-max"
            )
            why = "the whole host ran out of open files (ENFILE is fs.file-max, not the process's limit)"
            weight = Weight(allocated.value if allocated else None, most.value if most else None, 1, "files")
            quoted = quote([*failures, most.evidence if most else None])
            return Hypothesis(self.name, "direct", why, quoted, weight, strength=3, driver=None)
        limit = reading.soft_limit(subject, "nofile")
        fds = max(
            (
                v
                for c in subject.captures
                if (v := reading.present(c.facts.get("fd_count", "fds"))) is not None
            ),
            key=lambda v: v.value,
            default=None,
        )
        why = "opening a file failed with EMFILE, which only the limit of open files gives"
        if limit is not None and not math.isinf(limit.value):
            why += f" (Max open files is {number(limit.value)})"
        quoted = quote([*failures, limit.evidence if limit else None, fds.evidence if fds else None])
        weight = Weight(fds.value if fds else None, limit.value if limit else None, 1, "files")
        return Hypothesis(self.name, "direct", why, quoted, weight, strength=3, driver=driver)


CAUSE = _Nofile()
