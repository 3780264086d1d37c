"""Damaged blocks, WAL or head chunks, empty files. The word "corrupted" alone means nothing:
any failed open of a block is printed as "corrupted block" (log-grammar.md 2.2)."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, quote
from analyzer.facts import Evidence


class _Corruption(Struct, frozen=True):
    name: str = "corruption"
    title: str = "damaged data"
    explains: frozenset[str] = frozenset({"corrupt"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = symptoms.of("corrupt")
        if not groups:
            lying = next(
                (e for _, g in symptoms.groups for e in g.evidence if "corrupted block" in e.text), None
            )
            if lying is not None:
                words = 'the log says "corrupted block", but only because any failed open prints it: the errno is not damage'
                return Hypothesis(self.name, "ruled_out", words, (lying,))
            return Hypothesis(self.name, "ruled_out", "no damaged file is named in the log")
        failures = symptoms.evidence("corrupt")
        empty = _empty_file(subject, symptoms)
        if empty is not None:
            path, evidence = empty
            why = f"a file is empty: {path}, and mapping 0 bytes fails with EINVAL"
            return Hypothesis(self.name, "direct", why, quote([*failures, evidence]), strength=3)
        zero = any(0 in g.sizes for g in groups)
        why = (
            "a file of 0 bytes was opened (EINVAL with size 0 is not a limit)"
            if zero
            else "the log names damaged content, not a limit"
        )
        return Hypothesis(self.name, "strong", why, failures, missing=("filelist",), strength=2)


def _empty_file(subject: Subject, symptoms: Symptoms) -> tuple[str, Evidence] | None:
    """An empty block file of the listing that the failure can mean."""
    if subject.data_dir is None:
        return None
    data, evidence = subject.data_dir
    if not any(0 in g.sizes for g in symptoms.of("corrupt")):
        return None
    ulids = {u for g in symptoms.of("corrupt") for u in g.ulids}
    kinds = {g.file_kind for g in symptoms.of("corrupt")}
    for path in data.empty_files:
        if any(u in path for u in ulids):
            return path, Evidence(evidence.member, evidence.line, f"0 bytes: {path}")
    if ulids:
        return None
    for path in data.empty_files:
        name_kind = (
            "index"
            if path.endswith("/index")
            else ("head_chunk" if "/chunks_head/" in path else "chunks_segment")
        )
        if name_kind in kinds:
            return path, Evidence(evidence.member, evidence.line, f"0 bytes: {path}")
    return None


CAUSE = _Corruption()
