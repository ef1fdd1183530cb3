"""Who acts: a dependency that asks your own authentication, and sets the context for the rest of the request."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from inspect import isawaitable
from typing import TypeAlias

from fastapi import HTTPException
from starlette.requests import HTTPConnection

from aegis_core import Principal, Purpose, acting

#: Checks a request's credentials: a principal, or None for who is nobody. May be async.
Verify: TypeAlias = Callable[[HTTPConnection], Awaitable[Principal | None] | Principal | None]


def signed_in(
    verify: Verify, /, *, purpose: Purpose, challenge: str = "Bearer"
) -> Callable[[HTTPConnection], AsyncGenerator[Principal]]:
    """A dependency: ``Clinician = Annotated[Principal, Depends(signed_in(check_token, purpose=Purpose.TREATMENT))]``.

    While the request is handled the context names the principal and the purpose, in the endpoint, in its other
    dependencies and in background tasks; the endpoint itself says whose record it is, with
    `aegis_core.acting(who, purpose=…, subject=…)`.

    Arguments:
        verify: your own check. What it raises comes out.
        purpose: why principals who come this way look at records.
        challenge: of the ``WWW-Authenticate`` header (RFC 9110 §11.6.1), for who is nobody: 401.
    """

    async def principal(connection: HTTPConnection) -> AsyncGenerator[Principal]:
        found = verify(connection)
        who = await found if isawaitable(found) else found
        if who is None:
            raise HTTPException(401, "sign in", {"WWW-Authenticate": challenge})
        with acting(who, purpose=purpose):
            yield who

    return principal
