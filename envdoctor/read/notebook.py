"""Where readers write down what they found: values of facts' fields with the line that said it, until facts can be made of them."""

from __future__ import annotations

from typing import Any, TypeVar

from envdoctor.facts import Fact

F = TypeVar("F", bound=Fact)


class Notebook:
    """Field values by fact; a later line overrules an earlier one (the last try is what the report is about), and both are remembered
    where they contradict each other."""

    def __init__(self) -> None:
        self.values: dict[type[Fact], dict[str, Any]] = {}
        self.sources: dict[type[Fact], dict[str, str]] = {}
        self.kinds: dict[str, int] = {}
        self.contradictions: list[str] = []

    def note(self, kind: type[Fact], field: str, value: Any, line: int, *, keep: bool = False) -> None:
        """`field` of `kind` is `value`, as line `line` says; `keep`: unless an earlier line has said it."""
        known = self.values.setdefault(kind, {})
        if field in known and keep:
            return
        if field in known and known[field] != value and isinstance(value, str | bool | int):
            self.contradictions.append(
                f"{kind.fact_name()}.{field}: {known[field]} ({self.sources[kind][field]}), {value} (report line {line})"
            )
        known[field] = value
        self.sources.setdefault(kind, {})[field] = f"report line {line}"

    def get(self, kind: type[Fact], field: str) -> Any:
        """What has been noted so far; None: nothing."""
        return self.values.get(kind, {}).get(field)

    def saw(self, what: str, line: int) -> None:
        """Something of the kind `what` begins at `line`."""
        self.kinds.setdefault(what, line)

    def fact(self, kind: type[F]) -> F | None:
        """The fact of what was noted; None: nothing was."""
        values = self.values.get(kind)
        return kind(**values, sources=self.sources[kind]) if values else None
