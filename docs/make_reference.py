"""Write docs/api.md and docs/columns.md from the code: python docs/make_reference.py."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import analyzer
from analyzer import fleet
from analyzer.case.columns import reference

HERE = Path(__file__).parent
_HEAD = """# Python API

What `import analyzer` offers. This page is made from the docstrings by `python docs/make_reference.py`; its examples
run in the tests, from the top of the repository. The columns of the frames are in [columns.md](columns.md), worked
examples in [notebooks/](../notebooks).

What is named here is public and keeps its meaning within a major version (`analyzer.__version__`); columns and fields
may be added. What begins with an underscore, and every module below `analyzer` that is not named here, is not. `model`
gives the typed data behind a case or a diagnosis: the diagnosis is the JSON report, versioned by its `schema_version`;
the case is for exploring and may change.

`import analyzer` takes a few milliseconds. pandas is imported with the first frame, matplotlib with the first plot.
"""

_FLEET = """## analyzer.fleet

Many bundles, as `analyze fleet` does it (the extra `fleet`; see [fleet.md](fleet.md)): `from analyzer import fleet`.
"""


def api() -> str:
    """The page docs/api.md."""
    parts = [_HEAD]
    functions = [name for name in analyzer.__all__ if inspect.isfunction(getattr(analyzer, name))]
    classes = [name for name in analyzer.__all__ if inspect.isclass(getattr(analyzer, name))]
    for name in sorted(functions, key=("open", "diagnose", "concat").index):
        parts.append(f"## analyzer.{name}\n\n{_signature(getattr(analyzer, name), name)}\n")
        parts.append(_prose(getattr(analyzer, name).__doc__))
    for name in classes:
        made = getattr(analyzer, name)
        parts.append(f"## analyzer.{name}\n\n{_prose(made.__doc__)}")
        parts.extend(
            _member(attribute, value) for attribute, value in vars(made).items() if _public(attribute, value)
        )
    parts.append(_FLEET)
    for name in ("expand", "run", "summarise", "render"):
        made = getattr(fleet, name)
        parts.append(f"### fleet.{name}()\n\n{_signature(made, name)}\n\n{_prose(made.__doc__)}")
    return "\n".join(parts)


def _public(name: str, value: object) -> bool:
    return not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))


def _member(name: str, value: object) -> str:
    if isinstance(value, property):
        assert value.fget is not None
        returned = _returns(value.fget)
        return f"### {name}\n\n```python\n{name}: {returned}\n```\n\n{_prose(value.__doc__)}"
    return f"### {name}()\n\n{_signature(value, name)}\n\n{_prose(value.__doc__)}"


def _definition(function: object) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    found = tree.body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


def _returns(function: object) -> str:
    returned = _definition(function).returns
    return ast.unparse(returned) if returned is not None else "None"


def _signature(function: object, name: str) -> str:
    arguments = _arguments(_definition(function).args)
    line = f"{name}({', '.join(arguments)}) -> {_returns(function)}"
    if len(line) > 100:
        line = (
            "\n    ".join([f"{name}(", *(f"{each}," for each in arguments)]) + f"\n) -> {_returns(function)}"
        )
    return f"```python\n{line}\n```"


def _arguments(found: ast.arguments) -> list[str]:
    """The arguments but ``self``, as they are written."""
    plain = [each for each in found.args if each.arg != "self"]
    defaults = [None] * (len(plain) - len(found.defaults)) + list(found.defaults)
    out = [_argument(each, default) for each, default in zip(plain, defaults, strict=True)]
    if found.kwonlyargs:
        out.append("*")
        pairs = zip(found.kwonlyargs, found.kw_defaults, strict=True)
        out.extend(_argument(each, default) for each, default in pairs)
    if found.kwarg is not None:
        out.append(f"**{_argument(found.kwarg, None)}")
    return out


def _argument(found: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(found.annotation)}" if found.annotation is not None else ""
    return f"{found.arg}{kind}" + (f" = {ast.unparse(default)}" if default is not None else "")


def _prose(docstring: str | None) -> str:
    """A docstring as Markdown: roles as code, ``code`` as `code`, doctests fenced."""
    lines = inspect.cleandoc(docstring or "").split("\n")
    out: list[str] = []
    fenced = False
    for line in lines:
        if line.startswith(">>>") and not fenced:
            out.append("```python")
            fenced = True
        elif fenced and not line.strip():
            out.append("```")
            fenced = False
        out.append(line if fenced else _inline(line))
    if fenced:
        out.append("```")
    return "\n".join(out) + "\n"


def _inline(line: str) -> str:
    line = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", line).replace("``", "`")
    if line.strip() == "Raises:":
        return "Raises:\n"
    entry = re.match(r"    (\w+): (.*)", line)
    return f"- `{entry[1]}`: {entry[2]}" if entry else re.sub(r"^ {8}", "  ", line)


PAGES = {"api.md": api, "columns.md": reference}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (HERE / page).write_text(text(), encoding="utf-8")
