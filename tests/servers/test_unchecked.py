"""What a server for tests does not check is seen, not believed: a probe a line, which fails once the server does check.

Then its line in the launcher's ``unchecked`` goes, with the probe.
"""

import io
import smtplib
import threading
import urllib.request
from contextlib import closing
from itertools import count

import pytest

from aegis_core.testing.servers.catalogue import CATALOGUE

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore.exceptions")
Config = pytest.importorskip("botocore.config").Config

_NUMBERS = count()
MIB = 1 << 20


def client(running, service="s3", **other):
    facts = {**running.endpoint.facts, **other}
    return boto3.client(
        service,
        endpoint_url=running.endpoint.url,
        aws_access_key_id=facts["access_key"],
        aws_secret_access_key=facts["secret_key"],
        region_name=facts["region"],
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            signature_version="s3v4" if service == "s3" else None,
        ),
    )


def bucket(running):
    name = f"unchecked-{next(_NUMBERS)}"
    client(running).create_bucket(Bucket=name)
    return name


def took_a_wrong_secret(running):
    other = client(running, secret_key="another")
    other.put_object(Bucket=bucket(running), Key="x", Body=b"x")
    client(running, "kms", secret_key="another").list_keys()
    return True


def served_an_old_request(running):
    name, ours = bucket(running), client(running)
    ours.put_object(Bucket=name, Key="x", Body=b"x")
    url = ours.generate_presigned_url("get_object", {"Bucket": name, "Key": "x"}, ExpiresIn=1)
    day = url.partition("X-Amz-Date=")[2][:8]
    old = url.replace(f"X-Amz-Date={day}", "X-Amz-Date=20010101")
    assert old != url
    with urllib.request.urlopen(old, timeout=10) as answer:
        return answer.read() == b"x"


def stored_a_damaged_body(running):
    name, ours = bucket(running), client(running)
    ours.put_object(Bucket=name, Key="x", Body=b"x", ChecksumCRC32="AAAAAA==")
    return ours.get_object(Bucket=name, Key="x")["Body"].read() == b"x"


def in_parts(ours, name, letter, **condition):
    upload = ours.create_multipart_upload(Bucket=name, Key="x")["UploadId"]
    part = ours.upload_part(Bucket=name, Key="x", UploadId=upload, PartNumber=1, Body=io.BytesIO(letter * 100))
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return lambda: ours.complete_multipart_upload(
        Bucket=name, Key="x", UploadId=upload, MultipartUpload=parts, **condition
    )


def ignored_a_condition_in_parts(running):
    name, ours = bucket(running), client(running)
    ours.put_object(Bucket=name, Key="x", Body=b"old")
    in_parts(ours, name, b"n", IfMatch='"0123456789abcdef0123456789abcdef"')()
    return ours.get_object(Bucket=name, Key="x")["Body"].read().startswith(b"n")


def let_an_identity_do_anything(running):
    import json

    name = f"nobody-{next(_NUMBERS)}"
    identities = client(running, "iam")
    identities.create_user(UserName=name)
    denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    identities.put_user_policy(UserName=name, PolicyName="nothing", PolicyDocument=json.dumps(denied))
    made = identities.create_access_key(UserName=name)["AccessKey"]
    other = {"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}
    client(running, **other).put_object(Bucket=bucket(running), Key="x", Body=b"x")
    client(running, "kms", **other).create_key()
    return True


def let_two_win(running):
    """Four create one object in parts at the same instant, again and again until two are told that they did."""
    name, ours = bucket(running), client(running)
    for _ in range(60):
        ours.delete_object(Bucket=name, Key="x")
        ends = [in_parts(ours, name, letter, IfNoneMatch="*") for letter in (b"a", b"b", b"c", b"d")]
        gate, won = threading.Barrier(4), []

        def race(end, gate=gate, won=won):
            gate.wait(10)
            try:
                end()
            except botocore.ClientError:
                return
            won.append(1)

        threads = [threading.Thread(target=race, args=(end,)) for end in ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        if len(won) > 1:
            return True
    return False


def made_a_bucket(running):
    name = f"never-was-{next(_NUMBERS)}"
    client(running).put_object(Bucket=name, Key="x", Body=b"x")
    return True


def took_any_form(running):
    with closing(smtplib.SMTP("127.0.0.1", running.endpoint.port, timeout=10)) as talk:
        talk.ehlo()
        talk.docmd("MAIL", "FROM:<a@example.org>")
        talk.docmd("RCPT", "TO:<b@example.org>")
        talk.docmd("DATA")
        talk.send(b"no header\nat all\r\n.\r\n")
        return talk.getreply()[0] == 250


def took_eight_bits(running):
    with closing(smtplib.SMTP("127.0.0.1", running.endpoint.port, timeout=10)) as talk:
        talk.ehlo()
        talk.docmd("MAIL", "FROM:<a@example.org>")
        talk.docmd("RCPT", "TO:<b@example.org>")
        talk.docmd("DATA")
        talk.send(b"Subject: a\r\n\r\n\xe0\xb8\x81\r\n.\r\n")
        return talk.getreply()[0] == 250


def took_any_recipient(running):
    with smtplib.SMTP("127.0.0.1", running.endpoint.port, timeout=10) as talk:
        return talk.sendmail("a@example.org", ["nobody@no.such.domain.invalid"], "Subject: a\r\n\r\na\r\n") == {}


def took_any_password(running):
    psycopg = pytest.importorskip("psycopg")
    psycopg.connect(running.endpoint.url, password="wrong").close()
    return True


def asked_no_policy(running):
    url, token = running.endpoint.url, running.endpoint.facts["token"]
    request = urllib.request.Request(f"{url}/v1/auth/token/lookup-self", headers={"X-Vault-Token": token})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return b'"policies":["root"]' in answer.read()


PROBES = {
    ("postgres", "password"): took_any_password,
    ("seaweedfs", "race-in-parts"): let_two_win,
    ("seaweedfs", "bucket"): made_a_bucket,
    ("moto", "signature"): took_a_wrong_secret,
    ("moto", "age"): served_an_old_request,
    ("moto", "checksum"): stored_a_damaged_body,
    ("moto", "match-in-parts"): ignored_a_condition_in_parts,
    ("moto", "policy"): let_an_identity_do_anything,
    ("smtp", "form"): took_any_form,
    ("smtp", "eight-bit"): took_eight_bits,
    ("smtp", "recipient"): took_any_recipient,
    ("openbao", "policy"): asked_no_policy,
}


def test_every_gap_that_is_declared_has_a_probe():
    assert set(PROBES) == {(name, gap) for name, server in CATALOGUE.items() for gap in server.unchecked}


@pytest.mark.parametrize(("name", "gap"), PROBES)
def test_what_is_said_to_be_unchecked_is_let_pass(name, gap, aegis_server):
    assert PROBES[name, gap](aegis_server(name)), f"{CATALOGUE[name].product()} checks it now: {gap}"
