"""For async views: the async services, opened on the server's own loop by its lifespan (ASGI 3.0).

In ``asgi.py`` of the project take `get_asgi_application` from here, and in async views `aegis`. A process that uses
this one and ``aegis_django.aegis`` has two open trails; both write to one log, as two processes do.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias, cast

from django.core.asgi import get_asgi_application as of_django
from django.utils.functional import SimpleLazyObject

from aegis_core import Aegis, AegisError
from aegis_django.services import make

# Any: what a scope and a message hold is the ASGI specification's, and no type checker's.
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

aegis: Final = cast(Aegis, SimpleLazyObject(make))
"""`aegis_core.Aegis`; open while the server runs, if it speaks lifespan (uvicorn, hypercorn, granian)."""


def get_asgi_application() -> Application:
    """Django's own, and the lifespan that Django has none of: what can't be opened keeps the server from starting."""
    django = cast("Application", of_django())

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await django(scope, receive, send)

    return application


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    step = "startup"
    try:
        async with aegis.open():
            await send({"type": "lifespan.startup.complete"})
            step = "shutdown"
            await receive()
    except Exception as error:  # noqa: BLE001 - told to the server, which ends
        message = error.message if isinstance(error, AegisError) else type(error).__name__
        await send({"type": f"lifespan.{step}.failed", "message": message})
        return
    await send({"type": "lifespan.shutdown.complete"})
