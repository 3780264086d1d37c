"""The post-mortem analyzer for ingesters, as a library: ``analyzer.open`` and ``analyzer.diagnose``.

    import analyzer

    case = analyzer.open("bundle.tar.gz")
    case.diagnose()          # the same result as ``analyze bundle.tar.gz``
    case.failures            # a pandas frame; its columns are in docs/columns.md
    case.plot.mappings()     # matplotlib Axes

What is public is named in ``__all__`` and documented in ``docs/api.md``. It is imported when it is
first used: ``import analyzer`` costs a few milliseconds and loads neither pandas nor matplotlib.
"""

TYPE_CHECKING = False  # typing itself is not imported
if TYPE_CHECKING:
    from analyzer.api import (
        AnalyzerError,
        CaseDiagnosis,
        CaseFile,
        EvidenceItem,
        EvidenceList,
        Plots,
        concat,
        diagnose,
        open,
    )
    from analyzer.version import __version__

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


def __getattr__(name: str) -> object:
    """Public names, from where they are made, when they are first asked for."""
    if name == "__version__":
        from analyzer.version import __version__ as version

        return version
    if name in __all__:
        from analyzer import api

        return getattr(api, name)
    raise AttributeError(f"module 'analyzer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
