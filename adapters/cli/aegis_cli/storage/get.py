"""``aegis storage get``: one object, opened, into a file of its owner's alone."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegis_cli.exits import Exit
from aegis_cli.figures import counted
from aegis_cli.landing import Landing
from aegis_cli.opened import opened
from aegis_cli.operator import working_for
from aegis_cli.output import AsJson, Output
from aegis_cli.revealing import Revealing
from aegis_cli.storage.place import Store, Tenant, store_of
from aegis_core import AegisError, ErrorCode, Storage

_OPERATION = "storage.get"


async def get(
    key: Annotated[str, Parameter(help="The object's key, as the application spells it.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"),
            allow_leading_hyphen=True,
            help="Where to; by default a file named as the key's last part. - is standard output.",
        ),
    ] = None,
    replace: Annotated[bool, Parameter(negative=(), help="Replace a file of that name.")] = False,
    store: Store = None,
    tenant: Tenant = None,
    revealing: Revealing | None = None,
    as_json: AsJson = False,
) -> Exit:
    """Open an object and write it into a file (mode 0600) that is there whole or not at all. What it holds is
    somebody's data, so it needs --reveal. Memory does not grow with its size. On standard output, what was written
    before a changed byte was met is out already: the exit code says so.

    JSON: {"size": int, "etag": str, "file": str}
    """
    out = Output(as_json=as_json)
    asked = revealing or Revealing()
    asked.check()
    if not asked.reveal:
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT,
            "what an object holds is somebody's data: say --reveal, --purpose, --as and --reason",
            operation=_OPERATION,
        )
    to_stdout = output is not None and str(output) == "-"
    if to_stdout and (as_json or sys.stdout.isatty()):
        raise AegisError(
            ErrorCode.INVALID_ARGUMENT, "an object goes to a pipe or a file, not among an answer", operation=_OPERATION
        )
    path = output if output is not None else Path(key.rpartition("/")[2] or "object")
    async with (
        opened("audit", "storage") as aegis,
        asked.granted(aegis, "storage get"),
    ):
        with working_for(tenant):
            storage = store_of(aegis, store)
            if to_stdout:
                await _to_stdout(storage, key)
                return Exit.OK
            size, etag = await _to_file(out, storage, key, path, replace=replace)
    out.answer(
        {"size": size, "etag": etag, "file": str(path)},
        f" {counted(size, 'byte', 'bytes')} opened, every one authentic",
    )
    return Exit.OK


async def _to_file(out: Output, storage: Storage, key: str, path: Path, /, *, replace: bool) -> tuple[int, str]:
    async with Landing(path, replace=replace, operation=_OPERATION) as file, storage.open(key) as reader:
        with out.progress("reading") as at:
            async for chunk in reader:
                await file.write(chunk)
                at(file.size, reader.info.size)
        return file.size, reader.info.etag


async def _to_stdout(storage: Storage, key: str, /) -> None:
    async with storage.open(key) as reader:
        async for chunk in reader:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
