"""Who acts and why is known everywhere in a request, and on record."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import AsyncClient, Client, override_settings

from aegis_core import Purpose, SettingsError, current
from aegis_django import aegis


def read(answer):
    return json.loads(answer.content)


def client_of(user, kind=Client, **options):
    client = kind(**options)
    client.force_login(user)
    return client


def test_who_is_signed_in_acts_and_the_ids_are_in_the_answer(nurse):
    answer = client_of(nurse).get("/who")
    assert read(answer)["who"] == str(nurse.pk)
    assert read(answer)["purpose"] == "TREAT"
    assert answer.headers["x-request-id"] == read(answer)["request"]
    assert "x-correlation-id" in answer.headers
    assert current().principal is None
    assert current().request_id is None


def test_nobody_is_nobody_and_chooses_no_ids():
    answer = Client().get("/who", headers={"x-request-id": "chosen-by-them"})
    assert read(answer)["who"] is None
    assert answer.headers["x-request-id"] != "chosen-by-them"


def test_a_gateway_of_your_own_may():
    with override_settings(AEGIS={"TRUSTED": True}):
        answer = Client().get("/who", headers={"x-request-id": "of-the-gateway"})
    assert answer.headers["x-request-id"] == "of-the-gateway"


def of_the_header(request):
    from aegis_core import Principal

    return Principal("lab", verified_by="test") if request.headers.get("x-lab") else None


def by_the_path(request):
    return Purpose.EMERGENCY if request.path == "/who" else Purpose.TREATMENT


def test_functions_of_your_own_say_who_and_why(monkeypatch):
    from clinic import views

    monkeypatch.setattr(views, "of_the_header", of_the_header, raising=False)
    monkeypatch.setattr(views, "by_the_path", by_the_path, raising=False)
    given = {"PRINCIPAL": "clinic.views.of_the_header", "PURPOSE": "clinic.views.by_the_path"}
    with override_settings(AEGIS=given):
        told = read(Client().get("/who", headers={"x-lab": "1"}))
    assert (told["who"], told["purpose"]) == ("lab", "ETREAT")


def test_nobody_is_refused_where_a_view_acts_on_a_record():
    answer = Client().post("/admit", {"name": "Somchai", "mrn": "HN-1", "ward": "4B"})
    assert (answer.status_code, read(answer)["code"]) == (403, "permission_denied")


def test_where_nobody_can_say_who_acts_the_answer_says_to_come_back():
    with override_settings(AEGIS={"PRINCIPAL": "clinic.views.who_is_unavailable", "PURPOSE": Purpose.TREATMENT}):
        answer = Client().get("/who")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert read(answer)["request_id"] == answer.headers["x-request-id"]


def test_a_record_has_who_why_and_the_request(nurse):
    answer = client_of(nurse).post("/record")
    (entry,) = aegis.audit.entries()
    assert (entry.who, entry.verified_by, entry.purpose) == (str(nurse.pk), "django.contrib.auth", Purpose.TREATMENT)
    assert (entry.request_id, str(entry.event_id)) == (answer.headers["x-request-id"], read(answer)["event"])
    assert aegis.audit.verify().intact


def test_a_body_that_is_made_bit_by_bit_still_knows_who(nurse):
    answer = client_of(nurse).get("/stream")
    who, event = b"".join(answer.streaming_content).decode().split()
    assert who == str(nurse.pk)
    (entry,) = aegis.audit.entries()
    assert (entry.who, str(entry.event_id)) == (who, event)
    assert current().principal is None


def test_threads_know_their_own_request(nurse):
    from django.contrib.auth.models import User
    from django.db import connection

    client_of(nurse).post("/record")  # opens
    users = [nurse, *(User.objects.create_user(f"nurse {number}") for number in range(3))]
    clients = [client_of(user) for user in users]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT 1")
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda client: [read(client.post("/who"))["who"] for _ in range(20)], clients))
    assert told == [[str(user.pk)] * 20 for user in users]


@pytest.mark.parametrize("path", ["/who", "/who-async", "/record", "/record-async"])
def test_async_and_sync_views_on_a_loop_know_who(nurse, loop, path):
    client = client_of(nurse, AsyncClient)
    answer = loop(client.post(path))
    assert read(answer)["who"] == str(nurse.pk)
    assert answer.headers["x-request-id"] == read(answer)["request"]
    if path.startswith("/record"):
        assert [entry.who for entry in aegis.audit.entries()] == [str(nurse.pk)]


def test_requests_on_one_loop_know_their_own(nurse, loop):
    import asyncio

    from django.contrib.auth.models import User

    users = [nurse, *(User.objects.create_user(f"nurse {number}") for number in range(3))]
    clients = [client_of(user, AsyncClient) for user in users]

    async def all_of_them():
        return await asyncio.gather(*(client.get("/who-async") for client in clients * 5))

    assert [read(answer)["who"] for answer in loop(all_of_them())] == [str(user.pk) for user in users] * 5


def test_an_async_body_still_knows_who(nurse, loop):
    client = client_of(nurse, AsyncClient)

    async def read_it():
        answer = await client.get("/stream-async")
        return b"".join([part async for part in answer.streaming_content]).decode(), answer.headers["x-request-id"]

    told, request_id = loop(read_it())
    assert told == f"{nurse.pk} {request_id}"


def test_on_a_loops_own_thread_the_blocking_services_refuse(nurse, loop):
    answer = loop(client_of(nurse, AsyncClient).get("/record-blocking-the-loop"))
    assert (answer.status_code, read(answer)["code"]) == (500, "internal")


def test_debug_in_production_is_refused_at_the_first_use(monkeypatch):
    from aegis_django import services

    monkeypatch.setenv("AEGIS_ENV", "production")
    with override_settings(DEBUG=True), pytest.raises(SettingsError) as raised:
        services.make()
    assert "DEBUG" in [problem.setting for problem in raised.value.problems]
