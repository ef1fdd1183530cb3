"""Whether the server keeps what it acknowledges."""

from typing import Any, Final

import psycopg

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_postgres.failure import ADAPTER

_RISKS: Final = {
    "fsync": "a crash may damage everything",
    "full_page_writes": "a crash may leave torn pages",
}


def check_durability(connection: psycopg.Connection[Any], environment: Environment, /) -> str:
    """What is wrong with the server's settings; empty: nothing.

    Raises:
        AegisError: ``precondition_failed`` in production, if anything is.
    """
    for setting, risk in _RISKS.items():
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if row is not None and row[0] == "off":
            warning = f"the server runs with {setting} = off: {risk}"
            if environment == "production":
                raise AegisError(ErrorCode.PRECONDITION_FAILED, warning, operation="open", adapter=ADAPTER)
            return warning
    return ""
