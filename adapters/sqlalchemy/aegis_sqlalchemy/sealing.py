"""``note: Mapped[str | None] = sealed(PHI.NOTE, subject="mrn")``: an attribute whose column holds a sealed text."""

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import event, inspect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import LoaderCallableStatus, Mapped, Mapper, mapped_column

from aegis_core import Classified, DataClass, Purpose, UnsupportedCapability, current, mark
from aegis_core.crypto import column_context, column_token, open_column, seal_column, sealing_key
from aegis_core.kernel import SYSTEM_ENTROPY
from aegis_sqlalchemy.keys import Keys
from aegis_sqlalchemy.sealed_text import SealedText, TokenText
from aegis_sqlalchemy.searching import Searched, refuse

_NONCE_SIZE: Final = 12


def sealed(
    data_class: DataClass,
    /,
    *,
    subject: str | None = None,
    row: str | None = None,
    token: Callable[[str], str] | None = None,
    column: str | None = None,
    place: str | None = None,
    nullable: bool = True,
) -> Mapped[Any]:
    """Declare an attribute that is sealed when it is flushed, and opened when it is read.

    Arguments:
        data_class: what it is; it goes by this in logs, too.
        subject: the attribute that says whose the value is: it is sealed with the key of that patient, which `shred`
            destroys, and opens for nobody else. None: with the tenant's key.
        row: the attribute whose value is the row's for ever and known before it is written, as a UUID made here: the
            value opens in no other row. None: it does in another row of the same subject.
        token: the spelling under which the value is searched for, as ``str.strip``; ``str``: as it is. There is a
            second column then, of tokens.
        column: its name, if that is not the attribute's.
        place: what stands for table and column, once one of them was renamed: the former names, ``patient.ssn``.
        nullable: whether the column may be NULL.

    Raises:
        UnsupportedCapability: before SQLAlchemy 2.1.
    """
    if not hasattr(hybrid_property, "bulk_dml"):  # before 2.1 bulk inserts leave out what they are told of a hybrid
        raise UnsupportedCapability("bulk_dml", adapter="sqlalchemy", operation="sqlalchemy.sealed")
    made: Any = Sealed(
        data_class, subject=subject, row=row, spelling=token, column=column, place=place, nullable=nullable
    )
    return made  # type: ignore[no-any-return]


class Sealed(hybrid_property[Any]):
    """Opens and seals; what an object holds is the sealed text, and before the flush a `Classified`."""

    def __init__(
        self,
        data_class: DataClass,
        /,
        *,
        subject: str | None,
        row: str | None,
        spelling: Callable[[str], str] | None,
        column: str | None,
        place: str | None,
        nullable: bool,
    ) -> None:
        super().__init__(
            self._open, self._put, expr=self._searched, update_expr=self._refuse_update, bulk_dml_setter=self._in_bulk
        )
        self.data_class = data_class
        self._subject = subject
        self._row = row
        self._spelling = spelling
        self._column = column
        self._given_place = place
        self._nullable = nullable

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name
        self._box, self._token = f"_{name}", f"_{name}_token"
        self._column = column = self._column or name
        info = {"aegis": self.data_class}
        setattr(owner, self._box, mapped_column(column, SealedText(), nullable=self._nullable, info=info))
        if self._spelling is not None:
            setattr(owner, self._token, mapped_column(f"{column}_token", TokenText(), index=True, info=info))
        event.listen(owner, "mapper_configured", self._watch, propagate=True)
        event.listen(owner, "before_insert", self._seal, propagate=True)
        event.listen(owner, "before_update", self._seal, propagate=True)

    # --- of an object

    def _open(self, target: Any) -> str | None:
        held = getattr(target, self._box)
        if held is None:
            return None
        if isinstance(held, Classified):
            pending: str = _revealed(held)
            return pending
        table = self._table(type(target))
        context = self._context(table, *self._bound(target, before=True))
        return open_column(Keys(table.metadata).named(sealing_key(held)), held, context=context)

    def _put(self, target: Any, value: str | Classified[str] | None) -> None:
        if value is None and self._spelling is not None:
            setattr(target, self._token, None)
        setattr(target, self._box, None if value is None else self._classified(value))

    def _seal(self, mapper: Mapper[Any], _connection: object, target: Any) -> None:
        held = target.__dict__.get(self._box)
        if not isinstance(held, Classified):
            held = self._moved(target)
            if held is None:
                return
        if self._row is not None and getattr(target, self._row) is None:
            setattr(target, self._row, _made(mapper, self._row))
        box, token = self._sealed(self._table(mapper.class_), held, *self._bound(target, before=False))
        setattr(target, self._box, box)
        if self._spelling is not None:
            setattr(target, self._token, token)

    def _moved(self, target: Any) -> Classified[str] | None:
        """The value, if what it is bound to changed or the object is a new row's; None: it stays sealed as it is."""
        state = inspect(target)
        if state.persistent:
            if state.committed_state.keys().isdisjoint((self._subject, self._row)):
                return None
            if self._bound(target, before=True) == self._bound(target, before=False):
                return None
        elif target.__dict__.get(self._box) is None:
            return None
        value = self._open(target)
        return None if value is None else self._classified(value)

    def _bound(self, target: Any, *, before: bool) -> tuple[Any, Any]:
        """Subject and row, as they are or as they were before they were changed."""
        known = inspect(target).committed_state if before else {}

        def value(name: str | None) -> Any:
            former = known.get(name, LoaderCallableStatus.NO_VALUE)
            if isinstance(former, LoaderCallableStatus):  # not changed, or set for the first time
                return None if name is None else getattr(target, name)
            return former

        return value(self._subject), value(self._row)

    # --- of a class

    def _searched(self, cls: Any) -> Searched:
        token = getattr(cls, self._token, None)
        return Searched(getattr(cls, self._box), token, self._classified, lambda values: self._tokens(cls, values))

    def _tokens(self, cls: Any, values: Sequence[Classified[str]]) -> list[str]:
        table = self._table(inspect(cls).mapper.class_)
        place, tenant = self._place(table), current().tenant or ""
        spelling = self._spelling or str
        keys = Keys(table.metadata).every_index()
        spelled = [spelling(_revealed(value)) for value in values]
        return [column_token(key, text, place=place, tenant=tenant) for key in keys for text in spelled]

    def _in_bulk(self, cls: Any, mapping: MutableMapping[str, Any], value: str | None) -> None:
        box = token = None
        if value is not None:
            mapper = inspect(cls).mapper
            if self._row is not None and mapping.get(self._row) is None:
                mapping[self._row] = _made(mapper, self._row)
            bound = [name and mapping.get(name) for name in (self._subject, self._row)]
            box, token = self._sealed(self._table(mapper.class_), self._classified(value), *bound)
        mapping[self._box] = box
        if self._spelling is not None:
            mapping[self._token] = token

    def _refuse_update(self, cls: Any, value: Any) -> Any:
        del cls, value
        refuse("a statement knows no row to seal for: set the attribute of each object instead")

    # --- of both

    def _sealed(self, table: Any, held: Classified[str], subject: Any, row: Any) -> tuple[str, str | None]:
        context = self._context(table, subject, row)
        keys = Keys(table.metadata)
        key = keys.of(None if self._subject is None else str(subject))
        index = None if self._spelling is None else keys.index()
        box = seal_column(key, _revealed(held), context=context, nonce=SYSTEM_ENTROPY.octets(_NONCE_SIZE))
        if index is None or self._spelling is None:
            return box, None
        spelled = self._spelling(_revealed(held))
        return box, column_token(index, spelled, place=self._place(table), tenant=current().tenant or "")

    def _context(self, table: Any, subject: Any, row: Any) -> bytes:
        return column_context(
            self._place(table), subject=self._spelled(self._subject, subject), row=self._spelled(self._row, row)
        )

    def _spelled(self, name: str | None, value: Any) -> str:
        if name is None:
            return ""
        if value in (None, "") or not isinstance(value, str | int | UUID):
            del value
            refuse(
                f"`{self.__name__}` is bound to `{name}`, which has to be set before it is sealed, and is a text, an "
                "integer or a UUID"
            )
        return str(value)

    def _classified(self, value: str | Classified[str]) -> Classified[str]:
        held = Classified(value, self.data_class)
        if not isinstance(_revealed(held), str):
            del value, held
            refuse(f"`{self.__name__}` is sealed, and takes text")
        return held  # type: ignore[return-value]

    def _table(self, cls: type) -> Any:
        return inspect(cls).columns[self._box].table

    def _place(self, table: Any) -> str:
        return self._given_place or f"{table.name}.{self._column}"

    def _watch(self, mapper: Mapper[Any], cls: type) -> None:
        """Learn the attribute's name; have SQLAlchemy keep what the value is bound to, whatever is loaded by then."""
        mark(cls, **{self.__name__: self.data_class})
        for name in filter(None, (self._subject, self._row)):
            if name not in mapper.column_attrs:
                refuse(f"`{name}`, which `{self.__name__}` is bound to, is no column of {cls.__name__}")
            event.listen(getattr(cls, name), "set", _remember, active_history=True)


def _made(mapper: Mapper[Any], name: str) -> Any:
    """What the column's default makes, as ``default=uuid4``: by the time that SQLAlchemy asks for it all is sealed."""
    default: Any = mapper.columns[name].default
    return default.arg(None) if default is not None and default.is_callable else None


def _remember(_target: object, _value: object, _old: object, _event: object) -> None:
    """Nothing: SQLAlchemy keeps the former value for who listens."""


def _revealed(held: Classified[Any]) -> Any:
    return held.reveal(current().purpose or Purpose.OPERATIONS)
