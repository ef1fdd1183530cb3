"""Where the database is and how it is reached: one URL, checked at once, without I/O."""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import check_options
from aegis_core.kernel.tls import plaintext_problem
from aegis_core.kernel.url import ServiceUrl
from aegis_postgres.schema import is_schema_name

#: Options that go to libpq as they are.
_LIBPQ: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "application_name")
_OWN: Final = ("schema", "timeout", "connect_timeout", "erases")
_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _plain_name(address: object, attribute: object, value: str) -> None:
    if not is_schema_name(value):  # it is put into statements
        raise SettingsError([Problem("postgresql", "the schema must be a plain lower-case name")])


@attrs.frozen
class Address:
    """One database, and the schema in it that is ours.

    Arguments:
        host: name or address; several and sockets are libpq's business, not ours.
        password: None: libpq looks for one (``PGPASSWORD``, ``~/.pgpass``, a client certificate).
        schema: holds all of our tables; made at open if it is not there.
        libpq: further connection parameters, such as ``sslmode``.
        timeout: seconds for which a call waits for the server, where the context does not expire earlier.
        connect_timeout: seconds for one attempt to connect, at least 2.
        erases: for a state store: deleted and replaced documents leave the tables' files within the call.
    """

    host: str
    database: str
    port: int = 5432
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    schema: str = attrs.field(default="aegis", validator=_plain_name)
    libpq: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    timeout: float = 15.0
    connect_timeout: int = 5
    erases: bool = False

    @property
    def place(self) -> str:
        """For error messages: host and port, nothing else."""
        return f"{self.host}:{self.port}"

    def parameters(self) -> dict[str, str | int | None]:
        """What libpq is handed. Holds the password."""
        return {
            "application_name": "aegis",
            **self.libpq,
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "connect_timeout": self.connect_timeout,
            "ssl_min_protocol_version": "TLSv1.2",
            "client_encoding": "UTF8",
        }

    @classmethod
    def from_url(cls, url: ServiceUrl, /, environment: Environment, *, takes_erases: bool = False) -> "Address":
        """Read ``postgresql://USER@HOST:PORT/DATABASE?schema=aegis&sslmode=verify-full&sslrootcert=FILE``.

        In production the certificate and the host's name are verified: ``sslmode`` is ``verify-full``, which is also
        the default there.

        Raises:
            SettingsError: with every problem.
        """
        problems: list[Problem] = []
        own = _OWN if takes_erases else _OWN[:-1]
        try:
            check_options(url, *own, *_LIBPQ)
        except SettingsError as error:
            problems += error.problems
        options = {name: value for name, value in url.options.items() if name in {*own, *_LIBPQ}}

        def problem(expected: str, hint: str = "") -> None:
            problems.append(Problem(url.scheme, expected, hint=hint))

        database = url.path.strip("/")
        if not url.host:
            problem("names no host", "write postgresql://HOST/DATABASE")
        if not database or "/" in database:
            problem("names no database", "write postgresql://HOST/DATABASE")
        schema = options.get("schema", "aegis")
        if not is_schema_name(schema):
            problem("the schema must be a plain lower-case name", "letters, digits and _, at most 63, not from pg_ on")
        timeout = _seconds(options.get("timeout", "15"))
        connect_timeout = _seconds(options.get("connect_timeout", "5"))
        if timeout is None or connect_timeout is None:
            problem("timeout and connect_timeout must be seconds", "from 1 to 3600")
        erases = _WORDS.get(options.get("erases", "false").lower())
        if erases is None:
            problem("erases must be true or false")
        libpq = {name: value for name, value in options.items() if name in _LIBPQ}
        mode = libpq.setdefault("sslmode", "verify-full" if environment == "production" else "prefer")
        if mode not in _MODES:
            problem(f"sslmode must be one of {', '.join(_MODES)}")
        elif mode != "verify-full":
            found = plaintext_problem(
                url.scheme,
                environment,
                hint="leave sslmode out or write sslmode=verify-full, with sslrootcert=FILE or sslrootcert=system",
            )
            problems += [found] if found else []
        if problems:
            raise SettingsError(problems)
        return cls(
            url.host,
            database,
            5432 if url.port is None else url.port,
            url.user,
            url.password,
            schema,
            libpq,
            timeout or 15.0,
            max(2, round(connect_timeout or 5)),
            bool(erases),
        )


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) is None:
        return None
    return float(text) if 1 <= float(text) <= 3600 else None
