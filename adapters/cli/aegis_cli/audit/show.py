"""``aegis audit show``: entries as a table or as JSON lines; values only with ``--reveal``."""

from fnmatch import fnmatchcase
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from aegis_cli.audit.entries import COLUMNS, document, row
from aegis_cli.audit.person import person
from aegis_cli.audit.select import ALL, DEFAULT, event_id, positions
from aegis_cli.exits import Exit
from aegis_cli.opened import opened
from aegis_cli.operator import working_for
from aegis_cli.output import AsJson, Output, table
from aegis_cli.revealing import Revealing

#: Rows of one table: a long answer comes in several, so that it neither waits nor grows.
_ROWS = 200


async def show(
    entries: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="7 (one), 7:9, 7: or :9; a negative number counts from the end. By default the newest twenty.",
        ),
    ] = None,
    /,
    *,
    action: Annotated[str | None, Parameter(help="Only this action; * stands for anything: 'storage.*'.")] = None,
    event: Annotated[str | None, Parameter(name="--event-id", help="Only the event with this id.")] = None,
    about: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Only about one person: a file with their id, or - to be asked for it. Needs --reveal.",
        ),
    ] = None,
    tenant: Annotated[
        str | None, Parameter(help="Whose records --about looks at; without it those of no tenant.")
    ] = None,
    revealing: Revealing | None = None,
    as_json: AsJson = False,
) -> Exit:
    """Show entries of the trail, oldest first. A mark stands for every value that is sealed, a short pseudonym for whom
    an entry is about. With --reveal both are opened, and the opening is on record before the first line.

    With --about it is who did what on one person's record, of all entries unless some are named. It is on record under
    that person. The id comes from a file or is asked for: on a command line it would stay in its history.

    JSON: a line each of {"index": int, "id": str, "time": str, "action": str, "outcome": str, "who"?: str,
    "verified_by"?: str, "roles"?: [str], "purpose"?: str, "tenant"?: str, "operation"?: str, "request"?: str,
    "correlation"?: str, "trace"?: str, "data"?: {…}, "subject"?: {"token": str, "key": str, "value"?: str,
    "shredded"?: true}, "sealed"?: {name: {"class": str, "key": str, "value"?: …, "shredded"?: true}}}
    """
    out = Output(as_json=as_json)
    asked = revealing or Revealing()
    asked.check()
    wanted = None if event is None else event_id(event)
    whom = None if about is None else person(about, reveals=asked.reveal)
    async with opened("audit") as aegis:
        trail = aegis.audit
        if wanted is None:
            chosen = entries if entries is not None else DEFAULT if whom is None else ALL
            start, stop = positions(chosen, (await trail.checkpoint()).size)
        else:
            start = (await trail.prove(wanted)).index
            stop = start + 1
        async with asked.granted(aegis, "audit show", subject=whom) as may_reveal:
            purpose = asked.purpose if may_reveal else None
            with working_for(tenant):  # the iterator asks for nobody's tenant later on
                found = trail.entries(start, stop, subject=whom) if may_reveal else trail.stored(start, stop)
            rows: list[list[str | Text]] = []
            async for each in found:
                if action is not None and not fnmatchcase(each.action, action):
                    continue
                if as_json:
                    out.record(document(each, purpose=purpose))
                    continue
                rows.append(row(each, purpose=purpose))
                if len(rows) == _ROWS:
                    out.show(table(*COLUMNS, rows=rows))
                    rows.clear()
            if rows:
                out.show(table(*COLUMNS, rows=rows))
    return Exit.OK
