"""``aegis audit prove``: a proof of one entry that travels alone."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegis_cli.audit.entries import time_of
from aegis_cli.audit.select import event_id, positions
from aegis_cli.exits import Exit
from aegis_cli.figures import grouped
from aegis_cli.landing import land
from aegis_cli.opened import opened
from aegis_cli.output import AsJson, Output
from aegis_core import AegisError, AuditTrail, ErrorCode
from aegis_core.audit import StoredEvent, TlogProof, VerifierKey, encode_entry, leaf_hash

_OPERATION = "audit.prove"


async def prove(
    entry: Annotated[str, Parameter(allow_leading_hyphen=True, help="An event's id, or a position: 31007, -1.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"),
            allow_leading_hyphen=True,
            help="Where to; by default entry-POSITION.tlog-proof. - is standard output.",
        ),
    ] = None,
    entry_to: Annotated[
        Path | None,
        Parameter(name="--entry", help="Also write the entry's bytes there: who checks the proof needs them, too."),
    ] = None,
    replace: Annotated[bool, Parameter(negative=(), help="Replace files of these names.")] = False,
    as_json: AsJson = False,
) -> Exit:
    """Write a C2SP tlog-proof of one entry, and check it as its reader will: hash, place, root, signatures.

    Classified values are sealed in the entry; the proof holds hashes and the signed checkpoint.

    JSON: {"index": int, "id": str, "time": str, "action": str, "leaf": hex, "size": int, "root": hex, "origin": str,
    "signed_by": [str], "file": str or null, "entry": str or null}
    """
    out = Output(as_json=as_json)
    async with opened("audit") as aegis:
        trail = aegis.audit
        event = await _find(trail, entry)
        proof = await trail.prove(event.event_id)
        keys = [VerifierKey.decode(text) for text in await trail.verifier_keys()]
        text = proof.encode()
        octets = encode_entry(event)
        verified = TlogProof.decode(text).verify(octets, keys=keys)
    to_stdout = output is not None and str(output) == "-"
    path = None if to_stdout else output or Path(f"entry-{event.index}.tlog-proof")
    if entry_to is not None:
        await land(entry_to, octets, replace=replace, operation=_OPERATION)
    if path is not None:
        await land(path, text.encode(), replace=replace, operation=_OPERATION)
    else:
        sys.stdout.write(text)
    checkpoint = verified.checkpoint
    if to_stdout:
        return Exit.OK
    out.answer(
        {
            "index": proof.index,
            "id": str(event.event_id),
            "time": event.time.isoformat().replace("+00:00", "Z"),
            "action": event.action,
            "leaf": leaf_hash(octets).hex(),
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "origin": checkpoint.origin,
            "signed_by": [key.name for key in verified.log_keys],
            "file": None if path is None else str(path),
            "entry": None if entry_to is None else str(entry_to),
        },
        f" entry {grouped(proof.index)} ({time_of(event)}) is in the log of {grouped(checkpoint.size)} that "
        f"{checkpoint.origin} signed · checked · {path}",
    )
    return Exit.OK


async def _find(trail: AuditTrail, text: str) -> StoredEvent:
    if text.count("-") > 1 or len(text) == 32:
        index = (await trail.prove(event_id(text))).index
    else:
        index, stop = positions(text, (await trail.checkpoint()).size)
        if stop - index != 1 or ":" in text:
            raise AegisError(ErrorCode.INVALID_ARGUMENT, "a proof is of one entry", operation=_OPERATION)
    return await anext(aiter(trail.stored(index, index + 1)))
