"""What turns a classified value into text that may be written."""

from typing import Protocol

from aegis_core.marks.taxonomy import DataClass


class Redactor(Protocol):
    """Makes of a value what a sink may show. `erase`, `mask`, `Pseudonym`, `year` and `zip3` are the shipped ones.

    It is handed one plain value at a time (text, number, date …), never None and never a container: those the
    `Redaction` takes apart. What it raises, or returns besides text, is written as the class's marker.
    """

    def __call__(self, value: object, data_class: DataClass, /) -> str:
        """Give the text that stands in the value's place."""
        ...
