"""What a check is. This, the facts and the knowledge tables are all that a check may import."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from envdoctor.facts import Evidence, Fact
from envdoctor.facts.signature import fact_parameters

BUILT_IN = "torch-envdoctor"
"""The distribution of the checks and collectors that envdoctor itself brings."""

Severity = Literal["error", "warning", "info"]
Confidence = Literal["certain", "likely", "possible"]


class Fix(msgspec.Struct, frozen=True):
    """One way out: an imperative sentence, and the command for this machine where one exists."""

    text: str
    command: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    title: str
    """The two observed values that clash, with numbers; at most 100 characters (the runner cuts it); no "may", no advice."""
    severity: Severity = "error"
    """error: the GPU is not used, or gives wrong results; warning: it is used, and something is really degraded (a warning can be the
    verdict's cause); info: a note, never a cause."""
    detail: str = ""
    """What follows from it, for a person; a sentence or two."""
    evidence: tuple[Evidence, ...] = ()
    fix: tuple[Fix, ...] = ()
    """At most two."""
    gpu: int | None = None
    """The NVML index, where it is about one GPU."""
    confidence: Confidence = "certain"
    id: str = ""
    """Filled in by the runner."""
    caused_by: str | None = None
    """The finding that this one is only the echo of. Filled in by the verdict."""


Judgement = Callable[..., Iterator[Finding]]

ID_PATTERN = re.compile(r"[a-z][a-z0-9]*\.[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check as the runner sees it."""

    id: str
    judge: Judgement
    needs: dict[str, type[Fact]]
    """Facts without which it is skipped, by parameter name."""
    wants: dict[str, type[Fact]]
    """Facts it takes where they are known (``X | None``), by parameter name."""
    fields: tuple[str, ...]
    """``parameter.field`` paths that must be known, alternatives parted by ``|``; else it is skipped."""
    explains: tuple[str, ...]
    """Ids (globs allowed) whose findings are echoes of this one's."""
    doc: str
    """The explain page; its first line is what ``envdoctor list`` shows."""
    party: str = BUILT_IN
    """The distribution it comes from."""

    @property
    def area(self) -> str:
        """``driver`` of ``driver.version-mismatch``."""
        return self.id.partition(".")[0]

    @property
    def summary(self) -> str:
        """The first line of its page."""
        return self.doc.partition("\n")[0]


def check(id: str, *, fields: tuple[str, ...] = (), explains: tuple[str, ...] = ()) -> Callable[[Judgement], Check]:
    """Make a check of a generator function whose parameters are the facts it judges.

    ``X`` as a parameter: the check is skipped while that fact is unknown. ``X | None``: it runs all the same.
    `fields` names single fields that must be known too (``"nvml.init_code"``, ``"kernel_module.version|nvml.driver_version"``).
    Raises ValueError for an id, a path or a docstring that is none.
    """

    def make(judge: Judgement) -> Check:
        doc = inspect.getdoc(judge) or ""
        needs, wants = fact_parameters(judge)
        if not ID_PATTERN.fullmatch(id):
            raise ValueError(f"{id!r} is no check id: it must read area.what-is-wrong")
        if not doc:
            raise ValueError(f"{id}: the docstring is the explain page and must not be empty")
        strange = set(inspect.signature(judge).parameters) - set(needs) - set(wants)
        if strange:
            raise ValueError(f"{id}: parameters must be facts, and {', '.join(sorted(strange))} is none")
        for path in (path for alternatives in fields for path in alternatives.split("|")):
            parameter, _, name = path.partition(".")
            kind = needs.get(parameter) or wants.get(parameter)
            if kind is None or name not in kind.__struct_fields__:
                raise ValueError(f"{id}: no such field: {path}")
        return Check(id=id, judge=judge, needs=needs, wants=wants, fields=fields, explains=explains, doc=doc)

    return make
