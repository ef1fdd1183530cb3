"""An exception that can be handed on: the same tree of types and places, with no text, no attribute and no local."""

from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Final

from aegis_core.marks.guard import WITHHELD
from aegis_core.marks.traces import MAX_CHAIN, is_ours, members, places

MAX_EXCEPTIONS: Final = 256
MORE: Final = "[more exceptions]"
_STAND_IN: Final = "__aegis_stand_in__"


def scrub(exc: BaseException, /) -> BaseException:
    """Make what stands for an exception where foreign code will print, send or keep it.

    ``raise scrub(error) from None``, or ``return scrub(error)`` to a queue's result store.

    The stand-in is of the nearest built-in class (``except ValueError`` catches what stands for a pydantic error); its
    text is the type's name, also if it is scrubbed again. ``__cause__``, ``__context__`` and members of groups are
    scrubbed alike, notes are left out, and its traceback has files, lines and functions in frames without locals. An
    `AegisError` promises to hold no value: it comes back itself, and only what hangs on it is scrubbed; so does what
    ends a program or a task (``SystemExit``, ``KeyboardInterrupt``, cancellation), without its arguments.
    """
    return _Scrubbing().one(exc, MAX_CHAIN)


def stand_in_for(exc: BaseException, /) -> BaseException:
    """The same for an exception that goes on its way: nothing of it is changed, and one of ours has a stand-in, too."""
    return _Scrubbing(anew=True).one(exc, MAX_CHAIN)


class _Scrubbing:
    """One walk over a tree of exceptions, which may have circles."""

    def __init__(self, *, anew: bool = False) -> None:
        self.anew = anew
        self.made: dict[int, BaseException] = {}

    def one(self, exc: BaseException, left: int) -> BaseException:
        known = self.made.get(id(exc))
        if known is not None:
            return known
        if left <= 0 or len(self.made) >= MAX_EXCEPTIONS:
            return RuntimeError(MORE)
        try:
            return self._made(exc, left)
        except Exception:  # noqa: BLE001 - a class that does as it likes with what every exception has
            made = self.made[id(exc)] = Exception(WITHHELD)
            return made

    def _made(self, exc: BaseException, left: int) -> BaseException:
        if isinstance(exc, BaseExceptionGroup):
            self.made[id(exc)] = RuntimeError(MORE)  # for a group inside itself, which nothing else could stand for
            inner = [self.one(one, left - 1) for one in members(exc)[:MAX_EXCEPTIONS]]
            made: BaseException = BaseExceptionGroup(_text(exc), inner)
        elif not self.anew and (is_ours(exc) or not isinstance(exc, Exception)):
            made = exc
            _empty(exc)
        else:
            made = _stand_in(exc)
        self.made[id(exc)] = made
        cause, context, suppressed = exc.__cause__, exc.__context__, exc.__suppress_context__
        made.__cause__ = self.one(cause, left - 1) if cause is not None else None
        made.__context__ = self.one(context, left - 1) if context is not None else None
        made.__suppress_context__ = suppressed
        return made.with_traceback(without_locals(exc.__traceback__))


def _text(exc: BaseException) -> str:
    kind = type(exc)
    said = vars(exc).get(_STAND_IN)
    if isinstance(said, str):
        return said
    if is_ours(exc):
        return f"{kind.__module__}.{kind.__qualname__}: {exc}"
    return WITHHELD if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__} {WITHHELD}"


def _stand_in(exc: BaseException) -> BaseException:
    text = _text(exc)
    for kind in type(exc).__mro__:
        if kind.__module__ == "builtins":
            try:
                made = kind(text)
            except TypeError:  # UnicodeDecodeError wants the octets: the next class does
                continue
            if isinstance(made, BaseException):
                vars(made)[_STAND_IN] = text
                return made
    return Exception(text)  # pragma: no cover - every exception has one of these among its bases


def _empty(exc: BaseException) -> None:
    if hasattr(exc, "__notes__"):
        del exc.__notes__
    if isinstance(exc, SystemExit):
        exc.code = exc.code if exc.code is None or isinstance(exc.code, int) else 1
        exc.args = (exc.code,)
    elif not is_ours(exc):
        exc.args = ()


def without_locals(traceback: TracebackType | None, /) -> TracebackType | None:
    """Give a traceback of the same places whose frames hold nothing: debuggers, rich and Sentry show locals."""
    made: TracebackType | None = None
    for code, line in reversed(places(traceback)):
        made = TracebackType(made, _empty_frame(code), 0, line)  # Django's debug page wants no index below 0
    return made


def _nowhere() -> Iterator[None]:
    yield


def _no_places(instructions: int) -> bytes:
    """A table of locations that knows none (its entries of kind 15, eight instructions each at most)."""
    lengths = [8] * (instructions // 8) + ([instructions % 8] if instructions % 8 else [])
    return bytes(0x80 | 15 << 3 | length - 1 for length in lengths)


#: By the lines and columns of its own code a traceback would draw carets below what it has nothing to do with.
_NO_PLACES: Final = _no_places(len(_nowhere.__code__.co_code) // 2)


def _empty_frame(code: CodeType) -> FrameType:
    """A frame of that name in that file. It is of a generator that never ran: any other keeps its callers, too."""
    named = _nowhere.__code__.replace(
        co_filename=code.co_filename, co_name=code.co_name, co_qualname=code.co_qualname, co_linetable=_NO_PLACES
    )
    frame: FrameType = FunctionType(named, {})().gi_frame
    return frame


__all__ = ["scrub", "without_locals"]
