"""How long things may take, from the environment: the manifest says both these and the orchestrator's own limits."""

from collections.abc import Mapping
from typing import Final, Self

import attrs

from aegis_core.kernel.problems import Problem, SettingsError

_PREFIX: Final = "SERVICE_"


@attrs.frozen
class Times:
    """Seconds, all of them. Together they must fit into the time between SIGTERM and SIGKILL.

    Arguments:
        leave: after SIGTERM it says "not ready" and still answers, until the last load balancer has seen it.
        request: one request may take so long, also while the service ends.
        close: Aegis may take so long to settle what was submitted and to close everything.
        retry: between two attempts to open while a server is away.
    """

    leave: float = 2.0
    request: float = 10.0
    close: float = 10.0
    retry: float = 1.0

    @classmethod
    def read(cls, environ: Mapping[str, str], /) -> Self:
        """``SERVICE_LEAVE_SECONDS`` and so on; what is not set has its default.

        Raises:
            SettingsError: with every one that is no number of seconds.
        """
        found: dict[str, float] = {}
        problems: list[Problem] = []
        for field in attrs.fields(cls):
            variable = f"{_PREFIX}{field.name.upper()}_SECONDS"
            try:
                found[field.name] = float(environ.get(variable, field.default))
            except ValueError:
                problems.append(Problem(variable, "must be a number of seconds", "environment"))
                continue
            if not 0 <= found[field.name] <= 3600:
                problems.append(Problem(variable, "must be from 0 to 3600 seconds", "environment"))
        if problems:
            raise SettingsError(problems)
        return cls(**found)
