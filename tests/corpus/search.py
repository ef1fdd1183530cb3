"""One pass over everything that an application wrote, for all of its values in all encodings of `aegis_core.Canary`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from aegis_core.marks.canary import encodings

_GRAM: Final = 6
_STEP: Final = 4  # of every pattern so many grams are known, so that one of them is met at every fourth byte


class Search:
    """Finds which of many values were written. `aegis_core.Canary` asks for one after the other; with thousands that
    takes minutes.

    Arguments:
        needles: values by the id that a hit is told by.
    """

    def __init__(self, needles: Mapping[str, str]) -> None:
        self._grams: dict[bool, defaultdict[bytes, list[tuple[str, bytes]]]] = {}
        for is_exact in (False, True):
            self._grams[is_exact] = defaultdict(list)
        for id_, needle in needles.items():
            for _, pattern, is_exact in encodings(needle):
                if len(pattern) < _GRAM + _STEP - 1:
                    message = f"{id_} is too short to be unmistakable"
                    raise ValueError(message)
                for shift in range(_STEP):
                    self._grams[is_exact][pattern[shift : shift + _GRAM]].append((id_, pattern))

    def find(self, written: bytes, /) -> set[str]:
        """The ids of the values that are there in any encoding, also across line breaks, and escaped twice."""
        found: set[str] = set()
        for text in _views(written):
            for is_exact, grams in self._grams.items():
                place = text if is_exact else text.lower()
                met = {place[at : at + _GRAM] for at in range(0, len(place), _STEP)}
                for gram in met & grams.keys():
                    found.update(id_ for id_, pattern in grams[gram] if id_ not in found and pattern in place)
        return found

    def look(self, folder: Path, /) -> dict[str, set[str]]:
        """Every file below a folder, and its name: where each value that was found lies."""
        found: dict[str, set[str]] = defaultdict(set)
        seen: set[bytes] = set()
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            for id_ in self.find(name.encode("utf-8", "surrogateescape")):
                found[id_].add(f"the name of {name}")
            if path.is_file():
                for id_ in self.find(_condensed(path.read_bytes(), seen)):
                    found[id_].add(name)
        return found


def _condensed(written: bytes, seen: set[bytes]) -> bytes:
    """Without lines that were looked at before: a page about an error has a thousand that are on every such page.

    A line after a new one stays, so that what goes on over the end of a line is whole.
    """
    kept: list[bytes] = []
    was_new = True
    for line in written.split(b"\n"):
        is_new = line not in seen
        if is_new or was_new:
            kept.append(line)
        seen.add(line)
        was_new = is_new
    return b"\n".join(kept)


def _views(written: bytes) -> Iterator[bytes]:
    yield written
    seen = {written}
    joined = written.replace(b"=\r\n", b"").replace(b"=\n", b"").replace(b"\r", b"").replace(b"\n", b"")
    for view in (joined, written.replace(rb"\\", b"\\")):
        if view not in seen:
            seen.add(view)
            yield view
