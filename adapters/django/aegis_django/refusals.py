"""What a form or a model refused, as problem details that repeat nothing of what was sent (RFC 9457)."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import BaseForm
from django.http import JsonResponse
from django.utils.functional import Promise

from aegis_core import AegisError, ErrorCode
from aegis_core.kernel import PROBLEM_JSON, problem_details

#: What rules are made of; any other parameter may be the value, or be made of it.
_OF_THE_RULE: Final = frozenset(
    "limit_value max min size min_size max_size max_digits decimal_places allowed_extensions field_label field_labels "
    "model_name date_field lookup_type field_name model fields".split()
)
#: Rules whose ``show_value`` is how long the value was, and not the value.
_OF_LENGTHS: Final = frozenset({"max_length", "min_length"})
_WITHHELD: Final = "[value]"


def refused(by: BaseForm | ValidationError, /) -> JsonResponse:
    """The response for a form that is not valid, or for what ``full_clean()`` raised: 422, where and by which rule.

    A message is shown where it is one of Django's own or another translated constant, without its values; what was put
    together from a value is not.

    Example: ``return refused(form)`` in the place of ``JsonResponse(form.errors)``.
    """
    if isinstance(by, BaseForm):
        fields: Mapping[str, Iterable[ValidationError]] = by.errors.as_data()
    else:
        fields = getattr(by, "error_dict", None) or {NON_FIELD_ERRORS: by.error_list}
    error = AegisError(ErrorCode.INVALID_ARGUMENT, "the request is not valid: see errors")
    body = problem_details(error, status=422)
    body["errors"] = [_told(name, error) for name, errors in fields.items() for error in errors]
    return JsonResponse(body, status=422, content_type=PROBLEM_JSON)


def _told(name: str, error: ValidationError) -> dict[str, object]:
    path = [] if name == NON_FIELD_ERRORS else [name]
    return {"path": path, "rule": error.code or "invalid", "message": _message(error)}


def _message(error: ValidationError) -> str:
    message: object = error.message
    if not isinstance(message, Promise):  # a text may hold anything; a constant that is translated can't
        return "this is not valid"
    shown = _OF_THE_RULE | {"show_value"} if error.code in _OF_LENGTHS else _OF_THE_RULE
    params = {name: value if name in shown else _WITHHELD for name, value in (error.params or {}).items()}
    try:
        return str(cast(str, message) % params if params else message)  # a plural looks for its number by itself
    except (TypeError, ValueError, KeyError):  # it wants a number where the value was
        return "this is not valid"
