"""inotify instances or watches: their errnos are worded as open files and disk space."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, no_symptom, number, quote


class _Inotify(Struct, frozen=True):
    name: str = "inotify"
    title: str = "the limits of inotify"
    explains: frozenset[str] = frozenset({"watch"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = symptoms.of("watch")
        if not groups:
            return no_symptom(self.name, "no watcher failed")
        failures = symptoms.evidence("watch")
        if any(g.errno in ("ENOSPC", "EDQUOT") for g in groups):
            limit = reading.sysctl(subject, "fs.inotify.max_user_watches")
            why = "adding a watch failed with ENOSPC: the user's inotify watches are used up, not the disk"
            if limit is not None:
                why += f" (fs.inotify.max_user_watches is {number(limit.value)})"
            weight = Weight(None, limit.value if limit else None, 1, "watches")
            quoted = quote([*failures, limit.evidence if limit else None])
            return Hypothesis(self.name, "direct", why, quoted, weight, strength=3)
        limit = reading.sysctl(subject, "fs.inotify.max_user_instances")
        why = "creating a watcher failed with EMFILE: the user's inotify instances, or the process's open files, are used up"
        if limit is not None:
            why += f" (fs.inotify.max_user_instances is {number(limit.value)})"
        weight = Weight(None, limit.value if limit else None, 1, "instances")
        quoted = quote([*failures, limit.evidence if limit else None])
        return Hypothesis(self.name, "strong", why, quoted, weight, missing=("limits",), strength=2)


CAUSE = _Inotify()
