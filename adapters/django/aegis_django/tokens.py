"""By what a sealed field is searched: a column of tokens, and the lookups that ask it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.lookups import In, Lookup

from aegis_core.crypto import is_column_token
from aegis_django.sealing_keys import refusal

if TYPE_CHECKING:
    CharField = models.CharField[str | None, str | None]
    AnyLookup = Lookup[Any]
else:
    CharField, AnyLookup = models.CharField, Lookup

#: A tenant's id has at most 128 characters.
_LONGEST = 180


class TokenField(CharField):
    """The tokens of a sealed field: ``SealedField(…, token="national_id_token")``. Filled and asked by that.

    Arguments:
        spelling: brings a value into the one spelling that is searched for, as ``str.strip``; a function that
            migrations can import.
    """

    def __init__(self, spelling: Callable[[str], str] = str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": _LONGEST, "null": True, "db_index": True, "editable": False, **kwargs})
        self.spelling = spelling

    def deconstruct(self) -> Any:
        """For migrations."""
        name, _path, args, kwargs = super().deconstruct()
        if self.spelling is not str:
            kwargs["spelling"] = self.spelling
        return name, "aegis_django.TokenField", args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001
        """What the sealed field makes, also where that comes later."""
        for field in model_instance._meta.concrete_fields:
            if getattr(field, "token", None) == self.name:
                field.pre_save(model_instance, add)
        return super().pre_save(model_instance, add)

    def get_prep_value(self, value: Any) -> str | None:
        """Let through tokens alone."""
        if value is None or (isinstance(value, str) and is_column_token(value)):
            return value
        del value  # a traceback shows locals
        raise refusal("a column of tokens takes tokens: set, and filter by, the sealed field")


class ByToken(AnyLookup):
    """``filter(national_id=…)`` and ``filter(national_id__in=[…])``: asked of the column of tokens."""

    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if rhs is not None:  # which Django makes `isnull` of
            values = rhs if isinstance(rhs, list | tuple | set | frozenset) else [rhs]
            rhs = tuple(lhs.output_field.classified(value) for value in values)  # a lookup shows its right side
        super().__init__(lhs, rhs)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        field = self.lhs.output_field
        tokens = field.tokens(self.rhs)
        column = field.model._meta.get_field(field.token).get_col(self.lhs.alias)
        return In(column, tokens).as_sql(compiler, connection)
