"""Every door through which Django shows what was sent, with the canary; with ``DEBUG`` and without."""

import json
import logging
import re
import traceback

import pytest
from clinic import lines
from clinic.models import Letter, Patient
from django.conf import settings
from django.core import mail
from django.test import AsyncClient, Client, RequestFactory, override_settings

from aegis_core import ErrorCode

HOWS = ["lookup", "http404", "bad", "suspicious", "unicode", "database", "sql", "template"]
STATUS = {"http404": 404, "bad": 400, "suspicious": 400}


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def assert_untold(phi_canary):
    """Nothing in what is handed over, in any line of any handler, in any mail, in any file."""

    def check(*places):
        sent = [f"{message.subject} {message.body} {message.alternatives}" for message in mail.outbox]
        phi_canary.assert_absent(*places, *lines.KEPT, *sent)

    return check


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("how", HOWS)
def test_an_exception_is_told_without_its_text_and_without_the_request(client, phi_canary, assert_untold, how, method):
    sent = phi_canary.patient
    headers = {"accept": "text/html", "x-patient": sent["email"], "cookie": f"seen={sent['family_name']}"}
    answer = getattr(client, method)(f"/patients/{sent['mrn']}/{how}", {"name": sent["name"]}, headers=headers)
    assert answer.status_code == STATUS.get(how, 500)
    assert any("patients/<str:mrn>/" in line and answer.headers["x-request-id"] in line for line in lines.KEPT)
    assert_untold(answer.content)
    if settings.DEBUG and how == "lookup":
        page = answer.content.decode()
        assert "LookupError" in page
        assert "clinic/views.py" in page
        assert "KeyError" in page  # the cause
        assert "raise KeyError(name)" in page  # source is no secret


def test_the_text_page_is_no_other(client, phi_canary, assert_untold):
    sent = phi_canary.patient
    answer = client.get(f"/patients/{sent['mrn']}/", {"name": sent["name"]}, headers={"accept": "application/json"})
    assert_untold(answer.content)
    assert not settings.DEBUG or "LookupError" in answer.content.decode()


def test_an_async_view_is_no_other(loop, phi_canary, assert_untold):
    sent = phi_canary.patient
    client = AsyncClient(raise_request_exception=False)
    answer = loop(client.get(f"/patients/{sent['mrn']}/async", {"name": sent["name"]}))
    assert answer.status_code == 500
    assert any("patients/<str:mrn>/async" in line for line in lines.KEPT)
    assert_untold(answer.content)


def shown(error):
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    for _ in range(len(told.stack) - 1):  # frames of the test hold what it sent
        told.stack.pop(0)
    return "".join(told.format()) + repr(error.__context__)


def test_a_body_that_breaks_off_does_so_without_its_text(client, loop, phi_canary):
    sent = {"name": phi_canary.patient["name"]}

    async def read():
        return [part async for part in (await AsyncClient().get("/breaks-off-async", sent)).streaming_content]

    for broken in (lambda: list(client.get("/breaks-off", sent).streaming_content), lambda: loop(read())):
        with pytest.raises(LookupError) as raised:
            broken()
        assert "in parts" in shown(raised.value)
        phi_canary.assert_absent(shown(raised.value))


def test_mails_to_the_admins_have_route_and_status_only(client, phi_canary, assert_untold):
    mail.outbox.clear()
    sent = phi_canary.patient
    client.get(f"/patients/{sent['mrn']}/", {"name": sent["name"]})
    assert len(mail.outbox) == (0 if settings.DEBUG else 1)
    assert_untold()


def test_a_mail_handler_with_html_pages_tells_nothing_by_itself(phi_canary):
    from django.utils.log import AdminEmailHandler

    mail.outbox.clear()
    handler = AdminEmailHandler(include_html=True, reporter_class="aegis_django.reports.Reporter")
    request = RequestFactory().post("/", {"name": phi_canary.patient["name"]})
    try:
        raise LookupError(phi_canary.patient["mrn"])
    except LookupError as error:
        record = logging.makeLogRecord({"msg": "failed", "levelno": 40, "levelname": "ERROR", "request": request})
        record.exc_info = (type(error), error, error.__traceback__)
    handler.emit(record)
    (sent,) = mail.outbox
    assert "LookupError" in sent.body
    phi_canary.assert_absent(sent.body, sent.subject, str(sent.alternatives))


def test_neither_page_nor_mail_shows_settings(client):
    mail.outbox.clear()
    variables = {"AEGIS_AUDIT": "postgresql://audit:s3cr3t-of-tests@db/aegis"}
    with override_settings(AEGIS={**settings.AEGIS, "VARIABLES": variables}):
        answer = client.get("/patients/1/", {"name": "x"})
    assert len(mail.outbox) == (0 if settings.DEBUG else 1)
    assert "s3cr3t-of-tests" not in answer.content.decode() + "".join(message.body for message in mail.outbox)


def test_a_record_is_without_its_request_before_any_handler_sees_it(phi_canary):
    from aegis_django.lines import of_request

    request = RequestFactory().get("/", {"name": phi_canary.patient["name"]})
    record = logging.makeLogRecord({"msg": "%s: %s", "args": ("Not Found", phi_canary.patient["mrn"])})
    record.request, record.status_code = request, 404
    try:
        raise LookupError(phi_canary.patient["mrn"])
    except LookupError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    assert of_request(record)
    assert record.getMessage() == "Not Found: [no route]"
    assert record.exc_info[0] is LookupError
    phi_canary.assert_absent(str(vars(record)), logging.Formatter().format(record))


def test_a_line_of_another_shape_keeps_its_message_alone(phi_canary, kept):
    logging.getLogger("django.request").warning("Not Found: %s after %d", f"/{phi_canary.patient['mrn']}", 7)
    assert "Not Found: [withheld] after 7" in kept()
    phi_canary.assert_absent(kept())


def test_an_unknown_path_is_not_in_the_log(client, phi_canary):
    mail.outbox.clear()
    answer = client.get(f"/{phi_canary.patient['mrn']}", {"name": phi_canary.patient["name"]})
    assert answer.status_code == 404
    assert "[no route]" in "\n".join(lines.KEPT)
    phi_canary.assert_absent(*lines.KEPT)
    if not settings.DEBUG:  # else: the page repeats the path to who asked, as the README says
        phi_canary.assert_absent(answer.content)


def test_a_refused_host_and_a_missing_token_tell_nothing(phi_canary, assert_untold):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    first = client.get("/who", {"name": phi_canary.patient["name"]}, headers={"host": f"{phi_canary.patient['mrn']}.x"})
    second = client.post("/guarded", {"name": phi_canary.patient["name"]})
    assert (first.status_code, second.status_code) == (400, 403)
    assert_untold(first.content, second.content)


@pytest.mark.parametrize(
    ("code", "status"), [(ErrorCode.NOT_FOUND, 404), (ErrorCode.UNAVAILABLE, 503), (ErrorCode.CONFLICT, 409)]
)
def test_an_error_of_ours_has_the_status_of_its_code(client, code, status):
    answer = client.get(f"/misses/{code.value}")
    told = json.loads(answer.content)
    assert (answer.status_code, told["code"], answer.headers["retry-after"]) == (status, code.value, "2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("detail" in told) == (status < 500)
    assert told["request_id"] == answer.headers["x-request-id"]
    assert any(told["request_id"] in line for line in lines.KEPT)
    assert ("misses" in "\n".join(re.findall(r"views\.py.* (\w+)", "\n".join(lines.KEPT)))) == (status >= 500)


@pytest.mark.parametrize(
    "sent",
    [
        {"name": "{name}", "mrn": "{mrn}{mrn}{mrn}", "ward": "4B"},
        {"name": "{name}", "mrn": "{mrn}", "ward": "{name}"},
        {"name": "{name}" * 10, "mrn": "{mrn}", "ward": "{mrn}"},
    ],
)
def test_a_refused_form_is_not_repeated(client, phi_canary, assert_untold, sent):
    answer = client.post("/admit", {name: value.format(**phi_canary.patient) for name, value in sent.items()})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert_untold(answer.content)


def test_a_refusal_says_where_and_by_which_rule(client, phi_canary):
    Patient.objects.create(mrn="1", name="x", ward="4B")
    answer = client.post("/admit", {"name": "x" * 101, "mrn": "1", "ward": phi_canary.patient["name"]})
    assert json.loads(answer.content)["errors"] == [
        {
            "path": ["name"],
            "rule": "max_length",
            "message": "Ensure this value has at most 100 characters (it has 101).",
        },
        {
            "path": ["ward"],
            "rule": "invalid_choice",
            "message": "Select a valid choice. [value] is not one of the available choices.",
        },
        {"path": ["mrn"], "rule": "unique", "message": "Patient with this Mrn already exists."},
    ]


def test_what_a_model_refuses_is_told_alike(phi_canary):
    from django.core.exceptions import ValidationError

    from aegis_django import refused

    name = phi_canary.patient["name"]
    raised = [ValidationError(f"{name} is no name"), ValidationError({"name": [ValidationError(name, code="odd")]})]
    with pytest.raises(ValidationError) as full:
        Patient(mrn="1" * 30, name=name, ward=name).full_clean()
    answers = [refused(error) for error in (*raised, full.value)]
    assert [json.loads(answer.content)["errors"] for answer in answers[:2]] == [
        [{"path": [], "rule": "invalid", "message": "this is not valid"}],
        [{"path": ["name"], "rule": "odd", "message": "this is not valid"}],
    ]
    phi_canary.assert_absent(*(answer.content for answer in answers))


def test_a_line_has_marks_for_models_of_ones_own_and_of_others(phi_canary, nurse, kept):
    sent = phi_canary.patient
    log = logging.getLogger("clinic")
    patient = Patient.objects.create(mrn=sent["mrn"], name=sent["name"], ward="4B")
    letter = Letter.objects.create(patient=patient, body=sent["address"])
    nurse.last_name = sent["family_name"]
    log.warning("admitted %s by %s", patient, nurse, extra={"letter": letter, "mrn": sent["mrn"]})
    row = Letter.objects.values("patient__mrn", "body", "kind").get()
    log.warning("read", extra={"row": {"mrn": row["patient__mrn"], "body": row["body"], "kind": row["kind"]}})
    try:
        Patient.objects.create(mrn=sent["mrn"], name=sent["name"], ward="4B")
    except Exception:
        log.exception("twice")
    written = kept()
    assert "'ward': '4B'" in written
    assert "'kind': 'referral'" in written
    assert "IntegrityError" in written
    phi_canary.assert_absent(written)


def test_statements_are_written_without_their_values(phi_canary, kept):
    from django.db import connection, transaction

    sent = phi_canary.patient
    connection.force_debug_cursor = True
    try:
        with transaction.atomic():
            Patient.objects.create(mrn=sent["mrn"], name=sent["name"], ward="4B")
            Patient.objects.filter(name__contains=sent["family_name"]).update(ward="5A")
            Patient.objects.bulk_create([Patient(mrn=f"{n}", name=sent["name"]) for n in range(3)])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT '{sent['name']}', 471108, mrn FROM clinic_patient WHERE name = %s", [sent["name"]])
            cursor.executemany("UPDATE clinic_patient SET name = %s WHERE id = %s", [(sent["name"], 1), ("x", 2)])
            cursor.execute("SELECT 1")
    finally:
        connection.force_debug_cursor = settings.DEBUG
    written = kept()
    assert 'INSERT INTO "clinic_patient" ("name", "mrn", "ward") VALUES (%s, %s, %s)' in written
    assert "UPDATE clinic_patient SET name = %s WHERE id = %s; args=[2 values]" in written
    assert "[3 values]" in written
    assert "BEGIN" in written
    assert "471108" not in written
    phi_canary.assert_absent(written)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ('SELECT "t"."a" FROM "t" WHERE "t"."n" = %s LIMIT 21', 'SELECT "t"."a" FROM "t" WHERE "t"."n" = %s LIMIT ?'),
        ("UPDATE t1 SET c2 = 690001.5", "UPDATE t1 SET c2 = ?"),
        ("SELECT 'it''s' FROM t", "SELECT"),
        ("SELECT a FROM t -- of Somchai", "SELECT"),
        ("SELECT a FROM t /* of Somchai */", "SELECT"),
        ("SELECT a FROM t # of Somchai", "SELECT"),
        ("SELECT $$it$$ FROM t", "SELECT"),
        ('SELECT a FROM t WHERE b = "Somchai Jaidee"', "SELECT"),
        ('SAVEPOINT "s140_x1"', 'SAVEPOINT "s140_x1"'),
    ],
)
def test_what_was_written_into_a_statement_is_not_shown(statement, shown):
    from aegis_django.lines import without_literals

    assert without_literals(statement) == shown


def test_a_line_of_the_development_server_has_no_path(phi_canary, kept):
    line = f"GET /patients/{phi_canary.patient['mrn']}?name=x HTTP/1.1"
    logging.getLogger("django.server").info('"%s" %s %s', line, "200", "5", extra={"status_code": 200, "request": line})
    logging.getLogger("django.server").propagate = False
    record = logging.makeLogRecord({"msg": '"%s" %s %s', "args": (line, "200", "5"), "request": line})
    assert logging.getLogger("django.server").filter(record)
    assert record.getMessage() == '"GET [path] HTTP/1.1" 200 5'
    phi_canary.assert_absent(kept(), str(vars(record)))


def test_models_of_the_past_bear_the_marks_of_today(phi_canary, kept):
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.state import ModelState, ProjectState

    state = ProjectState()
    state.add_model(ModelState.from_model(Patient))
    past = state.apps.get_model("clinic", "Patient")
    assert past is not Patient
    logging.getLogger("clinic").warning("moved %s", past(mrn="1", name=phi_canary.patient["name"], ward="4B"))
    assert "'ward': '4B'" in kept()
    phi_canary.assert_absent(kept())
    MigrationExecutor(connection).loader.check_consistent_history(connection)


def test_marks_are_no_change_of_the_schema():
    from django.core.management import call_command

    call_command("makemigrations", "aegis_django", check=True, dry_run=True, verbosity=0)
