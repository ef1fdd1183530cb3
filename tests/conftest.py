"""Every async test runs on both backends; properties are tried alike on every machine."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from aegis_core.marks.names import LEARNED

# `ci` draws the same examples every time, so that a red run can be repeated; `default` explores.
settings.register_profile("default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "default"))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The backend of an async test."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _learned_for_this_test_only() -> Iterator[None]:
    """What one test teaches the marks, the next must not know: names are learned for the whole process."""
    before = dict(LEARNED)
    yield
    if before != LEARNED:
        LEARNED.clear()
        LEARNED.update(before)
        from aegis_core.marks import shapes
        from aegis_core.marks.redaction import forget_plans

        shapes._shapes.clear()
        forget_plans()
