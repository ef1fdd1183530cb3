"""structlog: what its chain of processors writes."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening
from aegis_core import Redaction

#: Processors that write: what stands behind one of them sees text, no fields.
_RENDERERS: Final = frozenset({"JSONRenderer", "KeyValueRenderer", "LogfmtRenderer", "ConsoleRenderer"})

#: Processors that may stand behind the redaction: what they add is no value of the application's.
_HARMLESS: Final = frozenset(
    "add_log_level add_log_level_number add_logger_name filter_by_level wrap_for_formatter remove_processors_meta "
    "TimeStamper MaybeTimeStamper EventRenamer CallsiteParameterAdder StackInfoRenderer UnicodeEncoder UnicodeDecoder "
    "ExceptionRenderer ExceptionPrettyPrinter set_exc_info".split()
)

_CONFIGURE: Final = "structlog.configure"
_PUT_LAST: Final = (
    'structlog.configure(processors=[*structlog.get_config()["processors"][:-1], redact_event, '
    'structlog.get_config()["processors"][-1]])'
)


def _chain(application: Application) -> Sequence[Any]:
    return tuple(application.module("structlog").get_config()["processors"])


def _is_redaction(processor: Any) -> bool:
    return isinstance(getattr(processor, "__self__", None), Redaction)


def _name(processor: Any) -> str:
    return getattr(processor, "__name__", type(processor).__name__)


def _redaction(chain: Sequence[Any]) -> int | None:
    """Where the last redaction stands; None if none stands before a renderer."""
    stands = None
    for position, processor in enumerate(chain):
        if _name(processor) in _RENDERERS:
            break
        if _is_redaction(processor):
            stands = position
    return stands


def unredacted(application: Application) -> Iterable[Opening]:
    """No `redact_event` before the renderer."""
    chain = _chain(application)
    if _redaction(chain) is None:
        before = _name(chain[-1]) if chain else "the end"
        yield Opening(f"structlog.configure, before {before}", "", *application.called(_CONFIGURE))


def behind(application: Application) -> Iterable[Opening]:
    """Something between `redact_event` and the renderer adds what is not redacted."""
    chain = _chain(application)
    stands = _redaction(chain)
    if stands is not None:
        for processor in chain[stands + 1 : -1]:
            if _name(processor) not in _HARMLESS:
                yield Opening(f"structlog.configure, {_name(processor)}", "", *application.called(_CONFIGURE))


def local_variables(application: Application) -> Iterable[Opening]:
    """A formatter that shows locals. A redaction takes ``exc_info`` away before it, or its text after it."""
    chain = _chain(application)
    if _redaction(chain) is not None:
        return
    for processor in chain:
        formatter = getattr(processor, "format_exception", None) or getattr(processor, "exception_formatter", None)
        if getattr(formatter, "show_locals", False):
            yield Opening(f"structlog.configure, {_name(processor)}", "", *application.called(_CONFIGURE))


DOORS = (
    Door("structlog.unredacted", ("structlog",), "every field of every event", _PUT_LAST, unredacted),
    Door("structlog.behind-redaction", ("structlog",), "fields that are added after the redaction", _PUT_LAST, behind),
    Door("structlog.locals", ("structlog",), "local variables in exceptions", _PUT_LAST, local_variables),
)
