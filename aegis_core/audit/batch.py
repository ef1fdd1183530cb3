"""What every primary decides before it stores a batch: which entries are new, which are there, what conflicts."""

from collections.abc import Callable, Sequence
from uuid import UUID

import attrs

from aegis_core.audit.port import Entry
from aegis_core.kernel.errors import AegisError, ErrorCode


@attrs.frozen
class Admission:
    """``indexes``: one an entry of the batch, in its order. ``fresh``: what has to be stored, from ``size`` on."""

    indexes: Sequence[int]
    fresh: Sequence[Entry]


def admit(
    entries: Sequence[Entry],
    /,
    *,
    expected_size: int,
    size: int,
    find: Callable[[UUID], int | None],
    body: Callable[[int], bytes],
    adapter: str,
) -> Admission:
    """Decide about a batch by the duties of `AuditSink`. Pure but for the two look-ups.

    Entries that are there already do not count against ``expected_size``: neither do they have to be stored, nor does
    the growth that they were part of make the caller's size a wrong one. So a retried batch is a success.

    Arguments:
        size: how many entries are stored.
        find: the index of a stored entry by its id.
        body: the body of a stored entry by its index.
        adapter: for the error.

    Raises:
        AegisError: ``conflict``; then nothing may be stored.
    """
    indexes: list[int] = []
    fresh: list[Entry] = []
    own: dict[int, int] = {}  # by the id's integer: hashing a UUID is Python code
    own_growth = 0
    end = size
    for entry in entries:
        number = entry.id.int
        index = own.get(number)
        if index is not None:
            known = fresh[index - size].body if index >= size else body(index)
        else:
            index = find(entry.id)
            if index is None:
                own[number] = end
                indexes.append(end)
                fresh.append(entry)
                end += 1
                continue
            own[number] = index
            own_growth += index >= expected_size
            known = body(index)
        if known != entry.body:
            raise AegisError(
                ErrorCode.CONFLICT,
                f"another entry is stored under the id {entry.id}; nothing was stored",
                operation="audit.append",
                adapter=adapter,
            )
        indexes.append(index)
    if fresh and size - own_growth != expected_size:
        raise AegisError(
            ErrorCode.CONFLICT,
            f"there are {size} entries, not {expected_size}: read what came in between and try again",
            operation="audit.append",
            adapter=adapter,
        )
    return Admission(indexes, fresh)
