"""What a strict verification adds: every entry is read, none decrypted."""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from aegis_core.audit.canonical import Value, decode
from aegis_core.audit.entry import TIME_FORM, check_entry, parse_time
from aegis_core.audit.findings import Findings
from aegis_core.audit.model import FindingKind
from aegis_core.audit.shape import Shape, shape_of
from aegis_core.kernel.errors import AegisError

#: An event may be recorded late (it was spooled, or a clock was set), but not by more than this.
LATEST_NS: Final = 24 * 3600 * 1_000_000_000

MOST_SHAPES: Final = 256  #: tried on a log; what has none of them is read carefully each time
_MOST_OF_AN_ACTION: Final = 8
_ACTION_AT: Final = len(b'{"action":"')

_TIME_IN_ENTRY: Final = re.compile(b'"t":"([^"]{30})"')

_Read: TypeAlias = tuple[bytes, bytes]  # id and time


class StrictReading:
    """Reads entries in order: canonical, of a known version, no id twice, no time far before an earlier one."""

    __slots__ = ("_bundles", "_findings", "_ids", "_last", "_latest", "_learnt", "_shapes")

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._ids: set[bytes] = set()
        self._bundles: list[tuple[bytes, ...]] = []  # the same ids, bundle by bundle
        self._latest = b""
        self._last: Shape = _nothing
        self._learnt = 0
        # By everything before the end of the action, which is the first member of an entry.
        self._shapes: dict[bytes, list[Shape]] = {}

    def entries(self, first: int, bodies: Sequence[bytes], /) -> None:
        """Read a bundle.

        Arguments:
            first: index of its first entry.
        """
        read: list[Any] = []  # a cast of each would cost as much as what it is about
        put, shapes, match = read.append, self._shapes, self._last
        for body in bodies:
            found = match(body)  # of the shape of the one before, more often than not
            if found is None:
                for match in shapes.get(body[: body.find(b'"', _ACTION_AT)], ()):
                    found = match(body)
                    if found is not None:
                        break
                else:
                    put(self._carefully(first + len(read), body))
                    continue
            put(found.groups())
        self._last = match
        if None in read or not self._continue(read):
            self._one_by_one(first, read)

    def _carefully(self, index: int, body: bytes) -> _Read | None:
        try:
            members = check_entry(decode(body))
        except AegisError as error:
            self._findings.add(FindingKind.CANONICAL, error.message, index=index, time=time_of(body))
            return None
        if self._learnt < MOST_SHAPES and b"\\" not in body:  # an escape matches no shape
            self._learn(body, members)
        return str(members["id"]).encode(), str(members["t"]).encode()

    def _learn(self, body: bytes, members: dict[str, Value]) -> None:
        known = self._shapes.setdefault(body[: body.find(b'"', _ACTION_AT)], [])
        if len(known) < _MOST_OF_AN_ACTION:
            self._learnt += 1
            shape = shape_of(members)
            if shape is not None and shape(body) is not None:
                known.append(shape)

    def _continue(self, read: list[_Read]) -> bool:
        """Take ids and times over; False where something about them is remarkable."""
        ids, times = zip(*read, strict=True)
        known = self._ids
        before = len(known)
        known.update(ids)
        if len(known) - before != len(ids):
            return False
        first, last = min(times), max(times)
        latest = max(self._latest, last)
        # The shapes leave days and hours open. Within one day the last time has the highest hour.
        hours = {first, last} if first[:10] == last[:10] else {time[:13] + b":00:00.000000000Z" for time in times}
        try:
            for hour in hours:
                parse_time(hour.decode())
            if parse_time(latest.decode()) - parse_time(first.decode()) > LATEST_NS:
                return False
        except AegisError:
            return False
        self._latest = latest
        self._bundles.append(ids)
        return True

    def _one_by_one(self, first: int, read: list[_Read | None]) -> None:
        ids = {each[0] for each in read if each is not None}
        seen = self._read_before(ids)
        self._ids |= ids
        self._bundles.append(tuple(ids))
        for index, each in enumerate(read, first):
            if each is None:
                continue
            identity, stamp = each
            time = stamp.decode()
            try:
                happened = parse_time(time)
            except AegisError as error:
                self._findings.add(FindingKind.CANONICAL, error.message, index=index, time=time)
                continue
            if identity in seen:
                told = "its event id was already recorded by an earlier entry"
                self._findings.add(FindingKind.DUPLICATE, told, index=index, time=time)
            seen.add(identity)
            if stamp >= self._latest:
                self._latest = stamp
            elif parse_time(self._latest.decode()) - happened > LATEST_NS:
                told = "it says that it happened more than a day before an entry that was recorded earlier"
                self._findings.add(FindingKind.ORDER, told, index=index, time=time)

    def _read_before(self, ids: set[bytes]) -> set[bytes]:
        """Those of a bundle's ids that an earlier bundle has. Slow, and asked only while findings are still listed."""
        before: set[bytes] = set()
        if not self._findings.is_full:
            for bundle in self._bundles:
                before |= ids.intersection(bundle)
        return before


def _nothing(_: bytes) -> None:
    return None


def time_of(body: bytes, /) -> str | None:
    """When an entry says it happened, if that can still be read out of its bytes."""
    match = _TIME_IN_ENTRY.search(body)
    if match is None:
        return None
    text = match[1].decode("ascii", "replace")
    return text if TIME_FORM.fullmatch(text) else None
