"""What ``import analyzer`` offers: :func:`open`, :func:`diagnose`, frames and plots.

    >>> import analyzer
    >>> case = analyzer.open("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
    >>> case.diagnose()
    <CaseDiagnosis confirmed max_map_count, many_blocks: bundle.tar.gz>
    >>> case.failures[["operation", "file_kind", "errno"]].iloc[0].tolist()
    ['startup_open', 'index', 'ENOMEM']
    >>> case.close()

The library and the command are the same thing twice: ``case.diagnose().to_json()`` is what
``analyze BUNDLE --format json`` prints. Frames are made when asked for; their columns, dtypes and units
stand in ``docs/columns.md``. Nothing is written, and nothing is read but the bundle.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from analyzer._diagnosed import CaseDiagnosis, EvidenceItem, EvidenceList, Plots, shown
from analyzer._sources import Source
from analyzer.case.build import Filter
from analyzer.case.model import Case
from analyzer.errors import AnalyzerError
from analyzer.facts import Stamp
from analyzer.version import __version__

if TYPE_CHECKING:
    import re

    import pandas as pd

__all__ = [
    "AnalyzerError",
    "CaseDiagnosis",
    "CaseFile",
    "EvidenceItem",
    "EvidenceList",
    "Plots",
    "__version__",
    "concat",
    "diagnose",
    "open",
]


def open(
    source: str | Path | bytes | BinaryIO,
    *,
    name: str | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    at: str | datetime | None = None,
    pid: int | None = None,
    pod: str | None = None,
    tenant: str | None = None,
    allow_remote: bool = False,
) -> CaseFile:
    """Read a bundle (archive of any kind, folder, bare log; path, bytes or binary file) into a case.

    ``since``, ``until``, ``at``, ``pid``, ``pod`` and ``tenant`` narrow it as the command's options do;
    times are RFC 3339 text or datetimes. ``name`` is shown for bytes and files. An address such as
    ``s3://bucket/key`` is only read with ``allow_remote``.

    Raises:
        AnalyzerError: the input cannot be read at all, or a time is no time. Damage inside a bundle
            raises nothing: it stands in :attr:`CaseFile.coverage` and :attr:`CaseFile.warnings`.

    >>> import analyzer
    >>> with analyzer.open("fixtures/bundles/c13-emfile/bundle.tar.gz") as case:
    ...     case.subjects["product"].tolist()
    ['prometheus']
    >>> analyzer.open("no/such/bundle.tar.gz")
    Traceback (most recent call last):
        ...
    analyzer.errors.AnalyzerError: no/such/bundle.tar.gz: no such file or directory
    """
    only = Filter(_moment(since), _moment(until), _moment(at), pid, pod, tenant)
    held = Source(source, name)
    try:
        return CaseFile(held, only, allow_remote)
    except BaseException:
        held.close()
        raise


def diagnose(source: str | Path | bytes | BinaryIO, **options: Any) -> CaseDiagnosis:
    """The diagnosis of a bundle, in one call; ``options`` are those of :func:`open`.

    Raises:
        AnalyzerError: as :func:`open`.

    >>> import analyzer
    >>> found = analyzer.diagnose("fixtures/bundles/c13-emfile/bundle.tar.gz")
    >>> found.cause, found.exit_status
    ('nofile', 1)
    """
    with open(source, **options) as case:
        return case.diagnose()


def concat(frames: Mapping[str, pd.DataFrame], key: str = "bundle") -> pd.DataFrame:
    """The same frame of many cases as one; the column ``key`` names the case each row is of.

    dtypes stay as they are, where ``pandas.concat`` would turn differing categoricals into objects.

    Raises:
        AnalyzerError: the frames have a column ``key`` already.

    >>> import analyzer
    >>> names = ["c02-rlimit_as", "c13-emfile"]
    >>> cases = {name: analyzer.open(f"fixtures/bundles/{name}/bundle.tar.gz") for name in names}
    >>> together = analyzer.concat({name: case.failures for name, case in cases.items()})
    >>> together.groupby("bundle", observed=True)["errno"].first().to_dict()
    {'c02-rlimit_as': 'ENOMEM', 'c13-emfile': 'EMFILE'}
    """
    from analyzer.case.frames import concat as _concat

    return _concat(frames, key)


def _moment(value: str | datetime | None) -> Stamp | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return Stamp(round(aware.timestamp() * 1_000_000) * 1000)
    from analyzer.clock import parse_stamp

    stamp = parse_stamp(value)
    if stamp is None:
        raise AnalyzerError(f"{value!r} is no time; write it as 2026-11-22T21:54:45Z")
    return stamp


class CaseFile:
    """One bundle, read and joined. Made by :func:`open`; a context manager.

    Frames are properties, made when first asked for; each access gives its own copy on write, so that a
    frame may be changed without changing the case. ``mappings`` and ``records`` are not kept by the first
    pass: they read the bundle a second time.
    """

    def __init__(self, source: Source, only: Filter, allow_remote: bool) -> None:
        from analyzer.pipeline import case_of

        self._source = source
        self._only = only
        self._allow_remote = allow_remote
        self._case: Case = case_of(source.read(), only=only, allow_remote=allow_remote)
        self._frames: dict[str, pd.DataFrame] = {}
        self._diagnosis: CaseDiagnosis | None = None

    @property
    def name(self) -> str:
        """The bundle's own name."""
        return self._case.name

    @property
    def model(self) -> Case:
        """The typed case behind the frames. Its fields may change between minor versions."""
        return self._case

    @property
    def warnings(self) -> list[str]:
        """What was cut, damaged, missing or doubtful in the bundle, each once: the report's ``warnings``."""
        return list(self.diagnose().model.warnings)

    @property
    def subjects(self) -> pd.DataFrame:
        """One row a process of one host or pod, across its restarts.

        >>> import analyzer
        >>> case = analyzer.open("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
        >>> case.subjects[["product", "version"]].iloc[0].tolist()
        ['prometheus', '2.42.0+ds']
        """
        return self.frame("subjects")

    @property
    def lives(self) -> pd.DataFrame:
        """One row a life of a subject, from one start to its end."""
        return self.frame("lives")

    @property
    def failures(self) -> pd.DataFrame:
        """One row a group of like failures in one life, with their counts."""
        return self.frame("failures")

    @property
    def members(self) -> pd.DataFrame:
        """Leaf errors (the members of ``N errors:``) by failure and size, with their counts."""
        return self.frame("members")

    @property
    def mappings(self) -> pd.DataFrame:
        """One row a mapping of each capture. Reads the bundle a second time.

        >>> import analyzer
        >>> case = analyzer.open("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
        >>> case.mappings.query("counted")["kind"].value_counts().head(2).to_dict()
        {'chunks_segment': 387, 'index': 386}
        """
        return self.frame("mappings")

    @property
    def snapshots(self) -> pd.DataFrame:
        """One row a capture of a process, and a point of a captured series."""
        return self.frame("snapshots")

    @property
    def events(self) -> pd.DataFrame:
        """Life-cycle steps of the logs, lines of the kernel that name a limit, Kubernetes events."""
        return self.frame("events")

    @property
    def records(self) -> pd.DataFrame:
        """Every log record, up to 200,000. Reads the bundle a second time; see :meth:`read_records`."""
        return self.frame("records")

    @property
    def files(self) -> pd.DataFrame:
        """The files of listed data directories."""
        return self.frame("files")

    @property
    def facts(self) -> pd.DataFrame:
        """Every captured fact: present, absent or unreadable.

        >>> import analyzer
        >>> case = analyzer.open("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
        >>> facts = case.facts.set_index("name")
        >>> facts.loc["vm.max_map_count", ["value", "unit"]].tolist()
        ['845', 'mappings']
        """
        return self.frame("facts")

    @property
    def coverage(self) -> pd.DataFrame:
        """One row a file of the bundle: whether it was read, and why not."""
        return self.frame("coverage")

    @property
    def hypotheses(self) -> pd.DataFrame:
        """Every cause weighed, by subject."""
        return self.frame("hypotheses")

    @property
    def evidence(self) -> pd.DataFrame:
        """The quoted lines that the diagnosis rests on."""
        return self.frame("evidence")

    def frame(self, name: str) -> pd.DataFrame:
        """The frame of that name. Raises KeyError for a name that ``docs/columns.md`` does not have."""
        held = self._frames.get(name)
        if held is None:
            held = self._frames[name] = self._make(name)
        return held.copy(deep=False)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every frame but ``records``, by name."""
        from analyzer.case.columns import FRAMES

        return {name: self.frame(name) for name in FRAMES if name != "records"}

    def read_records(
        self,
        *,
        match: str | re.Pattern[str] | None = None,
        levels: Collection[str] | None = None,
        subject: str | None = None,
        life: str | None = None,
        limit: int = 200_000,
    ) -> pd.DataFrame:
        """The log records that hold ``match`` (plain text or a compiled pattern) and are of these levels.

        At most ``limit`` are kept, and 256 MiB of text; ``attrs`` say whether that were all of them, and
        a warning says so when not. Levels are error, warn, info, debug, or "" for lines without one.

        >>> import analyzer
        >>> case = analyzer.open("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
        >>> found = case.read_records(match="cannot allocate memory", levels=["error"])
        >>> len(found), found.attrs["complete"], found["caller"].iloc[0]
        (1, True, 'main.go:1127')
        """
        from analyzer.bundle import open_bundle
        from analyzer.case.records import Selection, read

        wanted = Selection(match, levels, subject, life, limit)
        with open_bundle(self._source.read(), allow_remote=self._allow_remote) as bundle:
            frame, complete = read(self._case, bundle, wanted)
        frame.attrs = {"complete": complete, "limit": limit}
        if not complete:
            told = f"{self.name}: only the first {len(frame):,} matching records were read (limit {limit:,})"
            warnings.warn(told, stacklevel=2)
        return frame

    def _make(self, name: str) -> pd.DataFrame:
        from analyzer.case import frames
        from analyzer.diagnosis import frames as of_diagnosis

        if name == "records":
            return self.read_records()
        if name == "mappings":
            return frames.frame(self._detailed(), name)
        if name in of_diagnosis.NAMES:
            return of_diagnosis.frame(self.diagnose().model, name, frames.keys_of(self._case))
        return frames.frame(self._case, name)

    def _detailed(self) -> Case:
        """The case once more, with every mapping as a row."""
        from analyzer.pipeline import case_of

        again = case_of(self._source.read(), only=self._only, detail=True, allow_remote=self._allow_remote)
        if again.sha256 != self._case.sha256:
            raise AnalyzerError(f"{self.name}: the bundle was changed since it was opened: open it again")
        return again

    def diagnose(self) -> CaseDiagnosis:
        """The diagnosis: the same as the command's. Made once."""
        if self._diagnosis is None:
            from analyzer.diagnosis.build import diagnose as _diagnose

            self._diagnosis = CaseDiagnosis(_diagnose(self._case, self._only))
        return self._diagnosis

    @property
    def plot(self) -> Plots:
        """The pictures of the HTML report, of this case."""
        return self.diagnose().plot

    def close(self) -> None:
        """Give back the frames and what the source holds; the diagnosis stays. Safe to call twice."""
        self._frames.clear()
        self._source.close()

    def __enter__(self) -> CaseFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        subjects = len(self._case.subjects)
        return f"<CaseFile {shown(self.name)}: {subjects} subject{'s' if subjects != 1 else ''}>"

    def _repr_html_(self) -> str:
        from analyzer import _html

        return _html.case(self._case)
