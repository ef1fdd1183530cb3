"""One TLS rule for all adapters."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aegis_core.kernel.tls import agreed_version, client_context, is_certificate_failure, plaintext_problem


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
    server_context, authority = certificate(tmp_path)
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


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem
