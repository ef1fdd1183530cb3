"""What a sink does to everything that it writes: one `Redaction` a profile."""

from _weakref import ref
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, cast

from aegis_core.marks.classified import Classified
from aegis_core.marks.names import LEARNED
from aegis_core.marks.taxonomy import UNKNOWN, DataClass
from aegis_core.marks.walk import SCALARS, Walk

# What reads types and compiles plans is loaded with the first plan: `redact_event` is imported by every start.
if TYPE_CHECKING:
    from aegis_core.marks.plans import Plan
    from aegis_core.marks.port import Redactor

EXEMPT: Final = frozenset(("event", "level", "timestamp", "logger"))
"""Keys of an event whose names are never taken for a mark."""
ERROR: Final = "[error]"

_live: "list[ref[Redaction]]" = []


class Redaction:
    """Rules for the classes, and the plans made from them. Safe to use from many threads; it holds no value.

    Arguments:
        rules: class → redactor. A class without a rule is erased; so is, whatever the rules say, what is ``unknown``.
        keep: names that are shown although a marked field is called so.
    """

    __slots__ = ("__weakref__", "_rules", "_skip", "keep", "plans", "tables")

    def __init__(self, rules: "Mapping[DataClass, Redactor] | None" = None, /, *, keep: Collection[str] = ()) -> None:
        self._rules: dict[DataClass, Redactor] = {}
        if rules:
            from aegis_core.marks.redactors import erase

            never = {"unknown", "public"}
            self._rules = {
                data_class: redactor
                for data_class, redactor in rules.items()
                if redactor is not erase and data_class.taxonomy not in never
            }
        self.keep = frozenset(keep)
        self._skip = self.keep | EXEMPT
        self.plans: dict[type, Plan] = _Plans(self)
        self.tables: dict[str, object] = {}  # of FHIR, compiled
        _live.append(ref(self, _live.remove))

    # ------------------------------------------------------------------------------------------- for applications

    def plan(self, type_: type, /) -> Callable[[Any], Mapping[str, object]]:
        """Give the function that makes of an instance of ``type_`` what may be written.

        Compiled once a type. It touches no unloaded attribute and never raises; of a type that the marks do not know
        it gives ``{"type": "[Name]"}``.
        """
        from aegis_core.marks.shapes import shape_of

        shape = shape_of(type_)
        if shape is None:
            marker = f"[{type_.__qualname__}]"
            return lambda _: {"type": marker}
        if shape.access == "member":
            return lambda member: {"value": self.plans[type_](member)}
        return self.plans[type_]

    def event(self, logger: object, method: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
        """Redact an event in place: a structlog processor. It stands last but for the renderer.

        ``exc_info`` becomes ``exception``: types and places, without messages, locals or lines of source.
        """
        plans = self.plans
        try:
            if "resourceType" in event:  # log.info("read", **resource)
                resource = {key: event.pop(key) for key in [*event] if key not in EXEMPT}
                event.update(cast("dict[str, Any]", plans[dict](resource, None)))
                return event
            for key, value in event.items() if type(event) is dict else list(event.items()):
                if key in LEARNED and key not in self._skip:
                    event[key] = self.hit(key, value, LEARNED[key])
                elif type(value) not in SCALARS and key != "_record":
                    event[key] = (
                        plans[type(value)](value, None) if key != "positional_args" else self._put(event, value)
                    )
            if "exc_info" in event and "exc_info" not in self.keep:
                traced = event.pop("exc_info")
                if traced:
                    event["exception"] = traced
        except Exception:  # noqa: BLE001 - a processor that raises ends the application's own call
            return {key: event[key] if key in EXEMPT and type(event[key]) is str else ERROR for key in event}
        return event

    def fields(self, fields: Mapping[str, object], /) -> dict[str, object]:
        """Redact loose keywords into a new dict."""
        plans = self.plans
        written: dict[str, object] = {}
        for key, value in fields.items():
            if key in LEARNED and key not in self.keep:
                written[key] = self.hit(key, value, LEARNED[key])
            else:
                written[key] = value if type(value) in SCALARS else plans[type(value)](value, None)
        return written

    def value(self, name: str | None, value: object, /) -> object:
        """Redact one value: by its name if that was learned, else by its type.

        Arguments:
            name: the keyword that it goes by; None for a value without a name.
        """
        return self.loose(name, value, None)

    # --------------------------------------------------------------------------------------------------- for plans

    def rule(self, data_class: DataClass, /) -> "Redactor | None":
        """Give the redactor of a class; None: erase."""
        return self._rules.get(data_class)

    def loose(self, name: object, value: object, walk: Walk | None, /) -> object:
        """Write a value under a name that bears no mark of its own."""
        data_class = LEARNED.get(name) if type(name) is str else _class_of_name(name)
        if data_class is not None and not (isinstance(name, str) and name in self.keep):
            return self.hit(name, value, data_class)
        return value if type(value) in SCALARS else self.plans[type(value)](value, walk)

    def nested(self, value: object, walk: Walk | None, /) -> object:
        """Write a value that bears no mark, by its type."""
        return self.plans[type(value)](value, walk)

    def typed(self, type_: type, /) -> bool:
        """Say whether values of a type say of themselves what may be written."""
        from aegis_core.marks.shapes import shape_of

        return issubclass(type_, Classified) or shape_of(type_) is not None

    def marked(self, value: object, data_class: DataClass, /) -> object:
        """Write a value of a class: by its rule, item by item in a list; erased if there is none or it raises."""
        redactor = self._rules.get(data_class)
        if redactor is None:
            return data_class.marker
        try:
            return _apply(redactor, value, data_class, 4)
        except Exception:  # noqa: BLE001 - what raises inside a redactor is erased
            return data_class.marker

    def hit(self, name: object, value: object, data_class: DataClass, /) -> object:
        """Write a value under a name that was learned: what the logger calls where it finds one itself."""
        if data_class is UNKNOWN.EXCEPTION and name == "exc_info":
            from aegis_core.marks.traces import describe

            return describe(value)
        if not self._rules:
            return data_class.marker
        if isinstance(value, Classified):
            data_class = value.data_class
        return self.marked(value, data_class)

    def _put(self, event: MutableMapping[str, Any], given: Any) -> object:
        """What structlog's ``PositionalArgumentsFormatter`` is to put into the event, as for the standard library."""
        message = event.get("event")
        if not isinstance(message, str) or not isinstance(given, tuple):
            return self.nested(given, None)
        from aegis_core.marks.handlers import redact_arguments

        args = given[0] if len(given) == 1 and isinstance(given[0], Mapping) and given[0] else given
        event["event"], shown = redact_arguments(message, args, self)
        return shown if isinstance(shown, tuple) else () if shown is None else (shown,)

    def _make(self, type_: type) -> "Plan":
        from aegis_core.marks.plans import compile_plan
        from aegis_core.marks.shapes import shape_of
        from aegis_core.marks.values import plan_of_values

        try:
            shape = shape_of(type_) if type_ is not dict else None
            if shape and issubclass(type_, BaseException) and not any(field.data_class for field in shape.fields):
                shape = None  # an attrs class or a dataclass without a mark: what it holds is what it would say
            made = plan_of_values(type_, self) if shape is None else compile_plan(shape, self)
        except Exception:  # noqa: BLE001 - a class that can't even be looked at is erased
            marker = f"[{type.__getattribute__(type_, '__name__')}]"
            return lambda o, w=None: marker
        if shape is not None:
            return made

        def write(value: object, walk: Walk | None) -> object:
            try:
                return made(value, walk)
            except Exception:  # noqa: BLE001 - see above
                return ERROR

        return write


MOST_PLANS: Final = 4096  #: programs that make classes without end start over


class _Plans(dict[type, "Plan"]):
    __slots__ = ("_redaction",)

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction

    def __missing__(self, type_: type) -> "Plan":
        if len(self) >= MOST_PLANS:
            self.clear()
        made = self[type_] = self._redaction._make(type_)
        return made


def _apply(redactor: "Redactor", value: object, data_class: DataClass, left: int) -> object:
    if isinstance(value, Classified):
        value = cast(Any, value)._Classified__value
    if value is None:
        return data_class.marker
    if isinstance(value, list | tuple | set | frozenset):
        if left <= 0:
            return data_class.marker
        return [_apply(redactor, item, data_class, left - 1) for item in value]
    if isinstance(value, Mapping) or (
        type(value).__module__ not in _PLAIN_MODULES and not isinstance(value, str | int)
    ):
        return data_class.marker
    text = redactor(value, data_class)
    return text if type(text) is str else data_class.marker


_PLAIN_MODULES: Final = frozenset(("builtins", "datetime", "uuid", "decimal"))


def _class_of_name(name: object) -> DataClass | None:
    """The class of a key that is no plain text: of text in bytes, of an enumeration's member, of a path of names."""
    if isinstance(name, str):
        return LEARNED.get(str.__str__(name))
    if isinstance(name, bytes):
        return LEARNED.get(name.decode("latin-1"))
    if isinstance(name, tuple):
        found = (_class_of_name(part) for part in name if isinstance(part, str | bytes))
        return next((data_class for data_class in found if data_class is not None), None)
    value = getattr(name, "_value_", None)  # of an enumeration
    return LEARNED.get(value) if type(value) is str else None


def forget_plans() -> None:
    """Compile every plan anew: a class was marked after its plan may have been made."""
    for alive in _live.copy():  # a redaction that ends meanwhile takes itself off
        redaction = alive()
        if redaction is not None:
            redaction.plans.clear()


DEFAULT: Final = Redaction()
"""Erases every class."""
redact_event: Final = DEFAULT.event
"""A structlog processor that erases every marked value; it imports no structlog."""


def redacted(value: object, /) -> object:
    """Give what may be written of a value: plain dicts, lists and scalars, every mark erased.

    For what is no log line: ``json.dumps(redacted(patient))`` on a page for debugging, in the place of ``model_dump``.
    """
    return DEFAULT.loose(None, value, None)
