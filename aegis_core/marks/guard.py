"""`guarded`: a class whose ``repr`` and errors tell nothing of its marked fields."""

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from aegis_core.marks.redaction import DEFAULT

C = TypeVar("C", bound=type)

WITHHELD = "[withheld]"
#: What code that looks at a value raises, with the value in its text: a KeyError consists of nothing else.
_REFUSALS = (ValueError, TypeError, KeyError, AssertionError)


def guarded(cls: C) -> C:
    """Make ``repr()``, ``str()`` and the errors of a class tell nothing of its marked fields: a class decorator.

    For attrs classes, dataclasses, pydantic models and dataclasses, SQLAlchemy and Django models, msgspec structs,
    named tuples, enumerations and plain classes, and for their subclasses. It stands above the decorator that makes the
    class. The names of marked fields are learned at once. Errors: a pydantic ``ValidationError`` shows no input, also
    inside another model; a ValueError, TypeError, KeyError or AssertionError of validators and converters of attrs,
    ``__post_init__`` of a dataclass and ``__init__`` of a plain class is raised anew without its text.

    Returns:
        The class itself.
    """
    from aegis_core.marks.shapes import shape_of  # loads the readers, which a bare import does not need

    shape = shape_of(cls, quiet=True)
    if type(cls).__name__ == "_TypedDictMeta":  # a plain dict at run time: only its names can be learned
        return cls
    if shape is not None and shape.access == "member":
        _guard_enum(cls)
        return cls
    if "__pydantic_core_schema__" in cls.__dict__:
        from aegis_core.marks.validation import guard_pydantic

        guard_pydantic(cls, _repr_args)
    if hasattr(cls, "__attrs_attrs__") or hasattr(cls, "__dataclass_fields__"):
        _silence_own(cls)
        _guard_what_is_made_anew(cls)
    elif shape is not None and shape.access == "state" and not _is_of_an_orm(cls) and "__init__" in cls.__dict__:
        _silence(cls, "__init__")
    _place(cls, "__repr__", _repr)
    _place(cls, "__str__", _repr)
    _place(cls, "__rich_repr__", _rich_repr)  # rich and textual take attrs classes and structs apart otherwise
    return cls


def _is_of_an_orm(cls: type) -> bool:
    return hasattr(cls, "__mapper__") or hasattr(cls, "_meta")


def _place(cls: Any, name: str, function: object) -> None:
    setattr(cls, name, function)


def _repr(self: object) -> str:
    from aegis_core.marks.shapes import shape_of

    cls = type(self)
    written = DEFAULT.plan(cls)(self)
    if not isinstance(written, dict):
        return f"{cls.__qualname__}({WITHHELD})"
    marked = {field.name for field in getattr(shape_of(cls), "fields", ()) if field.data_class is not None}
    shown = (f"{name}={value if name in marked else repr(value)}" for name, value in written.items())
    return f"{cls.__qualname__}({', '.join(shown)})"


def _repr_args(self: object) -> list[tuple[str, object]]:
    written = DEFAULT.plan(type(self))(self)
    return list(written.items()) if isinstance(written, dict) else []


def _rich_repr(self: object) -> Iterator[tuple[str, object]]:
    yield from _repr_args(self)


def _guard_what_is_made_anew(cls: Any) -> None:
    """Guard subclasses that ``attrs.define`` or ``dataclass`` make anew: neither replaces what it finds in a class."""

    def begun(sub: type) -> None:
        if "__repr__" not in sub.__dict__:
            _place(sub, "__repr__", _repr)
        if "__post_init__" in sub.__dict__:
            _silence(sub, "__post_init__")

    _hook(cls, "__init_subclass__", begun)
    if hasattr(cls, "__attrs_attrs__"):
        _hook(cls, "__attrs_init_subclass__", _silence_own)


def _hook(cls: Any, name: str, then: Callable[[type], None]) -> None:
    """Do more where subclasses are announced, after what the class itself or its bases do there."""
    own = cls.__dict__.get(name)

    def announced(sub: type, /, **kwargs: object) -> None:
        before = own.__get__(None, sub) if own is not None else getattr(super(cls, sub), name, None)
        if before is not None:
            before(**kwargs)
        then(sub)

    setattr(cls, name, classmethod(announced))


def _silence_own(cls: Any) -> None:
    for name in ("__init__", "__post_init__", "__setattr__"):
        if name in cls.__dict__:
            _silence(cls, name)


def _guard_enum(cls: Any) -> None:
    """An enumeration whose values are marked: neither a member nor the failed look-up of one tells a value."""
    _place(cls, "__repr__", _repr)
    _place(cls, "__str__", _repr)
    _place(cls, "__format__", lambda self, spec: format(_repr(self), spec))
    if cls._missing_.__func__ is sys.modules["enum"].Enum._missing_.__func__:

        def missing(cls: type, value: object) -> None:
            raise ValueError(f"{cls.__qualname__} has no such value {WITHHELD}")

        _place(cls, "_missing_", classmethod(missing))


def _silence(cls: Any, name: str) -> None:
    inner: Callable[..., None] = getattr(cls, name)
    if getattr(inner, "__aegis_guarded__", False):
        return

    @wraps(inner)
    def checked(self: object, *args: object, **kwargs: object) -> None:
        try:
            inner(self, *args, **kwargs)
        except _REFUSALS as problem:
            frame = problem.__traceback__
            if frame is not None and frame.tb_next is None:
                raise  # the call itself was wrong: such texts hold names of parameters alone
            silent = without_text(cls, problem)
        else:
            return
        # Outside of the handler, so that the first error hangs on the new one nowhere.
        raise silent

    checked.__aegis_guarded__ = True  # type: ignore[attr-defined]
    setattr(cls, name, checked)


def without_text(cls: type, problem: Exception) -> Exception:
    """Give an error of the same built-in kind that says which field was refused, and not what stood in it."""
    if type(problem).__module__.startswith("pydantic_core"):  # of a dataclass by pydantic
        from aegis_core.marks.validation import without_input

        return without_input(problem, cls)
    kind = next(kind for kind in _REFUSALS if isinstance(problem, kind))
    refused = next(
        (item.name for item in problem.args if type(item).__name__ == "Attribute" and hasattr(item, "name")), "a field"
    )
    return kind(f"{cls.__qualname__}: the value of {refused} was refused by {type(problem).__name__} {WITHHELD}")


__all__ = ["WITHHELD", "guarded", "without_text"]
