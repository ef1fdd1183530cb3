"""Pages and mails about errors: types, places and source, and nothing that was sent, held or said."""

import logging
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from aegis_core import scrub


class Reporter(ExceptionReporter):
    """In the place of Django's own: the middleware sets it for the pages of ``DEBUG``, `install` for mails.

    It is handed on a stand-in of the exception (`aegis_core.scrub`) and no request: without texts, notes and locals, of
    causes either, without parameters, files, cookies, headers and the user. Settings are left out: a URL in them may
    hold a password.
    """

    def __init__(
        self,
        request: HttpRequest | None,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | str | None,
        tb: TracebackType | None,
        is_email: bool = False,  # noqa: FBT001, FBT002 - Django's own signature
    ) -> None:
        self._name = exc_type.__name__ if exc_type is not None else ""
        stand_in = scrub(exc_value) if isinstance(exc_value, BaseException) else None
        super().__init__(
            None,
            type(stand_in) if stand_in is not None else None,
            stand_in,
            stand_in.__traceback__ if stand_in is not None else None,
            is_email=is_email,
        )

    def get_traceback_data(self) -> dict[str, Any]:
        """What the templates are made of."""
        shown = super().get_traceback_data()
        shown["settings"] = {}
        if self._name:
            shown["exception_type"] = self._name
        return shown


def install() -> None:
    """Let the handlers that mail to ``ADMINS`` use it, where they have no other reporter than Django's own."""
    named = logging.getLogger().manager.loggerDict.values()
    loggers = [logging.getLogger(), *(one for one in named if isinstance(one, logging.Logger))]
    for handler in (handler for logger in loggers for handler in logger.handlers):
        if isinstance(handler, AdminEmailHandler) and handler.reporter_class is ExceptionReporter:
            handler.reporter_class = Reporter
