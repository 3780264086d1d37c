"""Rows of styled text, laid out by hand: how many rows a section takes is known before it is shown."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.text import Text

_STYLES = {
    "confirmed": "red",
    "likely": "red",
    "possible": "magenta",
    "undetermined": "magenta",
    "healthy": "green",
}


def status_style(status: str) -> str:
    """The named colour of a verdict's status."""
    return _STYLES.get(status, "magenta")


def _console(width: int, color: bool) -> Console:
    """A console that knows nothing of this machine's terminal or environment."""
    return Console(
        file=StringIO(),
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )


def ink(text: str = "", style: str = "") -> Text:
    """``text`` in ``style``; what is appended to it later has a style of its own."""
    return Text().append(text, style or None)


class Page:
    """Rows of at most ``width`` columns; ``rows`` counts them as a terminal of that width shows them."""

    def __init__(self, width: int, gap: bool = True) -> None:
        self.width = width
        self.rows = 0
        self.gap = gap
        self._lines: list[Text] = []
        self._plain = _console(width, False)

    def blank(self) -> None:
        if self.gap and self._lines:
            self.raw(Text(""))

    def title(self, text: str, note: str = "") -> None:
        """A section's heading, with a blank row before it where there is room."""
        self.blank()
        self.put(ink(text, "bold").append(note, "dim"), rows=1)

    def raw(self, text: Text) -> None:
        """One line as it is, however long."""
        self._lines.append(text)
        self.rows += max(1, -(-text.cell_len // self.width))

    def command(self, line: str, indent: int = 6) -> None:
        """A shell line to copy: never broken or cut, the terminal wraps it."""
        self.raw(ink(" " * (indent - 2) + "$ ", "dim").append(line, "bold"))

    def put(
        self,
        text: Text,
        *,
        indent: int = 0,
        hanging: int | None = None,
        rows: int | None = None,
        fold: bool = False,
    ) -> None:
        """``text`` wrapped at the width, later rows indented by ``hanging``; after ``rows`` rows cut with ``…``.

        ``fold`` breaks anywhere, for quoted lines whose words are longer than a row.
        """
        hanging = indent if hanging is None else hanging
        room = max(20, self.width - max(indent, hanging))
        length = text.cell_len
        if length <= room and "\n" not in text.plain:
            line = Text(" " * indent).append_text(text)
            line.rstrip()
            self.raw(line)
            return
        text = text.copy()
        if rows is not None and length > rows * room * 2:
            text.truncate(rows * room * 2)
        pieces = _fold(text, room) if fold else list(text.wrap(self._plain, room))
        if rows is not None and len(pieces) > rows:
            last = pieces[rows - 1]
            last.rstrip()
            last.truncate(room - 1)
            last.append("…")
            pieces = pieces[:rows]
        for number, piece in enumerate(pieces or [Text("")]):
            piece.rstrip()
            self.raw(Text(" " * (hanging if number else indent)).append_text(piece))

    def table(
        self, header: list[str], rows: list[list[str]], *, indent: int = 2, right: set[int] | None = None
    ) -> None:
        """Columns as wide as their cells; where that is too wide the widest are cut with ``…``."""
        right = right or set()
        cells = [header, *rows]
        widths = [max(Text(row[n]).cell_len for row in cells) for n in range(len(header))]
        room = self.width - indent - 2 * (len(widths) - 1)
        while sum(widths) > room and max(widths) > 1:
            widths[max(range(len(widths)), key=lambda n: widths[n])] -= 1
        for number, row in enumerate(cells):
            line = Text(" " * indent, "dim" if number == 0 else "")
            for column, cell in enumerate(row):
                text = Text(cell)
                if text.cell_len > widths[column]:
                    text.truncate(widths[column] - 1)
                    text.append("…")
                fill = " " * (widths[column] - text.cell_len)
                line.append(fill + text.plain if column in right else text.plain + fill)
                line.append("  ")
            line.rstrip()
            self.raw(line)

    def text(self, color: bool) -> str:
        """All rows; without ``color`` not one escape sequence."""
        if not color:
            return "\n".join(line.plain for line in self._lines) + "\n"
        console = _console(self.width, True)
        for line in self._lines:
            console.print(line, soft_wrap=True)
        out = console.file
        assert isinstance(out, StringIO)
        return out.getvalue()


def _fold(text: Text, room: int) -> list[Text]:
    """``text`` broken every ``room`` characters, at a blank where one is near."""
    pieces = []
    while text.cell_len > room:
        plain = text.plain
        at = plain.rfind(" ", room * 5 // 6, room)
        at = at + 1 if at > 0 else room
        while Text(plain[:at]).cell_len > room:
            at -= 1
        head, text = text.divide([at])
        pieces.append(head)
    pieces.append(text)
    return pieces
