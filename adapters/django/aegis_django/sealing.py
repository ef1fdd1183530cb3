"""``national_id = SealedField(PII.NATIONAL_ID, subject="mrn")``: sealed when it is saved, opened when it is read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.core import checks
from django.db import models
from django.db.models.signals import class_prepared, post_init, pre_save
from django.utils.functional import lazy

from aegis_core import PHI, Classified, DataClass, current
from aegis_core.crypto import column_context, column_token, is_sealed, open_column, seal_column, sealing_key
from aegis_core.kernel import SYSTEM_ENTROPY
from aegis_django import sealing_keys
from aegis_django.sealing_keys import refusal, revealed
from aegis_django.tokens import ByToken, TokenField

if TYPE_CHECKING:
    TextField = models.TextField[str | None, str | None]
else:
    TextField = models.TextField

_NONCE_SIZE: Final = 12
_LOOKUPS: Final = frozenset({"exact", "in", "isnull"})


class Box(str):
    """A sealed text, and what it was bound to when it was read or written."""

    __slots__ = ("bound",)

    def __init__(self, _text: str) -> None:
        self.bound: tuple[object, object] | None = None


class SealedField(TextField):
    """A text that lies sealed in its column: the instance's ``<name>_sealed`` is the box, ``<name>`` opens it.

    Arguments:
        data_class: what it is; it goes by this in logs, too.
        subject: the field that says whose the value is: it is sealed with the key of that patient, which `shred`
            destroys, and opens for nobody else. None: with the tenant's key.
        row: the field whose value is the row's for ever and known before it is saved, as a UUID with a default: the
            value opens in no other row. None: it does in another row of the same subject.
        token: the `TokenField` by which the value is searched for.
        place: what stands for table and column, once one of them was renamed: the former, ``clinic_patient.ssn``.
        editable: whether it is in forms and the admin, which then open it; by default it is not.
    """

    def __init__(
        self,
        data_class: DataClass | None = None,  # None: of the past, as migrations make it; see `marking.remember`
        /,
        *args: Any,
        subject: str | None = None,
        row: str | None = None,
        token: str | None = None,
        place: str | None = None,
        editable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "editable": editable})
        self.data_class = data_class or PHI.UNIQUE_ID
        self.subject, self.row, self.token, self.place = subject, row, token, place

    def deconstruct(self) -> Any:
        """For migrations: all but the mark."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        given = {"subject": self.subject, "row": self.row, "token": self.token, "place": self.place}
        kwargs |= {key: value for key, value in given.items() if value is not None}
        if self.editable:
            kwargs["editable"] = True
        return name, path.replace("aegis_django.sealing", "aegis_django"), args, kwargs

    def get_attname(self) -> str:
        return f"{self.name}_sealed"

    def get_attname_column(self) -> tuple[str, str]:
        return self.get_attname(), self.db_column or self.name

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:  # noqa: FBT001, FBT002
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, Opened(self))

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Whether the fields that it names are there."""
        found: list[checks.CheckMessage] = super().check(**kwargs)
        known = {field.name: field for field in self.model._meta.concrete_fields}
        for option, name in (("subject", self.subject), ("row", self.row), ("token", self.token)):
            if name is not None and name not in known:
                found.append(checks.Error(f"{option}={name!r} is no field.", obj=self, id="aegis_django.E003"))
        if self.token in known and not isinstance(known[self.token], TokenField):
            found.append(checks.Error(f"token={self.token!r} is no TokenField.", obj=self, id="aegis_django.E003"))
        if self.unique or getattr(self, "db_index", False):
            hint = "say so of its TokenField"
            found.append(checks.Error("No two boxes are alike.", hint=hint, obj=self, id="aegis_django.E004"))
        return found

    def get_lookup(self, lookup_name: str) -> Any:
        """Equality, by the token; NULL. Django refuses what there is no lookup for."""
        return super().get_lookup(lookup_name) if lookup_name in _LOOKUPS else None

    # --- what comes from and goes to the database

    def from_db_value(self, value: str | None, *_: object) -> Box | None:
        return None if value is None else Box(value)

    def to_python(self, value: Any) -> Any:
        """What fixtures hold: boxes, as `dumpdata` writes them."""
        return Box(value) if isinstance(value, str) and is_sealed(value) else value

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(getattr(obj, self.attname)))

    def get_prep_value(self, value: Any) -> str | None:
        """Let through what is sealed."""
        if value is None or (isinstance(value, str) and is_sealed(value)):
            return value
        del value  # a traceback shows locals
        raise refusal(
            "a value that is not sealed was on its way into a sealed column: set the attribute and save() each"
        )

    def get_default(self) -> Any:
        value: Any = super().get_default()
        return None if value is None else self.classified(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001
        """Seal what was set, and what was moved to another subject or row."""
        held = getattr(model_instance, self.attname)
        if self._is_moved(model_instance, held):
            held = self.classified(self.opened(model_instance))
        if not isinstance(held, Classified):
            return held
        bound = self._bound(model_instance)
        context = self._context(bound)
        key = sealing_keys.of(None if self.subject is None else str(bound[0]))
        box = Box(seal_column(key, revealed(held), context=context, nonce=SYSTEM_ENTROPY.octets(_NONCE_SIZE)))
        box.bound = bound
        if self.token is not None:
            setattr(model_instance, self.token, next(iter(self.tokens([held], every=False))))
        setattr(model_instance, self.attname, box)
        return box

    # --- what forms and the admin do, where it is editable

    def value_from_object(self, obj: models.Model) -> Any:
        held = getattr(obj, self.attname)
        # Opened when it is shown: `dumpdata` asks for it, too, and does without.
        return lazy(self.opened, str)(obj) if self.editable and held is not None else held

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Validate what was set; what is sealed already was validated then."""
        if isinstance(value, Classified):
            super().clean(revealed(value), model_instance)
        elif value is None:
            super().clean(value, model_instance)
        return value

    # --- sealing and opening

    def classified(self, value: Any) -> Classified[str]:
        held: Classified[Any] = Classified(value, self.data_class)
        if not isinstance(revealed(held), str):
            del value, held
            raise refusal(f"`{self.name}` is sealed, and takes text")
        return held

    def opened(self, instance: models.Model) -> str | None:
        """The value."""
        held = getattr(instance, self.attname)
        if held is None:
            return None
        if isinstance(held, Classified):
            pending: str = revealed(held)
            return pending
        bound = held.bound if isinstance(held, Box) and held.bound is not None else self._bound(instance)
        return open_column(sealing_keys.named(sealing_key(held)), held, context=self._context(bound))

    def tokens(self, values: Sequence[Classified[str]], *, every: bool = True) -> list[str]:
        """The tokens of values, under every index key or the active one."""
        if self.token is None:
            raise refusal(f"`{self.name}` is sealed: give it a TokenField to be searched by, token=…")
        field = self.model._meta.get_field(self.token)
        if not isinstance(field, TokenField):
            raise refusal(f"`{self.token}` is no TokenField")
        spelling, place, tenant = field.spelling, self._place, current().tenant or ""
        spelled = [spelling(revealed(value)) for value in values]
        keys = sealing_keys.indexes(every=every)
        return [column_token(key, text, place=place, tenant=tenant) for key in keys for text in spelled]

    @property
    def _place(self) -> str:
        return self.place or f"{self.model._meta.db_table}.{self.column}"

    def _context(self, bound: tuple[object, object]) -> bytes:
        subject, row = map(self._spelled, (self.subject, self.row), bound)
        return column_context(self._place, subject=subject, row=row)

    def _spelled(self, name: str | None, value: object) -> str:
        if name is None:
            return ""
        if value in (None, "") or not isinstance(value, str | int | UUID):
            del value
            raise refusal(
                f"`{self.name}` is bound to `{name}`, which has to be set before it is sealed, and is a text, an "
                "integer or a UUID"
            )
        return str(value)

    def _attname(self, name: str) -> str:
        return self.model._meta.get_field(name).attname  # type: ignore[union-attr]

    def _bound(self, instance: models.Model) -> tuple[object, object]:
        subject, row = (name and getattr(instance, self._attname(name)) for name in (self.subject, self.row))
        return subject, row

    def _is_moved(self, instance: models.Model, held: object) -> bool:
        return isinstance(held, Box) and held.bound is not None and held.bound != self._bound(instance)

    def remember(self, instance: models.Model, **_: object) -> None:
        """Keep with the box what it is bound to: the instance may be told of another subject."""
        held = instance.__dict__.get(self.attname)
        if isinstance(held, Box) and held.bound is None:
            names = [name and self._attname(name) for name in (self.subject, self.row)]
            if all(name is None or name in instance.__dict__ for name in names):
                held.bound = self._bound(instance)

    def refuse_part(
        self, instance: models.Model, *, update_fields: frozenset[str] | None, raw: bool, **_: object
    ) -> None:
        """With ``update_fields``: a box goes with its token, and with what it is bound to."""
        if update_fields is None or raw:
            return
        held = instance.__dict__.get(self.attname)
        is_written = not update_fields.isdisjoint((self.name, self.attname))
        if is_written and self.token is not None and self.token not in update_fields:
            raise refusal(f"update_fields has `{self.name}` and not `{self.token}`, by which it is found")
        if not is_written and self._is_moved(instance, held):
            raise refusal(f"`{self.name}` is sealed for the former `{self.subject or self.row}`: save it along")


class Opened:
    """The attribute that opens."""

    def __init__(self, field: SealedField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type | None = None) -> Any:
        return self if instance is None else self.field.opened(instance)

    def __set__(self, instance: models.Model, value: Any) -> None:
        if value is not None and not isinstance(value, Box):
            value = self.field.classified(value)
        if value is None and self.field.token is not None:
            setattr(instance, self.field.token, None)
        setattr(instance, self.field.attname, value)


def watch(sender: type[models.Model], **_: object) -> None:
    """Listen to the instances of a model with sealed fields, whether they are its own or a parent's."""
    for field in sender._meta.concrete_fields:
        if isinstance(field, SealedField):
            post_init.connect(field.remember, sender=sender)
            pre_save.connect(field.refuse_part, sender=sender)


class_prepared.connect(watch, dispatch_uid="aegis_django.sealing")
for _name in ("exact", "in"):
    SealedField.register_lookup(ByToken, _name)
