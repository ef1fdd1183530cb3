"""A value that tells nothing until somebody says what for."""

from typing import Generic, NoReturn, TypeVar

from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import DataClass

T = TypeVar("T")


class Classified(Generic[T]):
    """A value wrapped in its class: ``str``, ``repr``, ``format``, ``%`` and JSON show ``[phi.mrn]`` in its place.

    It never changes; a copy of it is itself; it cannot be pickled. Two are equal when class and value are. It is no
    ``str`` on purpose: where a driver or an encoder wants the value it must be revealed, and until then that code
    fails instead of storing a marker in the place of a record number. ``json.dumps(…, default=str)``, orjson's
    ``default=str``, structlog's renderers, pydantic and `aegis_core.kernel.json` write the marker.

    Arguments:
        value: what is protected; a `Classified` given here is unwrapped first.
        data_class: its class.
    """

    __slots__ = ("__value", "data_class")

    data_class: DataClass

    def __init__(self, value: T, data_class: DataClass) -> None:
        checked: object = data_class
        if not isinstance(checked, DataClass):
            msg = "a Classified needs a DataClass, such as PHI.MRN"
            raise TypeError(msg)
        if isinstance(value, Classified):
            value = value.__value  # type: ignore[attr-defined]  # what is wrapped is never itself a Classified, so once is enough
        object.__setattr__(self, "_Classified__value", value)
        object.__setattr__(self, "data_class", data_class)

    def reveal(self, purpose: Purpose, /) -> T:
        """Give the value to code that has a purpose. Records nothing itself: the service that reveals does.

        Arguments:
            purpose: why the value is needed.

        Returns:
            The value as it was given.

        Raises:
            TypeError: if ``purpose`` is no `Purpose`, so that a reveal without a reason can't be written.
        """
        checked: object = purpose
        if not isinstance(checked, Purpose):
            msg = "reveal needs a Purpose, such as Purpose.TREATMENT"
            raise TypeError(msg)
        return self.__value  # type: ignore[attr-defined, no-any-return]

    def __str__(self) -> str:
        return self.data_class.marker

    __repr__ = __str__
    __structlog__ = __str__

    def __format__(self, spec: str) -> str:
        return format(self.data_class.marker, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Classified):
            return NotImplemented
        return self.data_class == other.data_class and bool(self.__value == other.__value)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.data_class, self.__value))  # type: ignore[attr-defined]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        """Let pydantic models have classified fields; they must be given as such, and JSON shows the marker."""
        import sys

        schemas = sys.modules["pydantic_core"].core_schema
        return schemas.is_instance_schema(cls, serialization=schemas.to_string_ser_schema())

    def __copy__(self) -> "Classified[T]":
        return self

    def __deepcopy__(self, memo: object) -> "Classified[T]":
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a Classified is not pickled: reveal it for a purpose and seal it instead"
        raise TypeError(msg)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = "a Classified never changes"
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        msg = "a Classified never changes"
        raise AttributeError(msg)
