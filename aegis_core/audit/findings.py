"""A bounded list of findings: a ruined log has as many as entries."""

from typing import Final

from aegis_core.audit.model import Finding, FindingKind

MOST_FINDINGS: Final = 50


class Findings:
    """Keeps the first findings and counts the rest."""

    __slots__ = ("_kept", "count")

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[Finding] = []

    def add(
        self,
        kind: FindingKind,
        message: str,
        *,
        index: int | None = None,
        time: str | None = None,
        path: str | None = None,
    ) -> None:
        """Note one; the arguments are those of `Finding`."""
        self.count += 1
        if len(self._kept) < MOST_FINDINGS:
            self._kept.append(Finding(kind, message, index=index, time=time, path=path))

    @property
    def is_full(self) -> bool:
        """Whether further findings are only counted."""
        return len(self._kept) == MOST_FINDINGS

    def all(self) -> tuple[Finding, ...]:
        """What was kept and, where there was more, how much."""
        more = self.count - len(self._kept)
        if not more:
            return tuple(self._kept)
        return (*self._kept, Finding(self._kept[-1].kind, f"and {more} more findings, not listed"))
