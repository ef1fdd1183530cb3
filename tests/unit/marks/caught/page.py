"""The page that says what is caught: every case is run, and the page is what came of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from tests.unit.marks.caught.kinds import KINDS
from tests.unit.marks.caught.outcome import Outcome, outcome_of
from tests.unit.marks.caught.places import ANNOTATIONS, GUARDED, IN_A_LINE, in_annotation
from tests.unit.marks.caught.situations import SECTIONS, run

Cells = dict[str, dict[str, Outcome]]

INTRODUCTION = """\
# What the marks catch

Made by running every case on this page: do not edit. `python -m tests.unit.marks.caught` prints it anew, and the tests
compare. Each case starts with nothing learned, so what it catches, it catches alone. The value is `Somchai-0042`;
what was written, shown or raised is searched for it.

- **caught**: a marker such as `[phi.name]` or `[withheld]` stands in its place
- **erased**: it is not there, and what stands there does not say what it was
- **shown**: the value is there; the last section lists every such case
- **–**: there is no such thing

`event` gives what `redact_event` makes of an event, `logged` what a handler is handed after `install_logging`, `told`
every text of the error that a call raises, with pydantic's `errors()` and `json()`.
"""
IN_FIELDS = """
## A marked field, in a log line

The line has an instance whose field is annotated so, with `X` for `Annotated[str, PHI.NAME]`. Of columns with `info`,
of `mark` and of a protocol the form of the annotation makes no difference.
"""
AROUND = """
## Around a marked field

- *inherited*: an instance of a subclass; *declared anew*: of a subclass that says `held: str`
- *nested*: in a list of dicts of another instance. A plain class without marks of its own is not described, so all of
  it is erased
- *property*: a loose value under the name of a property that says that it returns `X`
- *loose*, *other spelling*: a loose value under the field's name, as it is and as `Held` and `b"HELD"`
- *unresolvable*: an unmarked field, beside an annotation that names nothing
- *unmarked*: a field without a mark
"""
WHEN_GUARDED = """
## A guarded class

- *subclass*: the `repr` of one that is not decorated itself
- *refused*: every text of the error that the library raises over a value of the wrong type
- *not guarded*: the `repr` without `@guarded`
"""
LAST = "\n## All that is shown\n"


def cells() -> dict[str, Cells]:
    """Run every case of a class: table → kind → place → how it ended."""
    return {
        IN_FIELDS: {
            kind: {
                form: outcome_of(lambda made=made, given=given: in_annotation(made, *given))  # type: ignore[misc]
                for form, given in ANNOTATIONS.items()
            }
            for kind, made in KINDS.items()
        },
        AROUND: _by_kind(IN_A_LINE),
        WHEN_GUARDED: _by_kind(GUARDED),
    }


def _by_kind(places: Mapping[str, Callable[..., object]]) -> Cells:
    return {
        kind: {
            place: outcome_of(lambda case=case, made=made: case(made))  # type: ignore[misc]
            for place, case in places.items()
        }
        for kind, made in KINDS.items()
    }


def situations() -> Cells:
    """Run every other case: section → what → how it ended."""
    return {
        section: {
            what: outcome_of(lambda setup=setup, case=case: run(setup, case))  # type: ignore[misc]
            for what, case in cases.items()
        }
        for section, (setup, cases) in SECTIONS.items()
    }


def page() -> str:
    """Run everything and write the page."""
    tables, ended = cells(), situations()
    parts = [INTRODUCTION]
    for head, rows in tables.items():
        columns = next(iter(rows.values()))
        parts += [
            head,
            "\n",
            *_table(["", *columns], ([kind, *map(_cell, row.values())] for kind, row in rows.items())),
        ]
    for section, outcomes in ended.items():
        setup, cases = SECTIONS[section]
        parts.append(f"\n## {section}\n\n```python\n{setup.strip()}\n```\n\n")
        parts += _table(
            ["what", "case", ""], ([what, _code(cases[what]), _cell(outcome)] for what, outcome in outcomes.items())
        )
    parts += [LAST, "\n"]
    parts += [f"- {where}: {'; '.join(what)}\n" for where, what in _shown(tables, ended)]
    return "".join(parts)


def _shown(tables: Mapping[str, Cells], ended: Cells) -> Iterator[tuple[str, list[str]]]:
    for head, rows in tables.items():
        title = head.strip().splitlines()[0].removeprefix("## ")
        for place in next(iter(rows.values())):
            if found := [kind for kind, row in rows.items() if row[place] is Outcome.SHOWN]:
                yield f"{title}, *{place}*", found
    for section, outcomes in ended.items():
        if found := [what for what, outcome in outcomes.items() if outcome is Outcome.SHOWN]:
            yield section, found


def _table(columns: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    for line in (columns, ["---"] * len(columns), *rows):
        yield f"| {' | '.join(_escaped(cell) for cell in line)} |\n"


def _cell(outcome: Outcome) -> str:
    return "**shown**" if outcome is Outcome.SHOWN else outcome.value


def _code(case: str) -> str:
    return f"`{case}`"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
