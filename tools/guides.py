"""A guide as data: its sections, what each tells a newcomer to install, and its blocks with what they print."""

import builtins
import re
import shlex
import symtable
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

#: ``python`` is a part of the page's one program, ``py`` a program of its own; the others are what was printed.
_BLOCK = re.compile(r"^```(python|py|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_INSTALL = re.compile(r"\bpip install ([^`\n#]+)")


class Block(NamedTuple):
    """What stands between two fences, and of what kind the first one says it is."""

    kind: str
    text: str


class Section(NamedTuple):
    """What stands below one heading."""

    name: str  #: the heading as an anchor: ``the-ten-lines``
    installs: tuple[str, ...]  #: what it says after ``pip install``, in the order of the page
    blocks: tuple[Block, ...]


def blocks_of(text: str) -> tuple[Block, ...]:
    """The blocks of code and output in a text."""
    return tuple(Block(*found) for found in _BLOCK.findall(text))


def installs_of(text: str) -> tuple[str, ...]:
    """The requirements that a text tells the reader to install."""
    return tuple(chain.from_iterable(map(shlex.split, _INSTALL.findall(text))))


def sections_of(page: str) -> tuple[Section, ...]:
    """The sections of a page; what stands before the first heading is none."""
    _, *parts = _HEADING.split(page)
    return tuple(
        Section(re.sub(r"\W+", "-", heading.lower().replace("'", "")), installs_of(text), blocks_of(text))
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    )


def with_what_it_builds_on(section: Section, page: Sequence[Section]) -> tuple[Section, ...]:
    """A section after those whose names its program uses, in the order of the page."""
    wanted = {section.name}
    upwards = list(page[: page.index(section) + 1])[::-1]
    for number, each in enumerate(upwards):
        if each.name in wanted:
            for name in _unbound(each):
                binds = (earlier.name for earlier in upwards[number + 1 :] if name in _bound(earlier))
                wanted.update([next(binds, each.name)])
    return tuple(each for each in page if each.name in wanted)


def program_of(sections: Iterable[Section]) -> str:
    """The program that a reader has who copied every block of these sections into one file."""
    return "\n".join(block.text for each in sections for block in each.blocks if block.kind == "python")


def _bound(section: Section) -> set[str]:
    """The names to which a section's program gives a value, functions' own names aside."""
    table = symtable.symtable(program_of([section]), section.name, "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _unbound(section: Section) -> set[str]:
    """The names that a section's program uses and that neither it nor the language gives a value."""
    tables = [symtable.symtable(program_of([section]), section.name, "exec")]
    for table in tables:
        tables += table.get_children()
    symbols = chain.from_iterable(table.get_symbols() for table in tables)
    used = {symbol.get_name() for symbol in symbols if symbol.is_global()}
    return used - _bound(section) - set(dir(builtins))
