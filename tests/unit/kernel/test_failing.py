"""What an adapter lets out becomes one error, which shows nothing that the driver was given."""

import errno
import traceback

import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.failing import Wrapping, as_error

SECRET = "Somchai-4711"


class Adapter:
    name = "fake"

    def classify(self, exc):
        return ErrorCode.UNAVAILABLE if isinstance(exc, ConnectionError) else None


def shown(error):
    return "".join(traceback.format_exception(type(error), error, None)) + repr(error)


@pytest.mark.parametrize(
    "raised",
    [
        ValueError(SECRET),
        FileNotFoundError(errno.ENOENT, SECRET, f"/data/{SECRET}"),
        OSError(SECRET, b"key"),
        ConnectionResetError(SECRET),
    ],
)
def test_nothing_of_the_driver_s_text_is_shown(raised):
    with pytest.raises(AegisError) as caught, Wrapping(Adapter(), "room.act"):
        raise raised
    assert SECRET not in shown(caught.value)
    assert (caught.value.operation, caught.value.adapter) == ("room.act", "fake")


def test_the_adapter_names_the_code_and_what_it_does_not_know_is_internal():
    assert as_error(ConnectionResetError(), Adapter(), "x").code is ErrorCode.UNAVAILABLE
    assert as_error(ValueError(), Adapter(), "x").code is ErrorCode.INTERNAL


def test_of_the_system_s_errors_the_number_stays():
    cause = as_error(OSError(errno.ENOSPC, "full", "/data"), Adapter(), "x").__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.ENOSPC
    assert cause.filename is None


def test_one_of_ours_stays_the_same_object_and_learns_where_it_comes_from():
    error = AegisError(ErrorCode.CONFLICT, "no")
    assert as_error(error, Adapter(), "room.act") is error
    assert (error.operation, error.adapter) == ("room.act", "fake")
    assert as_error(error, Adapter(), "other").operation == "room.act"


def test_the_caller_s_own_exception_and_a_cancellation_come_out_as_they_are():
    own = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, Wrapping(Adapter(), "x", caller=lambda: own):
        raise own
    assert caught.value is own
    with pytest.raises(KeyboardInterrupt), Wrapping(Adapter(), "x"):
        raise KeyboardInterrupt
