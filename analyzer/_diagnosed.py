"""A diagnosis as the library hands it out: its verdict, its evidence, its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from analyzer.diagnosis.model import Diagnosis, EvidenceView, SubjectReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CaseDiagnosis:
    """What a case was diagnosed with. ``cause``, ``status`` and their sisters are the bundle's verdict;
    ``model`` is the whole report as typed data.
    """

    def __init__(self, model: Diagnosis) -> None:
        self.model = model

    @property
    def cause(self) -> str:
        """The limit that explains the failure; ``none`` or ``undetermined`` where there is none."""
        return self.model.verdict.cause

    @property
    def status(self) -> str:
        """confirmed, likely, possible, undetermined or healthy."""
        return self.model.verdict.status

    @property
    def driver(self) -> str | None:
        """What used the limit up, where known."""
        return self.model.verdict.driver

    @property
    def summary(self) -> str:
        """The verdict in one sentence with its numbers. Raw text, to be escaped where it is shown."""
        return self.model.verdict.summary

    @property
    def exit_status(self) -> int:
        """The exit status of the command: 0 healthy, 1 a cause, 3 undecided."""
        return self.model.exit_status

    @property
    def subjects(self) -> Sequence[SubjectReport]:
        """The reports by subject."""
        return tuple(self.model.subjects)

    @property
    def evidence(self) -> EvidenceList:
        """The quoted lines, by position or by id.

        >>> import analyzer
        >>> found = analyzer.diagnose("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
        >>> found.evidence["E1"].where.rpartition("/")[2]
        'meminfo:1'
        """
        return EvidenceList(tuple(EvidenceItem(each) for each in self.model.evidence))

    @property
    def plot(self) -> Plots:
        """The pictures of the HTML report."""
        return Plots(self.model)

    def as_dict(self) -> dict[str, Any]:
        """The JSON report as plain values."""
        from analyzer.report.jsonface import as_dict

        return as_dict(self.model)

    def to_json(self) -> str:
        """The JSON report: byte for byte what ``analyze BUNDLE --format json`` prints."""
        return self.render("json")

    def render(self, face: Literal["text", "markdown", "html", "json", "ticket"] = "text") -> str:
        """The report as a face of the command. Raises ValueError for a face that is not there."""
        from analyzer import report

        return report.render(self.model, face)

    def redact(self, key: bytes | None = None) -> CaseDiagnosis:
        """A diagnosis without a customer's names; the same key gives the same pseudonyms."""
        from analyzer import report

        return CaseDiagnosis(report.redact(self.model, key))

    def __repr__(self) -> str:
        driver = f", {self.driver}" if self.driver else ""
        return f"<CaseDiagnosis {self.status} {self.cause}{driver}: {shown(self.model.bundle.name)}>"

    def _repr_html_(self) -> str:
        from analyzer import _html

        return _html.diagnosis(self.model)


class EvidenceItem:
    """One quoted line: ``id``, ``text``, ``member``, ``line``, ``time``. The text is hostile."""

    __slots__ = ("_view",)

    def __init__(self, view: EvidenceView) -> None:
        self._view = view

    @property
    def id(self) -> str:
        """Its name in the report: E1, E2 ..."""
        return self._view.id

    @property
    def text(self) -> str:
        """The quoted text, raw."""
        return self._view.text

    @property
    def member(self) -> str:
        """The file of the bundle."""
        return self._view.member

    @property
    def line(self) -> int | None:
        """Line in that file, from 1; None for the whole file."""
        return self._view.line

    @property
    def time(self) -> str | None:
        """The time that the line states, RFC 3339 in UTC."""
        return self._view.time

    @property
    def where(self) -> str:
        """``member:line``."""
        return self.member if self.line is None else f"{self.member}:{self.line}"

    def __repr__(self) -> str:
        return f"<EvidenceItem {self.id} {shown(self.where)}: {shown(self.text)}>"

    def _repr_html_(self) -> str:
        from analyzer import _html

        return _html.evidence((self._view,))


class EvidenceList(Sequence[EvidenceItem]):
    """Quoted lines, by position, slice or id."""

    __slots__ = ("_items",)

    def __init__(self, items: tuple[EvidenceItem, ...]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[EvidenceItem]:
        return iter(self._items)

    @overload
    def __getitem__(self, key: int | str) -> EvidenceItem: ...
    @overload
    def __getitem__(self, key: slice) -> EvidenceList: ...
    def __getitem__(self, key: int | str | slice) -> EvidenceItem | EvidenceList:
        if isinstance(key, slice):
            return EvidenceList(self._items[key])
        if isinstance(key, int):
            return self._items[key]
        for item in self._items:
            if item.id == key:
                return item
        raise KeyError(key)

    def __repr__(self) -> str:
        return f"<EvidenceList of {len(self)}>"

    def _repr_html_(self) -> str:
        from analyzer import _html

        return _html.evidence(tuple(item._view for item in self._items))


class Plots:
    """The pictures of the HTML report as matplotlib Axes: ``case.plot.mappings()``.

    Each takes the id of a subject (the worst one by default) and Axes to draw on (a figure of its own by
    default, which is none of pyplot's, so that nothing stays behind). Where the facts are missing the
    picture says so. Raises KeyError for a subject that is not there.
    """

    __slots__ = ("_diagnosis",)

    def __init__(self, diagnosis: Diagnosis) -> None:
        self._diagnosis = diagnosis

    def mappings(self, subject: str | None = None, ax: Axes | None = None) -> Axes:
        """Mappings against vm.max_map_count: over time where snapshots are dated, else as bars.

        >>> import analyzer
        >>> case = analyzer.open("fixtures/bundles/c01b-max_map_count-multierror/bundle.tar.gz")
        >>> case.plot.mappings().get_title(loc="left")
        'Mappings against the limit'
        """
        return self._draw("mappings", subject, ax)

    def timeline(self, subject: str | None = None, ax: Axes | None = None) -> Axes:
        """Lives as bars from start to end, failures as crosses; restarts are where bars begin."""
        return self._draw("lives", subject, ax)

    def breakdown(
        self,
        subject: str | None = None,
        ax: Axes | None = None,
        *,
        by: Literal["kind", "tenant"] = "kind",
    ) -> Axes:
        """Mappings by kind, or of the tenants that have most of them."""
        if by not in ("kind", "tenant"):
            raise ValueError(f"by is 'kind' or 'tenant', not {by!r}")
        return self._draw(f"{by}s", subject, ax)

    def failures(self, subject: str | None = None, ax: Axes | None = None) -> Axes:
        """Log records by level, one bar a life: where the errors are, and how loud the rest is."""
        return self._draw("levels", subject, ax)

    def memory(self, subject: str | None = None, ax: Axes | None = None) -> Axes:
        """Memory against its limits: what was used of each limit."""
        return self._draw("memory", subject, ax)

    def _draw(self, name: str, subject: str | None, ax: Axes | None) -> Axes:
        from analyzer._plots import shown as as_picture
        from analyzer.report.plots import PLOTS

        plot = next(plot for plot in PLOTS if plot.name == name)
        drawn = plot.draw(self._diagnosis, subject, ax)
        return drawn if ax is not None else as_picture(drawn)


def shown(value: str) -> str:
    """Text of the bundle for a repr: one clean line."""
    from analyzer.report.words import clean

    return clean(value, 120)
