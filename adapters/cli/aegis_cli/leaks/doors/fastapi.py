"""FastAPI and Starlette: what answers tell."""

from collections.abc import Iterable
from typing import Any

from aegis_cli.leaks.application import Application
from aegis_cli.leaks.model import Door, Opening, Reach
from aegis_cli.leaks.remedies import FASTAPI


def _applications(application: Application) -> list[tuple[Any, str]]:
    found = application.instances(application.module("starlette.applications").Starlette)
    return [(each, application.name_of(each, type(each).__name__)) for each in found]


def debug_pages(application: Application) -> Iterable[Opening] | None:
    """Applications that answer an error with its traceback."""
    applications = _applications(application)
    if not applications:
        return None
    return [
        Opening(name, "", *application.assigned(name))
        for each, name in applications
        if each.debug and not _is_installed(each)
    ]


def _is_installed(app: Any) -> bool:
    """Whether `aegis_fastapi.install` was there: what is raised comes to the page as a stand-in."""
    return any(str(middleware.cls.__module__).startswith("aegis_fastapi") for middleware in app.user_middleware)


def echoed_inputs(application: Application) -> Iterable[Opening] | None:
    """FastAPI applications whose answer 422 repeats what was sent."""
    handlers = application.module("fastapi.exception_handlers")
    errors = application.module("fastapi.exceptions").RequestValidationError
    applications = [(each, name) for each, name in _applications(application) if hasattr(each, "openapi")]
    if not applications:
        return None
    default = handlers.request_validation_exception_handler
    return [
        Opening(name, "", *application.assigned(name))
        for each, name in applications
        if each.exception_handlers.get(errors) is default
    ]


DOORS = (
    Door(
        "starlette.debug",
        ("starlette.applications",),
        "a traceback with the error's text, in the answer",
        "debug=False",
        debug_pages,
        Reach.ANSWERS,
        FASTAPI,
    ),
    Door(
        "fastapi.validation",
        ("fastapi",),
        "rejected inputs, in the answer 422 and in the caller's logs",
        FASTAPI.line,
        echoed_inputs,
        Reach.ANSWERS,
        FASTAPI,
    ),
)
