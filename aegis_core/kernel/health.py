"""How a part says how it is."""

from collections.abc import Mapping
from typing import Literal

import attrs


@attrs.frozen
class Health:
    """One part's state. ``facts`` are for people and dashboards; they hold nothing classified."""

    state: Literal["up", "degraded", "down"]
    detail: str = ""
    facts: Mapping[str, str | int | float] = attrs.field(factory=dict[str, str | int | float])


UP = Health("up")
