"""Who acts: a dependency that asks your own authentication, and sets the context for the rest of the request."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import Depends, HTTPException

from aegis_core import Principal, Purpose, acting

#: A dependency: a principal, or None for who is nobody. What it declares it gets, and it may be async, as any may.
Verify: TypeAlias = Callable[..., Awaitable[Principal | None] | Principal | None]


def signed_in(
    verify: Verify, /, *, purpose: Purpose, challenge: str = "Bearer"
) -> Callable[[Principal | None], AsyncGenerator[Principal]]:
    """A dependency: ``Clinician = Annotated[Principal, Depends(signed_in(check_token, purpose=Purpose.TREATMENT))]``.

    While the request is handled the context names the principal and the purpose, in the endpoint, in its other
    dependencies and in background tasks; the endpoint itself says whose record it is, with
    `aegis_core.acting(who, purpose=…, subject=…)`.

    Arguments:
        verify: your own check, a dependency as any other: of ``request: HTTPConnection``, of a security scheme of
            `fastapi.security`, of a session; a plain function is called in a thread. What it raises comes out.
        purpose: why principals who come this way look at records.
        challenge: of the ``WWW-Authenticate`` header (RFC 9110 §11.6.1), for who is nobody: 401.
    """

    async def principal(who: Annotated[Principal | None, Depends(verify)]) -> AsyncGenerator[Principal]:
        if who is None:
            raise HTTPException(401, "sign in", {"WWW-Authenticate": challenge})
        with acting(who, purpose=purpose):
            yield who

    return principal
