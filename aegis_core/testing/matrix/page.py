"""The page that is made of the records. Pure: the same records give the same text, whatever order they come in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from aegis_core.testing.matrix.records import Instead, Ran, Records

#: Adapter, server and options: a column.
Column: TypeAlias = tuple[str, str, str]

_LEGEND: Final = """\
Made from what the conformance kits saw: do not edit. Each column is an adapter, with the options that differ from its
defaults, on a server of that version.

- **native**: declared, and each case that needs it passed; **emulated**: the same, and the adapter makes more than one
  call of its medium for it (see below the table)
- **refused**: not declared, and whoever asks for it was seen to get `UnsupportedCapability`
- **not declared**: and nothing of the port asks for it
- **not checked**: no case could see it here
- **kept**: the case passed; **–**: it is about a capability that is not declared (or, of a refusal, that is)
"""


@attrs.frozen
class _Section:
    """Everything that is known of one kit."""

    kit: str
    ran: Sequence[Ran]
    evidence: frozenset[tuple[str, str, str]]  #: adapter, server, capability: shown by a case of any kit

    @property
    def columns(self) -> Sequence[Column]:
        """Local adapters first."""
        return sorted({_column(each) for each in self.ran}, key=lambda column: (bool(column[1]), *column))

    @property
    def cases(self) -> Mapping[str, str]:
        """Name → promise, in the order of the kit."""
        return {each.case: each.promise for each in sorted(self.ran, key=lambda each: each.place)}

    @property
    def capabilities(self) -> Sequence[str]:
        """Those of the port, in its order."""
        return list(dict.fromkeys(name for each in self.ran for name in each.declared))

    def of(self, column: Column, keep: Callable[[Ran], bool] = lambda _: True, /) -> Sequence[Ran]:
        return [each for each in self.ran if _column(each) == column and each.outcome != "planned" and keep(each)]

    def backends(self, column: Column) -> str:
        return ", ".join(sorted({each.backend for each in self.of(column, lambda each: each.outcome == "passed")}))

    def capability(self, column: Column, name: str) -> str:
        """What is known of one capability of one column."""
        # A skipped case saw the harness, too; a failed one may have seen nothing.
        values = {each.declared[name] for each in self.of(column, lambda each: name in each.declared)}
        if values <= {None, False}:
            asked = self.of(column, lambda each: each.without == name)
            return _worst(asked, "refused") if asked else "not declared"
        asked = self.of(column, lambda each: name in {each.needs, each.shows} and each.outcome != "skipped")
        word = "emulated" if any(name in each.emulated for each in self.of(column)) else "native"
        if not asked and (*column[:2], name) not in self.evidence:
            word = "not checked"
        limits = [value for value in values if value is not True]
        return _worst(asked, word) + (f" ({limits[0]:,})" if len(limits) == 1 else "")

    def case(self, column: Column, name: str) -> str:
        """What is known of one promise of one column."""
        found = self.of(column, lambda each: each.case == name)
        if any(each.outcome == "failed" for each in found):
            return "**not kept**"
        passed = sorted(each.backend for each in found if each.outcome == "passed")
        if passed:
            every = len(passed) == len(found)
            return "kept" if every else f"kept on {', '.join(passed)}"
        ours = set(self.capabilities)
        about = [each for each in found if each.without or (each.needs in ours and not each.declared.get(each.needs))]
        return "–" if found and len(about) == len(found) else "not checked"


def render(records: Records, /, unchecked: Mapping[str, tuple[str, Mapping[str, str]]] | None = None) -> str:
    """The matrix as Markdown.

    Arguments:
        unchecked: name of a server → its product, and what it does not check, in words.
    """
    evidence = frozenset(
        (each.adapter, each.server, each.shows) for each in records.ran if each.shows and each.outcome == "passed"
    )
    parts = ["# Capabilities", _LEGEND]
    for kit in sorted({each.kit for each in records.ran}):
        ran = [each for each in records.ran if each.kit == kit]
        parts += _section(_Section(kit, ran, evidence))
    if unchecked:
        parts += _gaps(records.instead, unchecked)
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(section: _Section) -> list[str]:
    columns = section.columns
    lines = [f"## {section.kit}", ""]
    lines += _table(
        ["", *(" · ".join(filter(None, (adapter, options, server))) for adapter, server, options in columns)],
        [
            ["ran on", *map(section.backends, columns)],
            *(
                [f"`{name}`", *(section.capability(column, name) for column in columns)]
                for name in section.capabilities
            ),
            *(
                [_escaped(promise), *(section.case(column, name) for column in columns)]
                for name, promise in section.cases.items()
            ),
        ],
    )
    notes = sorted({(name, each.adapter, how) for each in section.ran for name, how in each.emulated.items()})
    lines += [f"- `{name}` of {adapter} is emulated: {how}" for name, adapter, how in notes]
    return [*lines, ""] if notes else lines


def _gaps(instead: Sequence[Instead], unchecked: Mapping[str, tuple[str, Mapping[str, str]]]) -> list[str]:
    rows: list[list[str]] = []
    for server, (product, gaps) in unchecked.items():
        for gap, words in gaps.items():
            tests = sorted({each.test for each in instead if (each.server, each.gap) == (server, gap)})
            of_it = {test: [each for each in instead if each.test == test] for test in tests}
            rows.append([product, _escaped(words), "<br>".join(map(_stand_in, tests, of_it.values())) or "not checked"])
    return [
        "## What servers for tests do not check",
        "",
        "Each line was seen: a probe shows that the server lets it pass, and fails once it does not any more.",
        "",
        *_table(["server", "does not check", "what our tests look at instead"], rows),
    ]


def _stand_in(test: str, runs: Iterable[Instead]) -> str:
    outcomes = {each.outcome for each in runs}
    path, _, name = test.rpartition("::")
    suffix = " (**failed**)" if "failed" in outcomes else "" if "passed" in outcomes else " (did not run)"
    return f"`{path.removesuffix('.py')}`: {name.removeprefix('test_').replace('_', ' ')}{suffix}"


def _worst(asked: Sequence[Ran], word: str) -> str:
    return "**not kept**" if any(each.outcome == "failed" for each in asked) else word


def _column(each: Ran) -> Column:
    return (each.adapter, each.server, each.options)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines), ""]
