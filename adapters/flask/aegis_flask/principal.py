"""Who acts: your own authentication is asked, and the context says it for the rest of the request."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

from flask import Flask, Request, Response, current_app, g, make_response, request
from flask.blueprints import Blueprint
from flask.typing import ResponseReturnValue

from aegis_core import AegisError, Context, ErrorCode, Principal, Purpose, acting
from aegis_flask.bodies import carry
from aegis_flask.problems import respond

P = ParamSpec("P")

#: Checks a request's credentials: a principal, or None for who is nobody.
Verify: TypeAlias = Callable[[Request], Principal | None]

_HELD = "_aegis_acting"


def signed_in(verify: Verify, /, *, purpose: Purpose, challenge: str = "Bearer") -> "SignedIn":
    """For one view a decorator, ``@clinician`` below ``@app.get(…)``; for a whole blueprint ``clinician.guard(wards)``.

    While the request is handled the context names the principal (``current().principal``) and the purpose; the view
    itself says whose record it is, with `aegis_core.acting(who, purpose=…, subject=…)`.

    Arguments:
        verify: your own check. What it raises comes out.
        purpose: why principals who come this way look at records.
        challenge: of the ``WWW-Authenticate`` header (RFC 9110 §11.6.1), for who is nobody: 401.
    """
    return SignedIn(verify, purpose, challenge)


class SignedIn:
    """What `signed_in` gives."""

    def __init__(self, verify: Verify, purpose: Purpose, challenge: str) -> None:
        self._verify = verify
        self._purpose = purpose
        self._challenge = challenge

    def __call__(self, view: Callable[P, Any], /) -> Callable[P, ResponseReturnValue]:
        """Decorate a view; a body that it makes bit by bit is made in its context, too."""

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            entered = self._acting()
            if isinstance(entered, Response):
                return entered
            with entered:
                return carry(make_response(current_app.ensure_sync(view)(*args, **kwargs)))

        return guarded

    def guard(self, views: Flask | Blueprint, /) -> None:
        """Ask before every view of a blueprint or an application, also of one that is added later."""
        views.before_request(self._enter)
        views.after_request(carry)
        views.teardown_request(_leave)

    def _acting(self) -> AbstractContextManager[Context] | Response:
        who = self._verify(request)
        if who is None:
            refused = respond(AegisError(ErrorCode.PERMISSION_DENIED, "sign in"), status=401)
            refused.headers["WWW-Authenticate"] = self._challenge
            return refused
        return acting(who, purpose=self._purpose)

    def _enter(self) -> Response | None:
        entered = self._acting()
        if isinstance(entered, Response):
            return entered
        entered.__enter__()
        g.setdefault(_HELD, []).append(entered)
        return None


def _leave(error: BaseException | None) -> None:
    held = g.get(_HELD)
    if held:
        held.pop().__exit__(None, None, None)
