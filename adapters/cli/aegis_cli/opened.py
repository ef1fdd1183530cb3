"""How a command opens the parts of Aegis that it needs, from the ``AEGIS_*`` settings."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aegis_core import Aegis
from aegis_core.kernel import Part


@asynccontextmanager
async def opened(*parts: Part) -> AsyncGenerator[Aegis]:
    """Open an `Aegis` with these parts and no others, for a block of an ``async def`` command.

    No part opens a log: a command's own words go to standard output and standard error.

    Raises:
        SettingsError: with every problem of the settings; it ends the command with `Exit.USAGE`.
    """
    async with Aegis(only=parts).open() as aegis:
        yield aegis
