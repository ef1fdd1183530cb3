"""An error as HTTP tells it: the right status, the id to look for, and nothing about the house."""

from http import HTTPStatus

import pytest

from aegis_core import AegisError, Context, ErrorCode, ForkedError, MisuseError, Problem, SettingsError, using
from aegis_core.kernel import problem_details, problem_headers, status_of


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_status_of_an_error(code):
    assert 400 <= status_of(AegisError(code, "")) < 600


def test_the_caller_is_told_what_the_caller_did_and_how_to_ask_about_it():
    with using(Context(request_id="r-1")):
        details = problem_details(AegisError(ErrorCode.NOT_FOUND, "there is no such report"))
    assert details == {
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "there is no such report",
        "request_id": "r-1",
    }


def test_who_answers_with_another_status_says_so_in_title_and_body():
    details = problem_details(AegisError(ErrorCode.PERMISSION_DENIED, "sign in"), status=401)
    assert (details["title"], details["status"], details["code"]) == ("Unauthorized", 401, "permission_denied")


@pytest.mark.parametrize("code", [code for code in ErrorCode if status_of(AegisError(code, "")) >= 500])
def test_of_our_own_trouble_strangers_learn_the_code_alone(code):
    error = AegisError(code, "no route to db-7.internal", operation="audit.append", adapter="postgresql")
    status = status_of(error)
    assert problem_details(error) == {"title": HTTPStatus(status).phrase, "status": status, "code": code.value}


@pytest.mark.parametrize(
    "error",
    [
        SettingsError([Problem("AEGIS_AUDIT", "is missing")]),
        ForkedError("the trail"),
        MisuseError("the trail is closed"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_wrong_settings_and_a_fork_are_no_fault_of_who_sent_a_request(error):
    assert error.code is ErrorCode.INVALID_ARGUMENT
    assert problem_details(error) == {"title": "Internal Server Error", "status": 500, "code": "internal"}
    assert status_of(error) == 500


def test_a_limit_of_the_callers_is_told_from_a_disk_that_is_full():
    full = AegisError(ErrorCode.RESOURCE_EXHAUSTED, "the disk behind /srv/north is full")
    assert problem_details(full) == {"title": "Service Unavailable", "status": 503, "code": "resource_exhausted"}
    limited = AegisError(ErrorCode.RESOURCE_EXHAUSTED, "at most 100 a minute", retry_after=2.5)
    details = problem_details(limited)
    assert (details["title"], details["status"], details["detail"]) == (
        "Too Many Requests",
        429,
        "at most 100 a minute",
    )
    assert problem_headers(limited) == {"retry-after": "3"}


@pytest.mark.parametrize(("wait", "header"), [(0.2, "1"), (2.0, "2"), (2.1, "3")])
def test_who_may_try_again_is_told_when_in_whole_seconds(wait, header):
    error = AegisError(ErrorCode.UNAVAILABLE, "busy", retry_after=wait)
    assert problem_headers(error) == {"retry-after": header}
    assert problem_headers(AegisError(ErrorCode.UNAVAILABLE, "busy")) == {}
