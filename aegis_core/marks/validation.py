"""Errors of pydantic without what was refused, for guarded models and dataclasses."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from aegis_core.marks.guard import WITHHELD, without_text
from aegis_core.marks.shapes import shape_of

#: What stands for a part of a place that was sent.
KEY: Final = "[key]"
_ENDS_WITH_A_KEY: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def guard_pydantic(cls: Any, repr_args: Callable[[object], object], /) -> None:
    """Hide inputs in the errors of a model or dataclass, and in those of models around it.

    The second takes a validator around the model. Pydantic offers no way to add one to a finished class, so it is
    borrowed from a model that declares it; should a release of pydantic not allow that, the first still holds.

    Arguments:
        repr_args: gives what ``repr``, rich and devtools show of an instance.
    """
    is_model = hasattr(cls, "model_rebuild")
    config = "model_config" if is_model else "__pydantic_config__"
    setattr(cls, config, {**(getattr(cls, config, None) or {}), "hide_input_in_errors": True})
    quietly: Any = classmethod(_named(cls.__name__))
    cls.__aegis_quietly__ = quietly
    pydantic = sys.modules["pydantic"]
    try:
        lender: Any = type(
            "Lender",
            (pydantic.BaseModel,),
            {
                "__module__": __name__,
                "__aegis_quietly__": pydantic.model_validator(mode="wrap")(quietly),
            },
        )
        lent = lender.__pydantic_decorators__.model_validators["__aegis_quietly__"]
        cls.__pydantic_decorators__.model_validators["__aegis_quietly__"] = type(lent).build(
            cls, cls_var_name="__aegis_quietly__", shim=None, info=lent.info
        )
    except (AttributeError, KeyError, TypeError):  # pragma: no cover - a future pydantic
        pass
    if not is_model:
        sys.modules["pydantic.dataclasses"].rebuild_dataclass(
            cls, force=True, raise_errors=False, _parent_namespace_depth=4
        )
        return
    cls.model_rebuild(force=True, raise_errors=False, _parent_namespace_depth=4)
    cls.__repr_args__ = repr_args
    # What is no JSON is refused before any validator, and what is frozen without one.
    cls.model_validate_json = classmethod(_quiet_call(cls.model_validate_json.__func__))
    if cls.model_config.get("frozen") or any(field.frozen for field in cls.__pydantic_fields__.values()):
        cls.__setattr__ = _quiet_call(cls.__setattr__)


def without_input(problem: Any, cls: type | None = None, /) -> Exception:
    """Give a ``ValidationError`` of the same lines that shows no input and no text of the application's own.

    Arguments:
        cls: the class at which the places in the lines begin. Of a place in a marked field its name is shown, and
            positions: keys of a mapping were sent, and may be marked themselves.
    """
    core = sys.modules["pydantic_core"]
    marked = _marked(cls) if cls is not None else frozenset[str]()
    lines = [_quiet_line(core, line, marked) for line in problem.errors(include_url=False)]
    made: Exception = core.ValidationError.from_exception_data(problem.title, lines, hide_input=True)
    return made


def _quiet_call(inner: Any) -> Any:
    if getattr(inner, "__aegis_guarded__", False):
        return inner

    @wraps(inner)
    def quietly(*args: Any, **kwargs: Any) -> Any:
        try:
            return inner(*args, **kwargs)
        except sys.modules["pydantic_core"].ValidationError as problem:
            quiet = without_input(problem)
        # Outside of the handler, so that the first error hangs on the new one nowhere.
        raise quiet

    quietly.__aegis_guarded__ = True  # type: ignore[attr-defined]
    return quietly


def _named(name: str) -> Any:
    """Make the validator. Errors of unions name it in their ``loc``, so it goes by the name of its class."""

    def quietly(cls: Any, value: Any, handler: Any) -> Any:
        try:
            return handler(value)
        except sys.modules["pydantic_core"].ValidationError as problem:
            quiet = without_input(problem, cls)
        except KeyError as problem:  # pydantic lets it pass
            quiet = without_text(cls, problem)
        raise quiet

    quietly.__name__ = quietly.__qualname__ = name
    return quietly


def _marked(cls: type) -> frozenset[str]:
    shape = shape_of(cls)
    fields = shape.fields if shape else ()
    return frozenset(name for field in fields if field.data_class for name in (field.name, *field.aliases))


def _quiet_line(core: Any, line: dict[str, Any], marked: frozenset[str]) -> dict[str, Any]:
    kind, loc, context = line["type"], line["loc"], line.get("ctx", {})
    if kind in _ENDS_WITH_A_KEY:
        loc = (*loc[:-1], KEY)
    elif loc and loc[0] in marked:
        loc = (loc[0], *(part if isinstance(part, int) else KEY for part in loc[1:]))
    try:
        # The text of the application's own ValueError or AssertionError, and the tag of a union, quote the value.
        context = {name: WITHHELD if name in {"error", "tag"} else known for name, known in context.items()}
        core.PydanticKnownError(kind, context)
        told: Any = kind
    except (KeyError, TypeError):
        told = core.PydanticCustomError(kind, WITHHELD)
    return {"type": told, "loc": loc, "input": WITHHELD, "ctx": context}
