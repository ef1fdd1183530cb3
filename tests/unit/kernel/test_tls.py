"""One TLS rule for all adapters."""

import ssl

import pytest

from aegis_core.kernel.tls import client_context, is_certificate_failure, plaintext_problem


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
