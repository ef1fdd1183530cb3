"""What the servers hold in the end: rows and objects as their own clients read them, and every byte of their files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from aegis_core.testing.servers import Running
from examples.clinic.search import Report, search, words_in
from examples.on_servers.services import SCHEMA, Place, as_operator, object_client


def rows(place: Place, /) -> Iterator[tuple[str, bytes]]:
    """Every table of the clinic's database, unpacked."""
    with as_operator(place.servers["postgres"], place.name) as connection:
        for table in _tables(connection):
            copy = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(SCHEMA, table))
            with connection.cursor().copy(copy) as pieces:
                yield f"(rows of {table})", b"".join(bytes(piece) for piece in pieces)


def objects(place: Place, /) -> Iterator[tuple[str, bytes]]:
    """Every object of the clinic's bucket, its name before it."""
    client = object_client(place.servers["s3"])
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=place.name):
        for each in page.get("Contents", []):
            body: bytes = client.get_object(Bucket=place.name, Key=each["Key"])["Body"].read()
            yield f"(object) {each['Key']}", each["Key"].encode() + b"\n" + body
    client.close()


def mails(place: Place, /) -> list[bytes]:
    """Every mail that the mail server has taken."""
    folder = Path(place.servers["smtp"].endpoint.facts["maildir"])
    return [mail.read_bytes() for mail in sorted(folder.glob("new/*"))]


def own_words(servers: Mapping[str, Running], wanted: Iterable[str], /) -> frozenset[str]:
    """Short names and numbers that servers write of themselves. To be asked before anything of a patient is there."""
    return words_in(_files(servers), wanted)


def search_servers(place: Place, wanted: Iterable[str], /) -> Mapping[str, Report]:
    """Look for what must not be there, server by server. Afterwards they are down, so that their files are at rest."""
    wanted = frozenset(wanted)
    also = {"postgres": list(rows(place)), "s3": list(objects(place))}
    with as_operator(place.servers["postgres"], place.name) as connection:
        connection.execute("CHECKPOINT")  # what is in memory only is written, too
    for running in place.servers.values():
        running.kill()
    return {name: search(running.folder, wanted, also=also.get(name, ())) for name, running in place.servers.items()}


def _files(servers: Mapping[str, Running]) -> Iterator[bytes]:
    for running in servers.values():
        for path in running.folder.rglob("*"):
            with suppress(FileNotFoundError):  # they are at work
                if path.is_file():
                    yield path.read_bytes()


def _tables(connection: psycopg.Connection[Any]) -> list[str]:
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (SCHEMA,))
    return [str(table) for (table,) in found.fetchall()]
