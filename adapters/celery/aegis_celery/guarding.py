"""A task's own function, guarded: it runs for the message that was sealed for it, and what it raises tells nothing."""

import functools
from collections.abc import Callable
from typing import Any, NoReturn, Protocol, cast

from celery import Celery
from celery.exceptions import Ignore, Reject, Retry

from aegis_celery.sealing import NAME, Carried
from aegis_core import AegisError, ErrorCode, scrub


class _Guard(Protocol):
    def __call__(self, **_: Any) -> None: ...


def of_app(app: Celery, /) -> _Guard:
    """A function that guards every task of an application that is not guarded yet."""

    def guard(**_: Any) -> None:
        tasks: Any = app.tasks
        for task in tasks.values():
            task.resultrepr_maxsize = 0  # in the log and in events
            if not hasattr(task.run, "__aegis__"):
                task.run = _guarded(task, task.run)
            kind = type(task)
            if "__call__" in _custom(kind) and not hasattr(kind.__call__, "__aegis__"):
                _guard_call(kind)

    return guard


def _custom(kind: type) -> set[str]:
    return {name for base in kind.__mro__ if not base.__module__.startswith("celery.app.task") for name in vars(base)}


def _guard_call(kind: Any) -> None:
    inner = kind.__call__

    @functools.wraps(inner)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _run(self, functools.partial(inner, self), args, kwargs)

    call.__aegis__ = True  # type: ignore[attr-defined]
    kind.__call__ = call


def _guarded(task: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(inner)
    def run(*args: Any, **kwargs: Any) -> Any:
        return _run(task, inner, args, kwargs)

    run.__aegis__ = True  # type: ignore[attr-defined]
    return run


def _run(task: Any, inner: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    request = task.request
    if request.called_directly:
        return inner(*args, **kwargs)
    if request.is_eager:
        if not task.app.conf.task_store_eager_result:
            return inner(*args, **kwargs)  # it goes to the caller, and nowhere else
    else:
        _check(request, task)
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


def _check(request: Any, task: Any) -> None:
    found = request.get(NAME)
    if not isinstance(found, Carried):
        if task.app.amqp.must_be_sealed:
            _refuse("its body says not for which task it was sealed")
    elif (found.task, found.id) != (task.name, request.id):
        _refuse("its body was sealed for another task")


def _refuse(why: str) -> NoReturn:
    raise AegisError(ErrorCode.INTEGRITY, f"the message is not run: {why}", operation="celery.run")


def _retry(error: Any) -> BaseException:
    cause: Any = scrub(error.exc) if isinstance(error.exc, Exception) else None
    return _placed(Retry(exc=cause, when=error.when, is_eager=error.is_eager, sig=error.sig), error)


def _placed(made: BaseException, error: BaseException) -> BaseException:
    return made.with_traceback(scrub(error).__traceback__)
