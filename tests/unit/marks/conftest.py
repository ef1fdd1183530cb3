"""What one test learns, the next must not know."""

import pytest

from aegis_core.marks import shapes
from aegis_core.marks.names import LEARNED
from aegis_core.marks.redaction import forget_plans


@pytest.fixture(autouse=True)
def _learned_for_this_test_only():
    before = dict(LEARNED)
    yield
    LEARNED.clear()
    LEARNED.update(before)
    shapes._shapes.clear()
    forget_plans()
