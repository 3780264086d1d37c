"""No huge pages for MAP_HUGETLB: the flags are not logged, so this is never more than possible."""

from __future__ import annotations

from msgspec import Struct

from analyzer.case.model import Case, Subject
from analyzer.diagnosis import reading
from analyzer.diagnosis.weigh import Hypothesis, Symptoms, Weight, human, no_symptom, quote


class _Hugepages(Struct, frozen=True):
    name: str = "hugepages"
    title: str = "missing huge pages"
    explains: frozenset[str] = frozenset({"memory"})

    def weigh(self, case: Case, subject: Subject, symptoms: Symptoms) -> Hypothesis:
        groups = [g for g in symptoms.of("memory") if g.file_kind not in ("go_heap", "thread_stack")]
        sizes = {size for g in groups for size in g.sizes}
        if not sizes:
            return no_symptom(self.name, "no refused mapping states its size")
        page = reading.meminfo(subject, "Hugepagesize")
        free = reading.meminfo(subject, "HugePages_Free")
        if page is not None and page.value <= 0:  # a page of no bytes is none
            page = None
        unit = page.value if page is not None else float(2 << 20)
        if any(size % unit for size in sizes):
            words = f"sizes that are no multiple of {human(unit)} were refused, so no huge page was asked for"
            return Hypothesis(self.name, "ruled_out", words, symptoms.evidence("memory", most=1))
        if page is None or free is None:
            return Hypothesis(
                self.name, "untestable", "meminfo's huge page rows are missing", missing=("meminfo",)
            )
        wanted = max(sizes)
        quoted = quote([free.evidence, page.evidence, *symptoms.evidence("memory", most=1)])
        weight = Weight(None, free.value * page.value, wanted, "bytes of huge pages")
        if free.value * page.value >= wanted:
            return Hypothesis(self.name, "ruled_out", "enough huge pages were free", quoted, weight)
        if _is_file(subject, symptoms, sizes):
            words = "the refused sizes are those of files of the data directory, which ask for no huge pages"
            return Hypothesis(self.name, "ruled_out", words, quoted)
        why = f"every refused size is a multiple of {human(page.value)} and no huge pages are free; whether huge pages were asked for is not logged"
        return Hypothesis(
            self.name, "consistent", why, quoted, weight, missing=("strace",), strength=0.4, cap="possible"
        )


def _is_file(subject: Subject, symptoms: Symptoms, sizes: set[int]) -> bool:
    """Whether files of these sizes are known, or the log itself says that a file was mapped."""
    listed = {size for _, size in subject.sized_files}
    if sizes & listed:
        return True
    return any(
        g.file_kind in ("chunks_segment", "head_chunk", "head_chunk_new") for g in symptoms.of("memory")
    )


CAUSE = _Hugepages()
