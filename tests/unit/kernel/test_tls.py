"""One TLS rule for all adapters."""

import contextlib
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


def shaken(authority, serve):
    """The error of a client that shakes hands with a server that does ``serve`` on its end of the connection."""
    here, there = socket.socketpair()

    def server() -> None:
        with there, contextlib.suppress(OSError):
            serve(there)

    thread = threading.Thread(target=server)
    thread.start()
    context = client_context(authorities=authority)
    with (
        pytest.raises(OSError) as caught,  # which one, is what the caller asks
        here,
        context.wrap_socket(here, server_hostname="localhost", suppress_ragged_eofs=False) as client,
    ):
        client.sendall(b"are you there?")
        client.recv(100)
    thread.join(10)
    return caught.value


def test_a_certificate_that_is_refused_is_told_from_a_server_that_hangs_up(tmp_path):
    made, other = certificate(tmp_path, "localhost"), certificate(tmp_path, "elsewhere.example")

    def answers_in_the_open(end):
        end.recv(65536)
        end.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    def hangs_up_in_the_handshake(end):
        end.recv(65536)

    def shows(shown):
        def serve(end):
            with shown.context.wrap_socket(end, server_side=True) as secure:
                secure.recv(100)  # and goes, with neither an answer nor TLS's farewell

        return serve

    refused = [
        shaken(made.authority, shows(other)),
        shaken(other.authority, shows(other)),
        shaken(made.authority, answers_in_the_open),
    ]
    assert [is_certificate_failure(error) for error in refused] == [True] * 3, refused
    broken = [shaken(made.authority, hangs_up_in_the_handshake), shaken(made.authority, shows(made))]
    assert [is_certificate_failure(error) for error in broken] == [False] * 2, broken
    assert isinstance(broken[0], ssl.SSLError), "so the type alone tells nothing"


@pytest.mark.parametrize(
    ("reason", "is_refusal"),
    [
        ("CERTIFICATE_VERIFY_FAILED", True),
        ("TLSV1_ALERT_PROTOCOL_VERSION", True),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", True),
        (None, True),
        ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", False),
        ("TLSV1_ALERT_INTERNAL_ERROR", False),
        ("UNEXPECTED_EOF_WHILE_READING", False),
    ],
)
def test_what_openssl_says_of_the_connection_is_no_refusal(reason, is_refusal):
    error = ssl.SSLError(1, "the text is not looked at")
    error.reason = reason
    assert is_certificate_failure(error) is is_refusal


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
