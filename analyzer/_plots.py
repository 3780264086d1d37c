"""The pictures of the HTML report as Axes that a notebook shows. Imported when the first is drawn."""

from __future__ import annotations

import warnings
from io import BytesIO

from matplotlib.axes import Axes

_DPI = 110


class ShownAxes(Axes):
    """Axes that a notebook shows as a picture: their figure is none of pyplot's, so nothing else would."""

    def _repr_png_(self) -> bytes:
        figure = self.get_figure(root=True)
        assert figure is not None
        out = BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glyphs that the font lacks, in names from the bundle
            figure.savefig(out, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
        return out.getvalue()


def shown(ax: Axes) -> Axes:
    """The same Axes, made to show themselves. Their figure must be their own."""
    ax.__class__ = ShownAxes
    return ax
