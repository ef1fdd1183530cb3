"""One TLS rule for all adapters."""

import socket
import ssl
import threading

import pytest

from aegis_core.kernel.tls import agreed_version, client_context, is_certificate_failure, plaintext_problem
from aegis_core.testing.servers.certificates import certificate


def test_a_client_verifies_certificate_and_name_and_refuses_old_versions():
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_file_of_authorities_that_holds_none_is_refused(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        client_context(authorities=file)
    with pytest.raises(FileNotFoundError):
        client_context(authorities=tmp_path / "none.pem")


def test_plaintext_is_a_problem_in_production_only():
    assert plaintext_problem("AEGIS_EMAIL", "development", hint="smtps://") is None
    problem = plaintext_problem("AEGIS_EMAIL", "production", hint="write smtps://")
    assert problem is not None
    assert problem.setting == "AEGIS_EMAIL"
    assert problem.hint == "write smtps://"


def test_a_handshake_that_failed_is_found_among_causes():
    inner = ssl.SSLCertVerificationError("wrong name")
    outer = RuntimeError("request failed")
    outer.__cause__ = inner
    assert is_certificate_failure(outer)
    assert not is_certificate_failure(RuntimeError("other"))
    circle = RuntimeError("a")
    circle.__cause__ = circle
    assert not is_certificate_failure(circle)


def test_the_version_that_was_agreed_on_is_known_to_who_has_the_context(tmp_path):
    made = certificate(tmp_path, "localhost")
    server_context, authority = made.context, made.authority
    here, there = socket.socketpair()
    served: list[ssl.SSLSocket] = []

    def serve() -> None:
        served.append(server_context.wrap_socket(there, server_side=True))

    context = client_context(authorities=authority)
    assert agreed_version(context) == ""
    thread = threading.Thread(target=serve)
    thread.start()
    with context.wrap_socket(here, server_hostname="localhost") as client:
        thread.join(10)
        assert agreed_version(context) == client.version() == "TLSv1.3"
        assert agreed_version(client_context()) == ""
    served[0].close()
