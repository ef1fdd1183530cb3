"""What the linter takes for the name of a positional argument is what the logging handlers redact it by."""

import io
import logging

from hypothesis import given
from hypothesis import strategies as st

from aegis_cli.lint.calls import placeholders
from aegis_core import PHI, install_logging, mark


class _Known:
    """Teaches the marks the name ``hospital_number``."""


mark(_Known, hospital_number=PHI.MRN)

_between = st.text(alphabet=" =:#'\"()[],.;-\n", max_size=7)


@given(
    before=st.sampled_from(["", "for ", "ward "]), word=st.sampled_from(["hospital_number", "ward"]), between=_between
)
def test_a_name_for_the_linter_is_a_name_for_the_handler(before: str, word: str, between: str) -> None:
    message = f"{before}{word}{between}%s"
    written = io.StringIO()
    logger = logging.Logger("placeholders")  # noqa: LOG001 - nobody else shall see it
    logger.addHandler(logging.StreamHandler(written))
    install_logging(logger)
    logger.info(message, "CANARY-48201")
    assert ("CANARY-48201" not in written.getvalue()) == (placeholders(message) == ["hospital_number"])


def test_a_long_word_costs_no_more_than_its_length() -> None:
    assert placeholders("a" * 200_000 + " %s") == ["a" * 200_000]
    assert placeholders("a" * 200_000) == []
