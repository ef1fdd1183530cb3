"""What of an event type is written plain and what is sealed: found out once a type."""

import re
from typing import Final, NoReturn
from uuid import UUID

import attrs

from aegis_core.crypto.fields import field_context
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent
from aegis_core.marks.shapes import marks_of
from aegis_core.marks.taxonomy import UNKNOWN

_ACTION: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}", re.ASCII)
_NO_ID: Final = UUID(int=0)
_INHERITED: Final = frozenset({"outcome", "event_id"})


@attrs.frozen
class EventPlan:
    """How events of one type are recorded.

    Arguments:
        action: the type's constant name.
        plain: names of fields without a mark, sorted.
        sealed: the marked fields, sorted by name.
    """

    action: str
    plain: tuple[str, ...]
    sealed: tuple["SealedField", ...]


@attrs.frozen(order=True)
class SealedField:
    """A field that is sealed, and the constant parts of its spelling.

    Arguments:
        bound_to: what it is bound to, behind the 16 bytes of its event's id.
        before: JSON in front of its box.
        after: JSON behind its box, up to the key's id.
    """

    name: str
    bound_to: bytes
    before: str
    after: str

    @classmethod
    def of(cls, name: str, data_class: str, action: str, /) -> "SealedField":
        """The field ``name`` of an event, of a class such as ``"phi.name"``."""
        bound_to = field_context(_NO_ID, name, action)[len(_NO_ID.bytes) :]
        return cls(name, bound_to, f'"{name}":{{"box":"', f'","class":"{data_class}","key":"')


_plans: dict[type, EventPlan] = {}
_MOST_PLANS: Final = 2048


def plan_of(type_: type[AuditEvent], /) -> EventPlan:
    """Read a type's action and its marks. A field whose annotation cannot be resolved is sealed.

    Raises:
        AegisError: ``invalid_argument`` for a type that cannot be recorded, saying why.
    """
    plan = _plans.get(type_)
    if plan is None:
        if len(_plans) >= _MOST_PLANS:  # types made on the fly
            _plans.clear()
        plan = _plans[type_] = _compile(type_)
    return plan


def _compile(type_: type[AuditEvent]) -> EventPlan:
    action: object = type_.action
    if not isinstance(action, str) or _ACTION.fullmatch(action) is None:
        _refuse(type_, 'needs a constant name: action: ClassVar[str] = "report.filed" (lower case, digits, . _ -)')
    if "__attrs_attrs__" not in vars(type_):
        _refuse(type_, "is not an attrs class of its own: decorate it with attrs.frozen")
    marks = marks_of(type_)
    plain: list[str] = []
    sealed: list[SealedField] = []
    for name in sorted(field.name for field in attrs.fields(type_)):
        if name in _INHERITED:
            continue
        if not name.isascii():
            _refuse(type_, "has a field whose name is not ASCII")
        data_class = marks.get(name, UNKNOWN.UNRESOLVED)
        if data_class is None or data_class.taxonomy == "public":
            plain.append(name)
        elif data_class.taxonomy == "secret":
            _refuse(type_, f"has the field {name!r} marked as a secret: a trail is kept for ever, leave secrets out")
        else:
            sealed.append(SealedField.of(name, str(data_class), action))
    return EventPlan(action, tuple(plain), tuple(sealed))


def _refuse(type_: type, reason: str) -> NoReturn:
    raise AegisError(ErrorCode.INVALID_ARGUMENT, f"the event type {type_.__name__} {reason}", operation="audit.record")
