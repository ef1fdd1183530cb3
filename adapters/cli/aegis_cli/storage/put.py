"""``aegis storage put``: a file into a store, sealed on the way."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegis_cli.exits import Exit
from aegis_cli.figures import counted, grouped
from aegis_cli.opened import opened
from aegis_cli.operator import working_for
from aegis_cli.output import AsJson, Output, Progress
from aegis_cli.storage.place import MIB, Store, Tenant, store_of
from aegis_core import AegisError, ErrorCode

_OPERATION = "storage.put"


async def put(
    file: Annotated[Path, Parameter(allow_leading_hyphen=True, help="What to store. - is standard input.")],
    key: Annotated[str, Parameter(help="Under which key: 'lab/4711.pdf'. Name records by ids, not by people.")],
    /,
    *,
    replace: Annotated[bool, Parameter(negative=(), help="Replace an object of that key.")] = False,
    store: Store = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> Exit:
    """Seal a file and publish it under a key, whole or not at all. Memory does not grow with its size. The writing is
    on record, with the system's user as who did it.

    JSON: {"size": int, "stored_size": int, "etag": str}
    """
    out = Output(as_json=as_json)
    async with opened("audit", "storage") as aegis:
        with working_for(tenant), out.progress("sealing") as at:
            source = sys.stdin.buffer if str(file) == "-" else _pieces(file, at)
            info = await store_of(aegis, store).upload(key, source, replace=replace)
    out.answer(
        {"size": info.size, "stored_size": info.stored_size, "etag": info.etag},
        f" {counted(info.size or 0, 'byte', 'bytes')} stored; sealed they are {grouped(info.stored_size)}",
    )
    return Exit.OK


def _pieces(path: Path, at: Progress) -> Iterator[bytes]:
    """A file's bytes, told of as they are read.

    Raises:
        AegisError: ``invalid_argument`` if it is no file that can be read, ``conflict`` if it changed meanwhile.
    """
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        told = f"the file to store cannot be read: {os.strerror(error.errno or 0)}"
        raise AegisError(ErrorCode.INVALID_ARGUMENT, told, operation=_OPERATION) from None
    with file:
        before = os.fstat(file.fileno())
        done = 0
        while piece := file.read(MIB):
            yield piece
            done += len(piece)
            at(done, before.st_size)
        after = os.fstat(file.fileno())
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size) or done != after.st_size:
            raise AegisError(ErrorCode.CONFLICT, "the file changed while it was read", operation=_OPERATION)
