"""How a command ends: five exit codes, and one clear line on standard error in place of every traceback."""

import os
import sys
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

import attrs
from cyclopts import CycloptsError, UnusedCliTokensError
from cyclopts.exceptions import STYLE_OFFENDING_VALUE

from aegis_core import AegisError, ErrorCode, SettingsError


class Exit(IntEnum):
    """The exit codes of every command. Ctrl-C and a closed pipe end as the shell has it: 130 and 141."""

    OK = 0
    FAILED = 1  #: the work failed, or what was looked for is not there
    USAGE = 2  #: the call or the settings are wrong: doing the same again cannot help
    INTEGRITY = 3  #: something was changed, cut or is not what it says it is
    TRY_AGAIN = 75  #: something does not answer just now (``EX_TEMPFAIL`` of sysexits.h)
    INTERRUPTED = 130
    BROKEN_PIPE = 141


#: Of several things that went wrong, the first of these decides.
_GRAVEST: Final = (Exit.INTEGRITY, Exit.USAGE, Exit.FAILED, Exit.TRY_AGAIN, Exit.OK)

_BY_CODE: Final = {
    ErrorCode.INTEGRITY: Exit.INTEGRITY,
    ErrorCode.INVALID_ARGUMENT: Exit.USAGE,
    ErrorCode.DEADLINE_EXCEEDED: Exit.TRY_AGAIN,
}


@attrs.frozen
class Failure:
    """An error as a program's end has it. Holds no value that a caller handed over.

    Arguments:
        exit: the exit code.
        code: an `ErrorCode`'s text.
        message: one line.
        problems: of settings, as ``(setting, expected, source, hint)``.
    """

    exit: Exit
    code: str
    message: str
    problems: tuple[tuple[str, str, str, str], ...] = ()


def gravest(codes: Iterable[Exit], /) -> Exit:
    """The one exit code of several pieces of work: integrity first, what may be tried again last."""
    found = set(codes)
    return next((code for code in _GRAVEST if code in found), Exit.OK)


def failure_of(error: BaseException, /) -> Failure:
    """Say how a command ends that raised this. Of a group, its gravest member."""
    match error:
        case BaseExceptionGroup():
            members = [failure_of(member) for member in error.exceptions]
            worst = gravest([member.exit for member in members])
            return next((member for member in members if member.exit is worst), members[0])
        case CycloptsError():
            return Failure(Exit.USAGE, ErrorCode.INVALID_ARGUMENT.value, _of_usage(error))
        case SettingsError():
            problems = tuple((each.setting, each.expected, each.source, each.hint) for each in error.problems)
            count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
            return Failure(Exit.USAGE, error.code.value, count, problems)
        case AegisError():
            code = _BY_CODE.get(error.code, Exit.TRY_AGAIN if error.retryable else Exit.FAILED)
            return Failure(code, error.code.value, str(error))
        case KeyboardInterrupt():
            return Failure(Exit.INTERRUPTED, ErrorCode.CANCELLED.value, "interrupted")
        case BrokenPipeError():
            return Failure(Exit.BROKEN_PIPE, ErrorCode.CANCELLED.value, "")
        case OSError() if error.errno:
            # The number's own text: whoever made the error may have put a path with a name in it there.
            return Failure(Exit.FAILED, ErrorCode.INTERNAL.value, f"the system says: {os.strerror(error.errno)}")
        case _:
            return Failure(Exit.FAILED, ErrorCode.INTERNAL.value, _unexpected(error))


def _of_usage(error: CycloptsError) -> str:
    """What is wrong with a call, without the values that were given: a mistyped one may name a patient."""
    if isinstance(error, UnusedCliTokensError):
        return "There are more arguments than this command takes."
    text = error.__rich__()
    told = text.plain
    for span in sorted(text.spans, key=lambda span: span.start, reverse=True):
        is_option = told.startswith("--", span.start)
        if span.style == STYLE_OFFENDING_VALUE and not is_option:
            told = f"{told[: span.start]}…{told[span.end :]}"
    return " ".join(told.split())


def _unexpected(error: BaseException) -> str:
    from aegis_core.observability import fingerprint

    frame, place = error.__traceback__, ""
    while frame is not None:
        place = f" at {os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"  # noqa: PTH119
        frame = frame.tb_next
    return f"this is a bug: {type(error).__name__}{place}, fingerprint {fingerprint(error)}; please report this line"


def ending(work: Callable[[], object], tell: Callable[[Failure], None], /) -> int:
    """Run a command to its exit code.

    Arguments:
        work: gives an `Exit`, or None for `Exit.OK`.
        tell: shows what went wrong.
    """
    try:
        code = work()
        sys.stdout.flush()
        return Exit.OK if code is None else int(code) if isinstance(code, int) else Exit.OK
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the one place where a program ends
        failure = failure_of(error)
        if failure.exit is Exit.BROKEN_PIPE:
            # Whoever read has gone. What is buffered must not be tried once more when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            tell(failure)
        return failure.exit
