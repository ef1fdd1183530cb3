"""On PostgreSQL: what is recorded within a transaction is there if it commits, and was never there if it does not."""

import json
import threading

import pytest
from clinic.events import Admitted, Discharged
from clinic.models import Patient
from django.core.cache import cache
from django.db import connection, connections, transaction

from aegis_core import AegisError, ErrorCode, Principal, Purpose, acting
from aegis_django import aegis, record_after_commit

WHO = Principal("dr-malee", verified_by="test")


@pytest.fixture(autouse=True)
def treatment():
    with acting(WHO, purpose=Purpose.TREATMENT, subject="HN-690001"):
        yield


def actions():
    aegis.audit.checkpoint()  # takes over what was committed
    return [entry.action for entry in aegis.audit.stored(START[0])]


START = [0]


@pytest.fixture(autouse=True)
def from_here_on(own_home):
    START[0] = aegis.audit.checkpoint().size


def admit(mrn="1"):
    Patient.objects.create(mrn=mrn, name="x", ward="4B")


class Wrong(Exception):
    pass


def test_both_are_there_after_the_commit_and_the_entry_is_provable():
    with transaction.atomic():
        admit()
        receipt = aegis.audit.record(Admitted(name="Somchai"), within=connection)
        assert actions() == []
        with pytest.raises(AegisError) as raised:
            aegis.audit.prove(receipt)
        assert raised.value.code is ErrorCode.NOT_FOUND
    proof = aegis.audit.prove(receipt)
    assert proof.index >= START[0]
    (entry,) = aegis.audit.entries(START[0])
    assert (entry.who, entry.action, entry.event_id) == ("dr-malee", "patient.admitted", receipt.event_id)
    assert Patient.objects.count() == 1
    assert aegis.audit.verify().intact


def test_neither_is_there_after_a_rollback():
    with pytest.raises(Wrong), transaction.atomic():
        admit()
        receipt = aegis.audit.record(Admitted(), within=connection)
        raise Wrong
    assert (actions(), Patient.objects.count()) == ([], 0)
    with pytest.raises(AegisError) as raised:
        aegis.audit.prove(receipt)
    assert raised.value.code is ErrorCode.NOT_FOUND


def test_a_savepoint_takes_its_own_entries_with_it_alone():
    with transaction.atomic():
        admit("1")
        aegis.audit.record(Admitted(), within=connection)
        with pytest.raises(Wrong), transaction.atomic():
            admit("2")
            aegis.audit.record(Discharged(), within=connection)
            raise Wrong
        with transaction.atomic():
            admit("3")
            aegis.audit.record(Admitted(), within=connection)
    assert actions() == ["patient.admitted", "patient.admitted"]
    assert sorted(Patient.objects.values_list("mrn", flat=True)) == ["1", "3"]


@pytest.mark.parametrize("of", [connection, connections["default"]], ids=["the proxy", "the connection"])
def test_connections_of_django_are_known_however_they_are_named(of):
    with transaction.atomic():
        aegis.audit.record(Admitted(), within=of)
    assert actions() == ["patient.admitted"]


def test_a_new_connection_is_made_where_there_was_none():
    done = []

    def work():
        with acting(WHO, purpose=Purpose.TREATMENT), transaction.atomic():  # the first thing on this thread
            done.append(aegis.audit.record(Admitted(), within=connection))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert actions() == ["patient.admitted"]
    assert aegis.audit.prove(done[0])


def refused(within):
    with pytest.raises(AegisError) as raised:
        aegis.audit.record(Admitted(), within=within)
    return raised.value.code, raised.value.message


def test_outside_of_a_transaction_it_is_refused():
    code, message = refused(connection)
    assert code is ErrorCode.INVALID_ARGUMENT
    assert "transaction.atomic()" in message
    assert actions() == []


def test_on_another_database_it_is_refused():
    with transaction.atomic(using="other"):
        code, message = refused(connections["other"])
    assert code is ErrorCode.INVALID_ARGUMENT
    assert "another driver" in message
    code, message = refused(cache)
    assert code is ErrorCode.INVALID_ARGUMENT
    assert "Django's connection" in message


def test_in_a_transaction_that_failed_it_is_refused():
    with transaction.atomic():
        transaction.set_rollback(True)
        assert refused(connection)[0] is ErrorCode.PRECONDITION_FAILED
    assert actions() == []


def test_on_another_thread_than_the_connections_own_it_is_refused():
    own, raised = connections["default"], []

    def work():
        with acting(WHO, purpose=Purpose.TREATMENT):
            try:
                aegis.audit.record(Admitted(), within=own)
            except Exception as error:  # noqa: BLE001 - Django says what it likes
                raised.append(error)

    with transaction.atomic():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(raised) == 1
    assert actions() == []


def test_a_request_that_fails_is_rolled_back_with_its_record(nurse):
    from clinic import urls, views
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path

    def view(request, how):
        with transaction.atomic():
            admit()
            receipt = aegis.audit.record(Admitted(), within=connection)
            if how == "fails":
                raise AegisError(ErrorCode.CONFLICT, "somebody was quicker")
        return HttpResponse(json.dumps(str(receipt.event_id)))

    urls.urlpatterns.append(path("both/<str:how>", view))
    client = Client()
    client.force_login(nurse)
    try:
        assert client.get("/both/fails").status_code == 409
        assert (actions(), Patient.objects.count()) == ([], 0)
        assert client.get("/both/works").status_code == 200
    finally:
        urls.urlpatterns.pop()
    assert (actions(), Patient.objects.count()) == (["patient.admitted"], 1)
    (entry,) = aegis.audit.entries(START[0])
    assert entry.who == str(nurse.pk)
    assert views.aegis is aegis


def test_after_the_commit_is_after_the_commit_and_with_the_context_of_the_call():
    with transaction.atomic():
        admit()
        record_after_commit(Admitted())
        assert actions() == []
        with acting(Principal("somebody-else", verified_by="test"), purpose=Purpose.RESEARCH):
            pass
    assert [entry.who for entry in aegis.audit.stored(START[0])] == ["dr-malee"]
    with pytest.raises(Wrong), transaction.atomic():
        record_after_commit(Discharged())
        raise Wrong
    record_after_commit(Discharged())  # no transaction: at once
    assert actions() == ["patient.admitted", "patient.discharged"]
