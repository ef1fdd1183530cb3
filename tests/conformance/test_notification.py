"""Channels of this machine keep the port's promises, and the kit rejects the known mistakes of channels."""

import email
import email.policy
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import anyio.to_thread
import pytest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.filesystem.notification import EmlFolder
from aegis_core.marks.classified import Classified
from aegis_core.marks.purpose import Purpose
from aegis_core.marks.taxonomy import PHI
from aegis_core.notifications.mime import digest_of
from aegis_core.notifications.model import Sent
from aegis_core.testing.kit import Subject, kill_rate, pytest_cases
from aegis_core.testing.kits.notification import ChannelHarness, notification_kit
from aegis_core.testing.outbox import Arrived, Outbox


def read_mail(path):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.SMTP)
    html = mail.get_body(("html",))
    return Arrived(
        Classified(str(mail["To"]), PHI.EMAIL),
        str(mail["Subject"]),
        mail.get_body(("plain",)).get_content(),
        None if html is None else html.get_content(),
    )


def folder(channel_class=EmlFolder):
    @asynccontextmanager
    async def factory():
        root = Path(mkdtemp())
        mail = root / "mail"

        async def received():
            return [read_mail(path) for path in sorted(mail.glob("*.eml"), key=lambda path: path.stat().st_ctime_ns)]

        @asynccontextmanager
        async def unavailable():
            mail.rename(root / "away")
            mail.write_bytes(b"")
            try:
                yield
            finally:
                mail.unlink()
                (root / "away").rename(mail)

        try:
            faults = {"unavailable": unavailable, "refuse": unavailable}
            yield ChannelHarness(lambda: channel_class(mail), received, faults=faults)
        finally:
            shutil.rmtree(root)

    return factory


def outbox(channel_class=Outbox, **options):
    @asynccontextmanager
    async def factory():
        channel = channel_class(**options)

        async def received():
            return list(channel.delivered)

        def answering(answer):
            @asynccontextmanager
            async def fault():
                channel.will(answer)
                yield

            return fault

        faults = {name: answering(name) for name in ("refuse", "lose", "unavailable")}
        yield ChannelHarness(lambda: channel, received, faults=faults)

    return factory


SUBJECTS = {
    "eml": Subject("eml"),
    "outbox": Subject("outbox"),
}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "check",
    pytest_cases(
        notification_kit,
        {"eml": folder(), "outbox": outbox(), "outbox-not-idempotent": outbox(idempotent=False)},
        SUBJECTS,
    ),
)
async def test_channels_keep_their_promises(check):
    await check()


class SendsTwice(Outbox):
    def _deliver(self, arrived, key):
        self._keys.pop(key, None)
        return super()._deliver(arrived, key)


class CallsARefusalSuccess(Outbox):
    async def send(self, message, *, key):
        sent = await super().send(message, key=key)
        return Sent("accepted") if sent.status == "refused" else sent


class TellsTheAddress(Outbox):
    async def send(self, message, *, key):
        try:
            return await super().send(message, key=key)
        except AegisError as error:
            raise AegisError(error.code, f"cannot send to {message.to.reveal(Purpose.OPERATIONS)}") from error


class TellsTheBodyInTheReason(Outbox):
    async def send(self, message, *, key):
        sent = await super().send(message, key=key)
        return Sent(sent.status, sent.reference, reason=f"550 spam: {message.text}")


class CallsALostReplySuccess(Outbox):
    async def send(self, message, *, key):
        sent = await super().send(message, key=key)
        return Sent("accepted") if sent.status == "uncertain" else sent


class CallsAnOutageAFinalWord(Outbox):
    async def send(self, message, *, key):
        try:
            return await super().send(message, key=key)
        except AegisError as error:
            if error.code is ErrorCode.UNAVAILABLE:
                return Sent("refused", reason="unavailable")
            raise


class RemembersKeysInMemoryOnly(EmlFolder):
    """Idempotent while it lives: after a kill the same key is another file."""

    made = 0

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        RemembersKeysInMemoryOnly.made += 1
        self._mine = RemembersKeysInMemoryOnly.made

    def _write(self, target, body):
        super()._write(target.with_name(f"{self._mine}-{target.name}"), body)


class WritesInPlace(EmlFolder):
    """A cancelled or killed writer would leave half a file under the final name; here another writer replaces it."""

    def _write(self, target, body):
        target.write_bytes(body[: len(body) // 2])
        target.with_name(f"{len(list(target.parent.iterdir()))}.eml").write_bytes(body)


class LetsHeadersIn(EmlFolder):
    async def send(self, message, *, key):
        to = message.to.reveal(Purpose.OPERATIONS)
        body = f"To: {to}\r\nSubject: {message.subject}\r\n\r\n{message.text}".encode()
        await anyio.to_thread.run_sync(self._write, self.folder / f"{digest_of(key)}.eml", body)
        return Sent("accepted")


BUGS = {
    "sent twice per key": outbox(SendsTwice),
    "success on refusal": outbox(CallsARefusalSuccess),
    "address in the error": outbox(TellsTheAddress),
    "body in the reason": outbox(TellsTheBodyInTheReason),
    "lost reply is success": outbox(CallsALostReplySuccess),
    "outage is a final word": outbox(CallsAnOutageAFinalWord),
    "keys forgotten at a restart": folder(RemembersKeysInMemoryOnly),
    "half a message": folder(WritesInPlace),
    "headers smuggled in": folder(LetsHeadersIn),
}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_kit_rejects_every_planted_bug(backend, capsys):
    report = kill_rate(notification_kit, BUGS, backend=backend)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.survivors == ()
