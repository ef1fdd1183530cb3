"""However annotations are put together, and whichever classes lie in one another, no marked value is shown."""

from typing import Annotated, Any, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from aegis_core.marks import redacted
from aegis_core.marks.shapes import marks_of
from tests.unit.marks.caught.kinds import KINDS, Name, guard
from tests.unit.marks.caught.outcome import VALUE

KIND = st.sampled_from(
    [KINDS[name] for name in ("attrs", "dataclass", "pydantic model", "msgspec Struct", "NamedTuple", "plain class")]
)
Held = tuple[Any, Any]
LEAVES: list[Held] = [
    (Name, VALUE),
    (set[Name], {VALUE}),
    (dict[Name, int], {VALUE: 1}),
    (NewType("Renamed", Name), VALUE),  # type: ignore[valid-newtype]
    (TypeAliasType("Alias", Name), VALUE),
    ("Annotated[str, PHI.NAME]", VALUE),
]


def _around(inner: st.SearchStrategy[Held]) -> st.SearchStrategy[Held]:
    resolved = inner.map(lambda held: (Name, VALUE) if isinstance(held[0], str) else held)
    return st.one_of(
        resolved.map(lambda held: (held[0] | None, held[1])),
        resolved.map(lambda held: (int | held[0], held[1])),
        resolved.map(lambda held: (list[held[0]], [held[1]])),
        resolved.map(lambda held: (tuple[held[0], ...], (held[1],))),
        resolved.map(lambda held: (dict[str, held[0]], {"a": held[1]})),
        resolved.map(lambda held: (Annotated[held[0], "of no class"], held[1])),
        st.builds(_object_of, KIND, inner),
    )


def _object_of(kind: Any, held: Held) -> Held:
    cls = kind.declare({"held": held[0], "ward": str})
    return cls, cls(held=held[1], ward="4B")


@pytest.mark.filterwarnings("ignore:.*shadows an attribute")
@given(KIND, st.recursive(st.sampled_from(LEAVES), _around, max_leaves=4))
def test_no_marked_value_is_shown(kind, held):
    _, made = _object_of(kind, held)
    shown = redacted([made])
    assert VALUE not in str(shown)
    guarded = guard(type(made))
    assert VALUE not in repr(made)
    assert "held" in marks_of(guarded) or shown == [f"[{type(made).__name__}]"]
