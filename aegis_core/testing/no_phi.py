"""A test that wrote something of a patient fails, whatever else it asserts."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from aegis_core.marks.canary import Canary
from aegis_core.marks.shapes import marks_of
from aegis_core.testing.canary import PhiCanary, Place, read

SHORTEST = 4  #: of fewer characters ("4B", "f") a sighting would be one by chance


class AssertNoPhi:
    """What the fixture ``assert_no_phi`` gives; calling it names objects whose marked values are searched for, too.

    Arguments:
        canary: whose values are always searched for.
        folder: whose files are searched.
    """

    def __init__(self, canary: PhiCanary, folder: Path) -> None:
        self._canary = canary
        self._folder = folder
        self._values: dict[str, str] = {}
        self._warned: list[str] = []

    def __call__(self, *objects: object) -> None:
        """Search for the values of the marked fields of these objects: texts, numbers and dates, also in lists.

        Raises:
            TypeError: an object of a class without marks: nothing would be searched for.
        """
        for each in objects:
            fields = marks_of(type(each))
            if not fields:
                raise TypeError(f"{type(each).__qualname__} has no marked field: nothing would be searched for")
            for name in fields:
                given = each.get(name) if isinstance(each, Mapping) else getattr(each, name, None)
                for text in _texts(given):
                    self._values.setdefault(text, f"{type(each).__qualname__}.{name}")

    def sightings(self, report: pytest.TestReport) -> list[str]:
        """Every trace in what a test wrote: captured output and log, warnings, files in its ``tmp_path``."""
        places: dict[str, Place] = {
            "stdout": report.capstdout,
            "stderr": report.capstderr,
            "the log": report.caplog,
            "a warning": "\n".join(self._warned),
            str(self._folder): self._folder,
        }
        fields = {**{value: name for name, value in self._canary.patient.items()}, **self._values}
        searched, names = Canary(fields), tuple(fields.values())
        found = self._canary.sightings()  # where it was told to watch
        for name, place in places.items():
            for where, octets in read(name, place):
                found += [f"{names[seen.value]} ({seen.encoding}) in {where}" for seen in searched.find(octets)]
        return list(dict.fromkeys(found))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take down what is warned of; `warnings.showwarning` is the standard library's place for that."""
        show = warnings.showwarning

        def take_down(message: Warning | str, category: type[Warning], *where: object, **more: object) -> None:
            self._warned.append(str(message))
            show(message, category, *where, **more)  # type: ignore[arg-type]

        warnings.showwarning = take_down
        try:
            yield
        finally:
            if warnings.showwarning is take_down:
                warnings.showwarning = show


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int | date) and not isinstance(value, bool):
        text = value.isoformat() if isinstance(value, date) else str(value)
        if len(text) >= SHORTEST:
            yield text
