"""The guide's section on the corpus: how many cases of each sort went through each application, and what came out."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from tests.architecture.tree import ROOT
from tests.corpus.runs import APPS, Run

GUIDE: Final = ROOT / "docs" / "guides" / "leaks.md"
LIMITS: Final = ROOT / "docs" / "guides" / "ten-lines.md"

_BEGIN: Final = "<!-- corpus: generated -->"
_END: Final = "<!-- /corpus -->"

#: What the carriers are about, by how their names begin.
SORTS: Final = {
    "name": "under a known name, in a line",
    "marked": "in a marked field, in a line or in `repr`",
    "logged": "in an exception that is logged",
    "uncaught": "in an exception that nobody catches",
    "warned": "in a warning",
    "raised": "in an exception that leaves a view, a task, a span",
    "url": "in the path or the query of a request",
    "header": "in its headers and cookies",
    "body": "in its body",
    "sql": "in statements, parameters, rows and errors of a database",
    "task": "in a task's message and result",
    "tracker": "in what an error tracker collects",
    "span": "in attributes, events, links, status and name of a span",
    "record": "in a log record that is exported",
    "kept": "in the trail, an object, a mail, a context",
    "outside": "**outside of the promise**",
}

#: The point of the guide's list that says of a carrier that it is not caught.
POINTS: Final = {
    "outside: text put together before": "Text that was put together before",
    "outside: text in a field of an event": "Text that was put together before",
    "outside: JSON in a text": "Text that was put together before",
    "outside: body of a record that is text": "Text that was put together before",
    "outside: span's name": "Text that was put together before",
    "outside: name that no marked field bears": "A loose value under a name that no marked field bears",
    "outside: no name": "A loose value under a name that no marked field bears",
    "outside: attribute that no marked field is called like": "A loose value under a name that no marked field bears",
    "outside: header of a message": "A loose value under a name that no marked field bears",
    "outside: key": "A key that is itself a value",
    "outside: positional argument": "A positional argument without a name right before it",
    "outside: name of a class that nobody has read": "Names of a class that nobody has read yet",
    "outside: unmarked field of a known class": "A field of a known class that nobody marked",
    "outside: error of a model around a guarded one": "A pydantic model around a guarded one",
    "outside: tuple of the fields": "The fields themselves",
    "outside: standard output": "The fields themselves",
    "outside: detail of an HTTPException": "What an application answers itself",
    "outside: description of an HTTPException": "What an application answers itself",
    "outside: path of no route on the page of DEBUG": "A path of no route, while Django's `DEBUG` is on",
}


def sort_of(carrier: str, /) -> str:
    """The row of a carrier."""
    return carrier.partition(": ")[0]


def leaks(protected: Run, /) -> dict[str, set[str]]:
    """The carriers by which a value came out although the guide says that it is caught, and where it lay."""
    found: dict[str, set[str]] = {}
    for id_, places in protected.leaked.items():
        if not protected.cases[id_].is_outside:
            found.setdefault(protected.cases[id_].carrier, set()).update(places)
    return found


def column(protected: Run, bare: Run, /) -> dict[str, str]:
    """The cells of one application: cases, and how many of them were found when it was protected, and when not."""
    dealt = Counter(sort_of(case.carrier) for case in protected.cases.values())
    found = [Counter(sort_of(run.cases[id_].carrier) for id_ in run.leaked) for run in (protected, bare)]
    return {sort: f"{dealt[sort]}: {found[0][sort]}, {found[1][sort]}" if dealt[sort] else "" for sort in SORTS}


def table(columns: Mapping[str, Mapping[str, str]], /) -> str:
    """The table of the guide."""
    head = f"| the value lies | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n"
    return head + "".join(
        f"| {words} | {' | '.join(cells[sort] for cells in columns.values())} |\n" for sort, words in SORTS.items()
    )


def read() -> dict[str, dict[str, str]]:
    """The cells of each application, as the guide has them."""
    text = GUIDE.read_text(encoding="utf-8")
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.partition(_BEGIN)[2].partition(_END)[0].strip().splitlines()
    ]
    return {app: {sort: row[at] for sort, row in zip(SORTS, rows, strict=True)} for at, app in enumerate(head) if at}


def write(columns: Mapping[str, Mapping[str, str]], /) -> None:
    """Put these columns into the guide's table; those of other applications stay."""
    known = {**read(), **columns}
    columns = {app: known[app] for app in APPS if app in known}
    text = GUIDE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    GUIDE.write_text(f"{before}{begin}\n\n{table(columns)}\n{end}{after}", encoding="utf-8")


def points() -> set[str]:
    """The points of the guide's list of what is not caught."""
    section = LIMITS.read_text(encoding="utf-8").partition("## What is not caught")[2].partition("\n## ")[0]
    return set(re.findall(r"^- \*\*(.+?)\.?\*\*", section, re.MULTILINE))
