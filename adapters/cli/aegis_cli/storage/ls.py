"""``aegis storage ls``: what lies in a store. Keys are marked, so they show only with ``--reveal``."""

from typing import Annotated

from cyclopts import Parameter

from aegis_cli.exits import Exit
from aegis_cli.figures import grouped
from aegis_cli.opened import opened
from aegis_cli.operator import working_for
from aegis_cli.output import AsJson, Json, Output, plain, table
from aegis_cli.revealing import Revealing
from aegis_cli.storage.place import Store, Tenant, store_of
from aegis_core import PHI, ObjectInfo

#: Rows of one table: a long answer comes in several, so that it neither waits nor grows.
_ROWS = 200
_COLUMNS = ("key", "stored bytes", "modified", "etag")


async def ls(
    prefix: Annotated[str, Parameter(help="How the keys begin.")] = "",
    /,
    *,
    store: Store = None,
    tenant: Tenant = None,
    revealing: Revealing | None = None,
    as_json: AsJson = False,
) -> Exit:
    """List objects, sorted by key. Applications put identifiers into keys although they should not, so a mark stands
    for what comes after the prefix; with --reveal the whole key is shown.

    JSON: a line each of {"key": str, "stored_size": int, "modified": str, "etag": str}
    """
    out = Output(as_json=as_json)
    asked = revealing or Revealing()
    asked.check()
    parts = ("audit", "storage") if asked.reveal else ("storage",)
    async with opened(*parts) as aegis, asked.granted(aegis, "storage ls") as may_reveal:
        rows: list[list[str]] = []
        with working_for(tenant):
            async for info in store_of(aegis, store).list(prefix):
                shown = str(info.key) if may_reveal else f"{prefix}{PHI.UNIQUE_ID.marker}"
                if as_json:
                    out.record(_document(info, shown))
                    continue
                rows.append([plain(shown), grouped(info.stored_size), _time(info), info.etag])
                if len(rows) == _ROWS:
                    out.show(table(*_COLUMNS, rows=rows))
                    rows.clear()
        if rows:
            out.show(table(*_COLUMNS, rows=rows))
    return Exit.OK


def _document(info: ObjectInfo, shown: str) -> dict[str, Json]:
    return {"key": shown, "stored_size": info.stored_size, "modified": info.modified.isoformat(), "etag": info.etag}


def _time(info: ObjectInfo) -> str:
    return f"{info.modified:%Y-%m-%d %H:%M:%S}Z"
