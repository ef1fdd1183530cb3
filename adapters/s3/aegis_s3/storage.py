"""`StorageAdapter` on a bucket of S3, or of a store that speaks like it."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final, TypeVar

import anyio.to_thread
import attrs

from aegis_core.kernel.adapter import EVERY_BACKEND, AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode, UnsupportedCapability
from aegis_core.kernel.health import Health
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.storage.model import LARGEST_KEY, ByteRange, Key, Match, ObjectInfo, Page, Replace, checked_listing
from aegis_core.storage.port import StorageCapabilities
from aegis_s3.bucket import ADAPTER, Bucket, Checksum, is_etag
from aegis_s3.names import LONGEST_NAME, Names, Spelling
from aegis_s3.reach import COMMON, Found, Reach, find, reach_of
from aegis_s3.reading import S3Reader
from aegis_s3.refusals import Refusal, classify
from aegis_s3.store import HEADER_SIZE, Store, plainly
from aegis_s3.wire import Limit, Wire
from aegis_s3.writing import S3Writer

T = TypeVar("T")

MIB: Final = 1 << 20
_DAY: Final = 86_400.0
_MOST_PARTS: Final = 10_000
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX: Final = re.compile(r"(?:(?!\.{1,2}/)[A-Za-z0-9._~-]+/)*", re.ASCII)
_OPTIONS: Final = (
    *COMMON, "path_style", "names", "checksum", "conditional", "part_mib", "parallel", "sweep_hours",
)  # fmt: skip
_CONDITIONS: Final = ("all", "create", "none")


@attrs.frozen
class Rules:
    """What a store is trusted with, and how large objects are sent.

    Arguments:
        names: ``flat`` for servers that keep names as folders and files (SeaweedFS, MinIO): see `Names`.
        checksum: sent with each body.
        conditional: ``all``; ``create`` where the server knows only ``If-None-Match``; ``none`` where it knows none.
        part_size: bytes; what is larger is sent in parts, of which there are at most 10,000.
        parallel: parts of one object on their way at once; memory is that many parts and one.
        sweep_after: seconds after which an upload in parts that was not ended is taken for a dead process's, when a
            store is opened; None: never.
    """

    names: Spelling = "plain"
    checksum: Checksum = "crc32"
    conditional: str = attrs.field(default="all", validator=attrs.validators.in_(_CONDITIONS))
    part_size: int = 8 * MIB
    parallel: int = 4
    sweep_after: float | None = _DAY


class S3Storage:
    """Implements `StorageAdapter` over one bucket, for any number of hosts.

    Arguments:
        bucket: its name; it must exist.
        prefix: what stands before every key; empty, or ends with a slash.
        reach: how the service is found.
        rules: how objects are written.
    """

    name = ADAPTER
    backends = EVERY_BACKEND

    def __init__(
        self,
        bucket: str,
        /,
        *,
        prefix: str = "",
        reach: Reach | None = None,
        rules: Rules | None = None,
        deps: AdapterDeps | None = None,
    ) -> None:
        self._bucket = bucket
        self._names = Names(prefix, (rules or Rules()).names)
        self._reach = reach or Reach()
        self._rules = rules or Rules()
        self._deps = deps or AdapterDeps()
        self._largest = self._rules.part_size * _MOST_PARTS - HEADER_SIZE
        self._opened: tuple[Store, Wire, Found] | None = None
        self.capabilities = StorageCapabilities(
            create=self._rules.conditional != "none",
            match=self._rules.conditional == "all",
            multi_host=True,
            largest=self._largest,
            longest_key=self._names.longest if self._names.longest < LARGEST_KEY else None,
        )

    async def open(self) -> None:
        """Find the service, see that the bucket is there and that it looks at conditions, and end the uploads of
        processes that died.

        Raises:
            AegisError: ``permission_denied``, ``precondition_failed`` (no such bucket, or elsewhere), ``unsupported``
                (conditions are not looked at) or ``unavailable``.
        """
        if self._opened is None:
            self._opened = await anyio.to_thread.run_sync(self._open)

    async def aclose(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with shielded():
                await anyio.to_thread.run_sync(_close, opened)

    async def health(self) -> Health:
        opened = self._opened
        if opened is None:
            return Health("down", "not open")
        store, wire, monotonic = opened[0], opened[1], self._deps.clock.monotonic

        def look() -> Health:
            started = monotonic()
            try:
                plainly(lambda: store.bucket.look(Limit.clearing(self._deps.clock, ADAPTER)))
            except AegisError as error:
                return Health("down", error.message)
            store.settle()
            facts: dict[str, str | int | float] = {"seconds": round(monotonic() - started, 4)}
            if wire.tls:
                facts["tls"] = wire.tls
            return Health("up", "", facts)

        return await anyio.to_thread.run_sync(look)

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        return classify(exc)

    def native(self, type_: type[T], /) -> T | None:
        """boto3's client of the service, while this is open."""
        client = None if self._opened is None else self._opened[2].client
        return client if isinstance(client, type_) else None

    async def stat(self, key: Key, /) -> ObjectInfo:
        name, store = self._names.name(key), self._store()
        return await _hop(lambda: store.info(key, plainly(lambda: store.bucket.stat(name, store.limit()))))

    def read(self, key: Key, /, *, range: ByteRange | None = None) -> S3Reader:
        return S3Reader(self._store(), key, range)

    def write(self, key: Key, /, *, replace: Replace) -> S3Writer:
        self._names.name(key)
        if replace is not True:
            self._must_offer("match" if isinstance(replace, Match) else "create")
        return S3Writer(self._store(), key, replace)

    async def list(self, prefix: str, /, *, after: Key | None = None, limit: int = 1000) -> Page:
        checked_listing(prefix, limit)
        store = self._store()
        return await _hop(lambda: self._list(store, prefix, after or "", limit))

    async def delete(self, key: Key, /, *, only: Match | None = None) -> None:
        name, store = self._names.name(key), self._store()
        if only is not None:
            self._must_offer("match")
        await _hop(lambda: _delete(store, name, only))

    def __repr__(self) -> str:
        return f"S3Storage({self._bucket!r}, prefix={self._names.prefix!r})"

    def _store(self) -> Store:
        if self._opened is None:
            raise AegisError(
                ErrorCode.UNAVAILABLE, "this store is not open: open it first", adapter=ADAPTER, retryable=False
            )
        return self._opened[0]

    def _must_offer(self, capability: str) -> None:
        if capability not in self.capabilities.offered():
            raise UnsupportedCapability(capability, adapter=ADAPTER)

    # What runs in the thread hop.

    def _open(self) -> tuple[Store, Wire, Found]:
        found = find("s3", self._reach, adapter=ADAPTER, bucket=self._bucket)
        wire = Wire(found.base, authorities=found.authorities)
        store = Store(
            Bucket(found, wire, checksum=self._rules.checksum),
            self._names,
            clock=self._deps.clock,
            entropy=self._deps.entropy,
            part_size=self._rules.part_size,
            parallel=self._rules.parallel,
            largest=self._largest,
            sweep_after=self._rules.sweep_after,
        )
        try:
            plainly(lambda: store.bucket.look(store.limit()))
            if self._rules.conditional != "none":
                plainly(lambda: store.check_conditions(match=self._rules.conditional == "all"))
            if self._deps.create:  # who only looks ends nobody's uploads
                _sweep(store)
        except BaseException:
            _close((store, wire, found))
            raise
        return store, wire, found

    def _list(self, store: Store, prefix: str, after: str, limit: int) -> Page:
        begins = self._names.beginning(prefix)
        behind = self._names.beginning(after) if after else ""
        stored, has_more = plainly(lambda: store.bucket.list(begins, behind, store.limit(), most=limit))
        for one, two in pairwise(stored):
            if one.name >= two.name:
                raise AegisError(
                    ErrorCode.UNSUPPORTED,
                    "the server does not list names in order, as S3 does: write names=flat into the URL of a new store",
                    adapter=ADAPTER,
                )
        found = [(each, key) for each in stored if (key := self._names.key(each.name)) is not None]
        objects = tuple(store.info(key, each) for each, key in found if each.size >= HEADER_SIZE)
        if not has_more or not stored:
            return Page(objects)
        last = stored[-1].name
        key = self._names.key(last)
        # What others have put here has a name that is no key: the next page begins behind it all the same.
        return Page(objects, key if key is not None else Key(last.removeprefix(self._names.prefix)))


def _sweep(store: Store) -> None:
    try:
        store.sweep()
    except Refusal:
        # Whoever may not list uploads, or asks a server that can't, has the lifecycle rule.
        return


def _delete(store: Store, name: str, only: Match | None) -> None:
    etag = "" if only is None else only.etag
    if only is not None and not is_etag(etag):
        raise _moved()
    try:
        plainly(lambda: store.bucket.delete(name, store.limit(), etag=etag))
    except AegisError as error:
        if only is None or error.code not in {ErrorCode.NOT_FOUND, ErrorCode.PRECONDITION_FAILED}:
            raise
    else:
        return
    raise _moved()


def _moved() -> AegisError:
    return AegisError(
        ErrorCode.PRECONDITION_FAILED, "the object is not there any more, or is another one by now", adapter=ADAPTER
    )


def _close(opened: tuple[Store, Wire, Found]) -> None:
    store, wire, found = opened
    store.settle()
    wire.close()
    found.client.close()


async def _hop(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)


def from_url(url: ServiceUrl, deps: AdapterDeps, /) -> S3Storage:
    """Make one for ``s3://BUCKET/PREFIX?region=…``. Credentials come from boto3's own chain.

    Options: ``region``, ``endpoint``, ``profile``, ``ca`` (see `Reach`), ``path_style`` (``true`` or ``false``),
    ``names``, ``checksum``, ``conditional``, ``part_mib``, ``parallel``, ``sweep_hours`` (a number, or ``never``; see
    `Rules`).

    Raises:
        SettingsError: with every problem at once.
    """
    problems: list[Problem] = []
    reach = reach_of(url, problems, kind="s3", environment=deps.environment, options=_OPTIONS)
    if not _BUCKET.fullmatch(url.host) or url.port is not None:
        problems.append(Problem(url.scheme, "must name a bucket", hint="write s3://BUCKET or s3://BUCKET/PREFIX"))
    prefix = url.path.strip("/")
    prefix = f"{prefix}/" if prefix else ""
    if not _PREFIX.fullmatch(prefix) or len(prefix) > LONGEST_NAME // 2:
        problems.append(
            Problem(url.scheme, "has a prefix that no key can stand behind", hint="use letters, digits and - . _ ~")
        )
    options = url.options

    def choice(name: str, default: str, *allowed: str) -> str:
        value = options.get(name, default)
        if value not in allowed:
            problems.append(Problem(url.scheme, f"has a {name} that is none of {', '.join(allowed)}"))
            return default
        return value

    def number(name: str, default: int, least: int, most: int) -> int:
        text = options.get(name, str(default))
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else -1
        if not least <= value <= most:
            problems.append(Problem(url.scheme, f"needs a {name} from {least} to {most}"))
            return default
        return value

    style = choice("path_style", "auto", "auto", "true", "false")
    spelling: Spelling = "flat" if choice("names", "plain", "plain", "flat") == "flat" else "plain"
    checksum = choice("checksum", "crc32", *_SUMS)
    is_never = options.get("sweep_hours") == "never"
    rules = Rules(
        names=spelling,
        checksum=next(each for each in _SUMS if each == checksum),
        conditional=choice("conditional", "all", *_CONDITIONS),
        part_size=number("part_mib", 8, 5, 512) * MIB,
        parallel=number("parallel", 4, 1, 32),
        sweep_after=None if is_never else number("sweep_hours", 24, 0, 24 * 365) * 3600.0,
    )
    if problems:
        raise SettingsError(problems)
    is_path = None if style == "auto" else style == "true"
    return S3Storage(url.host, prefix=prefix, reach=attrs.evolve(reach, path_style=is_path), rules=rules, deps=deps)


_SUMS: Final[tuple[Checksum, ...]] = ("crc32", "sha256", "md5", "none")
