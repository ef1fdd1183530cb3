"""On whose behalf a command works where nothing is revealed: whoever the operating system says runs it."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import attrs

from aegis_core import Principal, Purpose, acting, current, using


@contextmanager
def working_for(tenant: str | None, /) -> Generator[None]:
    """A block whose events name who works: the one who looks, if something is revealed, or the system's user.

    Arguments:
        tenant: whose records; None: of nobody in particular.
    """
    context = current()
    if context.principal is not None:
        with using(attrs.evolve(context, tenant=tenant)):
            yield
        return
    who = Principal(f"system user {system_user()}", verified_by="command line")
    with acting(who, purpose=Purpose.SYSTEM_ADMINISTRATION, tenant=tenant):
        yield


def system_user() -> str:
    """Whoever the operating system says runs the command: a number, or on Windows a name."""
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "unknown")
