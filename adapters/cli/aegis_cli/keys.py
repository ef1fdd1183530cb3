"""``aegis keys``: which keys there are. No key is unwrapped, and no vault is asked."""

from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from aegis_cli.exits import Exit
from aegis_cli.figures import counted
from aegis_cli.opened import opened_state
from aegis_cli.output import FAINT, OK, AsJson, Output, plain, table
from aegis_core import KeyPurpose
from aegis_core.crypto import key_records

app = App(name="keys", help="List the keys that there are.")


@app.command(name="list")
async def list_keys(
    *,
    tenant: Annotated[str | None, Parameter(help="Only this tenant's; - for those of all.")] = None,
    purpose: Annotated[KeyPurpose | None, Parameter(help="Only those for this.")] = None,
    as_json: AsJson = False,
) -> Exit:
    """List every key of the keyring: id, purpose, tenant, state, dates; no secrets.

    Subjects' keys are not among them: their names are digests, and there may be millions.

    JSON: {"keys": [{"id": str, "purpose": str, "tenant": str, "state": "active" | "decrypt-only" | "destroyed",
    "created": str, "vault_key": str}]}
    """
    out = Output(as_json=as_json)
    async with opened_state() as state:
        records = await key_records(state)
    wanted = None if tenant is None else "" if tenant == "-" else tenant
    records = [
        each
        for each in records
        if (wanted is None or each.tenant == wanted) and (purpose is None or each.purpose is purpose)
    ]
    rows = [
        (
            plain(each.id),
            each.purpose.value,
            plain(each.tenant) or "–",
            Text(each.state, style=OK if each.state == "active" else FAINT),
            f"{each.created:%Y-%m-%d %H:%M}Z",
            plain(each.vault_key),
        )
        for each in records
    ]
    document = [
        {
            "id": each.id,
            "purpose": each.purpose.value,
            "tenant": each.tenant,
            "state": each.state,
            "created": each.created.isoformat(),
            "vault_key": each.vault_key,
        }
        for each in records
    ]
    count = Text(counted(len(records), "key", "keys"), style=FAINT)
    columns = ("id", "purpose", "tenant", "state", "created", "wrapped under")
    out.answer({"keys": document}, *([table(*columns, rows=rows)] if rows else []), count)
    return Exit.OK
