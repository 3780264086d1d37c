"""The command class of ``analyze BUNDLE``: arguments that need no conversion do not load Pydantic.

Typer converts each value through a Pydantic adapter, whose import costs as much as the analysis of a
small bundle. A value that is absent, a text, or the name of a choice is taken as it is; all others,
wrong ones included, go Typer's own way and get its messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from typer._coercion import RuntimeParam, build_runtime_param
from typer.core import TyperArgument, TyperCommand, TyperOption


@dataclass(frozen=True)
class Plain(RuntimeParam):
    """Converts what is trivial, leaves the rest to Typer."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value in its annotated type. Raises Typer's usage errors."""
        if value is None:
            return () if param.multiple else None
        plain = _plain(self.annotation, value)
        if plain is not None:
            return plain
        return build_runtime_param(param.type_descriptor).coerce(value, param=param, ctx=ctx)

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        return self.coerce(value, param, ctx)


def _plain(annotation: Any, value: Any) -> Any:
    if isinstance(annotation, type) and isinstance(value, annotation):
        return value
    if isinstance(annotation, type) and issubclass(annotation, Enum) and isinstance(value, str):
        return next((choice for choice in annotation if choice.value == value), None)
    return None


class QuickCommand(TyperCommand):
    """A command whose parameters are converted by :class:`Plain`."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, ``--help`` included."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if isinstance(param, TyperArgument | TyperOption) and param.nargs == 1:
                descriptor = param.type_descriptor
                param._runtime_param = Plain(descriptor.parameter_info, descriptor.annotation)
        return params
