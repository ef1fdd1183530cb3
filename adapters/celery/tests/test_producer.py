"""In the producer's process: what it sends, from async code too, what it refuses, and eager tasks."""

import logging

import anyio
import pytest
from celery import Celery
from kombu.serialization import dumps, loads, unregister

from aegis_celery import install, sealing
from aegis_core import Aegis, AegisError, ErrorCode, KeyPurpose, Principal, Purpose, acting, current
from aegis_core.blocking import PerProcess


class NoBed(Exception):
    """What an application raises."""


@pytest.fixture
def aegis(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGIS_ENV", "test")
    made = PerProcess(Aegis())
    yield made
    made.close()


@pytest.fixture
def app(aegis):
    made = Celery("ward", broker="memory://", backend="cache+memory://", set_as_current=False)
    install(made, aegis)
    yield made
    made.control.purge()  # the memory transport's queues are the process's
    unregister(sealing.NAME)


def sealed(body):
    content_type, encoding, text = dumps(body, sealing.NAME)
    return text, content_type, encoding


def test_what_is_sealed_opens_again_also_after_a_rotation(app, aegis, phi_canary):
    body = [[phi_canary.patient["name_th"], 1.5, None], {"when": [True]}, {}]
    text, content_type, encoding = sealed(body)
    phi_canary.assert_absent(text)
    aegis.keys.rotate(KeyPurpose.WRAP)
    newer, _, _ = sealed(body)
    assert newer.partition("\n")[0] != text.partition("\n")[0]
    for each in (text, newer):
        assert loads(each.encode(), content_type, encoding, accept=[content_type]) == body


def test_a_tenants_message_is_sealed_with_the_tenants_key(app, aegis):
    with acting(Principal("dr-malee", verified_by="test", tenant="eu"), purpose=Purpose.TREATMENT):
        text, content_type, encoding = sealed(["x"])
    assert text.startswith("eu/")
    assert loads(text, content_type, encoding) == ["x"]


@pytest.mark.parametrize(
    "change", [lambda text: text[:-3] + "AAA", lambda text: "k9\n" + text, lambda text: "", str.upper]
)
def test_what_was_changed_does_not_open(change, app, phi_canary):
    text, content_type, encoding = sealed([phi_canary.patient["mrn"]])
    changed = change(text)
    if not changed:
        return  # Kombu gives an empty body as it is
    with pytest.raises(Exception) as caught:
        loads(changed, content_type, encoding)
    phi_canary.assert_absent(repr(caught.value))
    assert isinstance(caught.value.__context__, AegisError)


def test_a_body_that_is_too_large_is_refused_and_says_how_large(app):
    with pytest.raises(Exception, match=r"1,048,57\d bytes is over 1,048,576: store it") as caught:
        sealed("x" * (sealing.LARGEST - 1))
    assert caught.value.__context__.code is ErrorCode.RESOURCE_EXHAUSTED
    sealed("x" * (sealing.LARGEST - 2))


def test_a_task_is_sent_from_async_code_too(app, aegis):
    @app.task
    def remind(mrn): ...

    async def main():
        with acting(Principal("dr-malee", verified_by="test"), purpose=Purpose.TREATMENT):
            return remind.delay("HN-00042").id

    assert anyio.run(main)


def test_another_serializer_for_one_task_is_refused_by_name(app):
    @app.task(serializer="json", name="ward.plain")
    def plain(mrn): ...

    with pytest.raises(AegisError, match=r"the messages of ward.plain are sealed"):
        plain.delay("HN-00042")


def test_settings_that_are_read_after_install_cannot_unseal_what_is_sent(app, aegis):
    @app.task(name="ward.remind")
    def remind(mrn): ...

    assert app.conf.task_serializer == sealing.NAME
    app.config_from_object({"broker_url": "memory://"})  # forgets what was set before
    with pytest.raises(AegisError, match="change no settings after install"):
        remind.delay("HN-00042")


def test_the_old_protocol_is_refused(aegis):
    made = Celery("old", set_as_current=False)
    made.conf.task_protocol = 1
    with pytest.raises(AegisError, match="set it to 2"):
        install(made, aegis)


def test_an_eager_task_runs_in_its_callers_context_and_raises_what_it_raised(app, caplog, phi_canary):
    app.conf.task_always_eager = True

    @app.task
    def fails(mrn):
        raise NoBed(current().principal.id, mrn)

    with acting(Principal("dr-malee", verified_by="test"), purpose=Purpose.TREATMENT):
        with caplog.at_level(logging.DEBUG):
            error = fails.delay(phi_canary.patient["mrn"]).result
        app.conf.task_eager_propagates = True
        with pytest.raises(NoBed, match="dr-malee"):
            fails.delay("HN-00042")
        assert current().principal.id == "dr-malee"
    assert isinstance(error, NoBed)
    assert "NoBed" in caplog.text
    phi_canary.assert_absent(caplog.text)


def test_a_task_called_as_a_function_is_one(app):
    @app.task
    def halves(number):
        return 1 / number

    app.finalize()
    assert halves(2) == 0.5
    with pytest.raises(ZeroDivisionError, match="division"):
        halves(0)


def test_installing_twice_wraps_once(app, aegis):
    install(app, aegis)

    @app.task
    def one(): ...

    app.finalize()
    assert not hasattr(one.run.__wrapped__, "__aegis__")
