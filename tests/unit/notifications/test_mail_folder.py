"""The mail folder writes messages that any mail program reads, and tells nobody but the To: header where they go."""

import email
import email.policy
import stat
from pathlib import Path

import pytest

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.errors import AegisError, ErrorCode, ForkedError
from aegis_core.kernel.problems import SettingsError
from aegis_core.kernel.url import ServiceUrl
from aegis_core.local.filesystem.notification import EmlFolder, from_url
from aegis_core.marks.classified import Classified
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications import Rendered
from aegis_core.testing.kits.breaker import SteppedClock

ADDRESS = "somchai@patients.example"


def message(to=ADDRESS, subject="ผลตรวจพร้อมแล้ว", text="เรียนคุณ\nสมชาย", html=None):
    return Rendered(Classified(to, PHI.EMAIL), subject, text, html)


@pytest.fixture
def deps():
    clock = SteppedClock()
    clock.wall_ns = lambda: 1_764_000_000_000_000_000
    return AdapterDeps(clock=clock)


@pytest.mark.anyio
async def test_the_file_is_a_message_by_rfc_5322(tmp_path, deps):
    folder = EmlFolder(tmp_path / "mail", deps, sender="clinic@north.example")
    await folder.open()
    sent = await folder.send(message(html="<p>ผล</p>"), key="result-17")
    path = tmp_path / "mail" / sent.reference
    octets = path.read_bytes()
    assert b"\n" not in octets.replace(b"\r\n", b"")
    head, _, _ = octets.partition(b"\r\n\r\n")
    assert head.isascii()
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    mail = email.message_from_bytes(octets, policy=email.policy.default)
    assert not mail.defects
    assert (mail["From"], mail["To"]) == ("clinic@north.example", ADDRESS)
    assert mail["Subject"] == "ผลตรวจพร้อมแล้ว"
    assert mail["Date"].datetime.isoformat() == "2025-11-24T16:00:00+00:00"
    assert mail.get_body(("plain",)).get_content().splitlines() == ["เรียนคุณ", "สมชาย"]
    assert mail.get_body(("html",)).get_content().strip() == "<p>ผล</p>"
    assert octets.count(ADDRESS.encode()) == 1
    assert "result-17" not in path.name
    assert b"result-17" not in octets


@pytest.mark.anyio
async def test_files_are_for_their_owner_alone(tmp_path, deps):
    folder = EmlFolder(tmp_path / "mail", deps)
    await folder.open()
    sent = await folder.send(message(), key="result-17")
    assert stat.S_IMODE((tmp_path / "mail").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "mail" / sent.reference).stat().st_mode) == 0o600


@pytest.mark.anyio
async def test_the_same_key_gives_the_same_file_byte_for_byte(tmp_path, deps):
    octets = set()
    for name in "ab":
        folder = EmlFolder(tmp_path / name, deps)
        await folder.open()
        sent = await folder.send(message(html="<p>x</p>"), key="result-17")
        octets.add((sent.reference, (tmp_path / name / sent.reference).read_bytes()))
    assert len(octets) == 1


@pytest.mark.anyio
async def test_what_a_killed_process_left_is_cleared_away(tmp_path, deps):
    folder = EmlFolder(tmp_path, deps)
    await folder.open()
    (tmp_path / ".mail" / "0123456789abcdef").write_bytes(b"half a mess")
    await EmlFolder(tmp_path, deps).open()
    assert [path.name for path in (tmp_path / ".mail").iterdir()] == ["lock"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "address",
    ["somchai", "somchai@", "@x", "a@b@c", "a b@c", "a@b, c@d", '"a\\"@b', "<a@b>", "a@b\n", ".a@b", "a..b@c"],
)
async def test_what_is_no_address_is_refused_and_not_repeated(tmp_path, deps, address):
    folder = EmlFolder(tmp_path, deps)
    await folder.open()
    with pytest.raises(AegisError) as caught:
        await folder.send(message(to=address), key="k")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert address not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.anyio
@pytest.mark.parametrize("address", ["สมชาย@ตัวอย่าง.ไทย", "o'brien+lab@x.example", "a.b-c_d@[192.0.2.1]"])
async def test_addresses_of_every_script_are_written(tmp_path, deps, address):
    folder = EmlFolder(tmp_path, deps)
    await folder.open()
    sent = await folder.send(message(to=address), key="k")
    mail = email.message_from_string((tmp_path / sent.reference).read_text("utf-8"), policy=email.policy.SMTPUTF8)
    assert mail["To"].addresses[0].addr_spec == address


@pytest.mark.anyio
async def test_a_text_that_is_no_unicode_is_refused(tmp_path, deps):
    folder = EmlFolder(tmp_path, deps)
    await folder.open()
    with pytest.raises(AegisError) as caught:
        await folder.send(message(text="\ud800"), key="k")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert list(tmp_path.glob("*.eml")) == []


@pytest.mark.anyio
async def test_not_open_and_after_a_fork_it_refuses(tmp_path, deps, monkeypatch):
    folder = EmlFolder(tmp_path / "mail", deps)
    with pytest.raises(AegisError) as caught:
        await folder.send(message(), key="k")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    await folder.open()
    with monkeypatch.context() as child:
        child.setattr("os.getpid", lambda: -7)
        with pytest.raises(ForkedError):
            await folder.send(message(), key="k")


@pytest.mark.anyio
async def test_a_full_disk_is_named(tmp_path, deps, monkeypatch):
    folder = EmlFolder(tmp_path, deps)
    await folder.open()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aegis_core.local.filesystem.notification.write_new", full)
    with pytest.raises(OSError) as caught:
        await folder.send(message(), key="k")
    assert folder.classify(caught.value) is ErrorCode.RESOURCE_EXHAUSTED
    assert list(tmp_path.glob("*.eml")) == []


def test_the_url_says_folder_and_sender(tmp_path):
    folder = from_url(ServiceUrl.parse(f"eml://{tmp_path}?from=clinic@north.example"), AdapterDeps())
    assert folder.native(type(tmp_path)) == tmp_path
    assert from_url(ServiceUrl.parse("eml:.aegis/mail"), AdapterDeps()).folder == Path(".aegis/mail").absolute()


@pytest.mark.parametrize(
    "url", ["eml://host/mail", "eml:", "eml:mail?form=x", "eml:mail?from=nobody", "eml:mail?from=a@b%0aBcc:x@y"]
)
def test_a_url_that_makes_no_sense_is_a_settings_error(url):
    with pytest.raises(SettingsError) as caught:
        from_url(ServiceUrl.parse(url), AdapterDeps())
    assert "nobody" not in str(caught.value)
