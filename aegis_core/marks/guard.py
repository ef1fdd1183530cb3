"""`guarded`: a class whose ``repr`` and errors tell nothing of its marked fields."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from aegis_core.marks.redaction import DEFAULT

C = TypeVar("C", bound=type)

WITHHELD = "[withheld]"


def guarded(cls: C) -> C:
    """Make ``repr()``, ``str()`` and the errors of a class tell nothing of its marked fields: a class decorator.

    For attrs classes, dataclasses, pydantic models, SQLAlchemy models, named tuples and plain classes. It stands above
    the decorator that makes the class, and on a subclass that is made anew by ``attrs.define`` or ``dataclass``, too.
    The names of marked fields are learned at once. Errors: a pydantic ``ValidationError`` shows no input, also inside
    another model; what validators and converters of attrs and ``__post_init__`` raise is raised anew without its text.

    Returns:
        The class itself.
    """
    from aegis_core.marks.shapes import shape_of  # loads the readers, which a bare import does not need

    shape_of(cls, quiet=True)
    if type(cls).__name__ == "_TypedDictMeta":  # a plain dict at run time: only its names can be learned
        return cls
    if "__pydantic_core_schema__" in cls.__dict__ and hasattr(cls, "model_rebuild"):
        _guard_pydantic(cls)
    elif hasattr(cls, "__attrs_attrs__") or hasattr(cls, "__dataclass_fields__"):
        _silence(cls, "__init__")
        if "__setattr__" in cls.__dict__:
            _silence(cls, "__setattr__")
    _place(cls, "__repr__", _repr)
    _place(cls, "__str__", _repr)
    return cls


def _place(cls: Any, name: str, function: Callable[..., object]) -> None:
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


def _silence(cls: Any, name: str) -> None:
    inner = getattr(cls, name)
    if getattr(inner, "__aegis_guarded__", False):
        return

    @wraps(inner)
    def checked(self: object, *args: object, **kwargs: object) -> None:
        try:
            inner(self, *args, **kwargs)
        except (TypeError, ValueError) as problem:
            frame = problem.__traceback__
            if frame is not None and frame.tb_next is None:
                raise  # the call itself was wrong: such texts hold names of parameters alone
            silent = _without_text(cls, problem)
        else:
            return
        # Outside of the handler, so that the first error hangs on the new one nowhere.
        raise silent

    checked.__aegis_guarded__ = True  # type: ignore[attr-defined]
    setattr(cls, name, checked)


def _without_text(cls: type, problem: Exception) -> Exception:
    if type(problem).__module__.startswith("pydantic_core"):  # of a dataclass by pydantic
        return _quiet(problem)
    kind = ValueError if isinstance(problem, ValueError) else TypeError
    refused = next(
        (item.name for item in problem.args if type(item).__name__ == "Attribute" and hasattr(item, "name")), "a field"
    )
    return kind(f"{cls.__qualname__}: the value of {refused} was refused by {type(problem).__name__} {WITHHELD}")


def _guard_pydantic(cls: Any) -> None:
    """Hide inputs in the model's errors, and in those of models around it.

    The second takes a validator around the model. Pydantic offers no way to add one to a finished class, so it is
    borrowed from a model that declares it; should a release of pydantic not allow that, the first still holds.
    """
    cls.model_config = {**cls.model_config, "hide_input_in_errors": True}
    cls.__aegis_quietly__ = classmethod(_quietly)
    try:
        pydantic = sys.modules["pydantic"]
        lender: Any = type(
            "Lender",
            (pydantic.BaseModel,),
            {
                "__module__": __name__,
                "__aegis_quietly__": pydantic.model_validator(mode="wrap")(classmethod(_quietly)),
            },
        )
        lent = lender.__pydantic_decorators__.model_validators["__aegis_quietly__"]
        cls.__pydantic_decorators__.model_validators["__aegis_quietly__"] = type(lent).build(
            cls, cls_var_name="__aegis_quietly__", shim=None, info=lent.info
        )
    except (AttributeError, KeyError, TypeError):  # pragma: no cover - a future pydantic
        pass
    cls.model_rebuild(force=True, raise_errors=False, _parent_namespace_depth=4)
    _place(cls, "__repr_args__", _repr_args)


def _repr_args(self: object) -> list[tuple[str, object]]:
    written = DEFAULT.plan(type(self))(self)
    return list(written.items())


def _quietly(cls: Any, value: Any, handler: Any) -> Any:
    core = sys.modules["pydantic_core"]
    try:
        return handler(value)
    except core.ValidationError as problem:
        quiet = _quiet(problem)
    raise quiet


def _quiet(problem: Any) -> Exception:
    core = sys.modules["pydantic_core"]
    lines = [_quiet_line(core, line) for line in problem.errors(include_url=False)]
    made: Exception = core.ValidationError.from_exception_data(problem.title, lines, hide_input=True)
    return made


def _quiet_line(core: Any, line: dict[str, Any]) -> dict[str, Any]:
    kind, context = line["type"], line.get("ctx", {})
    try:
        # The text of the application's own ValueError or AssertionError, and the tag of a union, quote the value.
        context = {name: WITHHELD if name in {"error", "tag"} else known for name, known in context.items()}
        core.PydanticKnownError(kind, context)
        told: Any = kind
    except (KeyError, TypeError):
        told = core.PydanticCustomError(kind, WITHHELD)
    return {"type": told, "loc": line["loc"], "input": WITHHELD, "ctx": context}


__all__ = ["guarded"]
