"""How a command opens the parts of Aegis that it needs, from the ``AEGIS_*`` settings."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from aegis_core import Aegis, AegisError, ErrorCode, SettingsError
from aegis_core.kernel import Part, StateStore
from aegis_core.survey import survey


@asynccontextmanager
async def opened(*parts: Part, create: bool = False) -> AsyncGenerator[Aegis]:
    """Open an `Aegis` with these parts and no others, for a block of an ``async def`` command.

    No part opens a log: a command's own words go to standard output and standard error.

    Arguments:
        create: whether a place where nothing lies is begun there. By default a mistyped path does not become a trail.

    Raises:
        SettingsError: with every problem of the settings; it ends the command with `Exit.USAGE`.
        AegisError: ``not_found`` where nothing lies.
    """
    async with Aegis(only=parts, create=create).open() as aegis:
        yield aegis


@asynccontextmanager
async def opened_state() -> AsyncGenerator[StateStore]:
    """The state store by itself, for commands that need no key: keyring, published log and deliveries lie there.

    Raises:
        SettingsError: with every problem of the settings.
        AegisError: ``not_found`` where nothing lies.
    """
    parts: tuple[Part, ...] = ("keys",)
    found = survey(only=parts)
    if found.problems:
        raise SettingsError(found.problems)
    place = next(place for place in found.places if place.kind == "state")
    async with AsyncExitStack() as stack:
        try:
            state = await stack.enter_async_context(place.opened())
        except AegisError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            said = f"{place.where.variable} names {place.where.url}: {error.message}"
            raise AegisError(error.code, said, operation=error.operation, adapter=error.adapter) from None
        yield state
