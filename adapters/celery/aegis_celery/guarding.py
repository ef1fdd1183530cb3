"""A task's own functions, guarded: they run for what was sealed for it, and what they raise tells nothing."""

import functools
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from celery import Celery
from celery.exceptions import Ignore, Reject, Retry

from aegis_celery.sealing import NAME, Carried
from aegis_core import AegisError, ErrorCode, scrub


class _Guard(Protocol):
    def __call__(self, **_: Any) -> None: ...


#: What Celery asks of a task before and after its function; what these raise goes where the function's error goes.
_HOOKS: Final = ("before_start", "on_success", "on_retry", "on_failure", "after_return")


def of_app(app: Celery, /) -> _Guard:
    """A function that guards every task of an application that is not guarded yet."""

    def guard(**_: Any) -> None:
        tasks: Any = app.tasks
        for task in tasks.values():
            task.resultrepr_maxsize = 0  # in the log and in events
            if hasattr(task.run, "__aegis__"):
                continue
            kind = type(task)
            own = {
                name
                for base in kind.__mro__
                if not base.__module__.startswith("celery.app.task")
                for name in vars(base)
            }
            task.run = _guarded(task, task.run)
            for name in own.intersection(_HOOKS):
                setattr(task, name, _guarded(task, getattr(task, name), is_asked=name != "before_start"))
            if "__call__" in own and not hasattr(kind.__call__, "__aegis__"):
                kind.__call__ = _guarded_call(kind.__call__)

    return guard


def _guarded_call(inner: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(inner)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _guarded(self, functools.partial(inner, self))(*args, **kwargs)

    call.__aegis__ = True  # type: ignore[attr-defined]
    return call


def _guarded(task: Any, inner: Callable[..., Any], *, is_asked: bool = False) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        request = task.request
        stores = not request.is_eager or task.app.conf.task_store_eager_result
        if not stores or (request.called_directly and not is_asked):
            return inner(*args, **kwargs)  # what it raises goes to the caller, and nowhere else
        # Celery asks a second time, without a request, when what it asked before raised.
        why = None if request.is_eager or request.called_directly else _why_not(request, task)
        if why is None:
            return _quietly(inner, args, kwargs)
        if is_asked:  # about a message that was refused
            return None
        raise AegisError(ErrorCode.INTEGRITY, f"the message is not run: {why}", operation="celery.run")

    if not isinstance(inner, functools.partial):
        functools.update_wrapper(run, inner)
    run.__aegis__ = True  # type: ignore[attr-defined]
    return run


def _quietly(inner: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return inner(*args, **kwargs)
    except Ignore:
        raise
    except Retry as error:
        stand_in: BaseException = _retry(error)
    except Reject as error:
        stand_in = _placed(Reject(requeue=cast("Any", error).requeue), error)
    except Exception as error:  # noqa: BLE001 - every one, whoever raised it
        stand_in = scrub(error)
    # Outside of the handler, so that the first error hangs on it nowhere.
    raise stand_in


def _why_not(request: Any, task: Any) -> str | None:
    found = request.get(NAME)
    if not isinstance(found, Carried):
        return "its body says not for which task it was sealed" if task.app.amqp.must_be_sealed else None
    return None if (found.task, found.id) == (task.name, request.id) else "its body was sealed for another task"


def _retry(error: Any) -> BaseException:
    cause: Any = scrub(error.exc) if isinstance(error.exc, Exception) else None
    return _placed(Retry(exc=cause, when=error.when, is_eager=error.is_eager, sig=error.sig), error)


def _placed(made: BaseException, error: BaseException) -> BaseException:
    return made.with_traceback(scrub(error).__traceback__)
