"""One bucket over HTTP: each call is one signed request. Blocking, called in thread hops."""

import hashlib
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree as ET

import attrs
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_s3.reach import Found
from aegis_s3.refusals import Refusal, is_success
from aegis_s3.wire import Limit, Wire

Checksum = Literal["crc32", "sha256", "md5", "none"]
Body = bytes | memoryview

ADAPTER: Final = "s3"
_LARGEST_ERROR: Final = 1 << 16
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_ETAG: Final = re.compile(r"[0-9A-Za-z_.+/=-]{1,256}", re.ASCII)


class _Signer(S3SigV4Auth):
    """botocore's own signature, over a digest that is known already: it would read the body once more."""

    def payload(self, request: Any) -> str:
        return str(request.context["digest"])


@attrs.frozen
class Stored:
    """What a server says of one object. ``size`` counts the adapter's own header too."""

    name: str = attrs.field(repr=False)
    size: int
    etag: str
    modified: datetime


@attrs.frozen
class Upload:
    """An upload in parts that was begun and not ended. ``age``: seconds, by the server's own clock."""

    name: str = attrs.field(repr=False)
    upload_id: str = attrs.field(repr=False)
    age: float


def is_etag(text: str, /) -> bool:
    """Whether a text can be an etag; what can't is none that a server ever gave."""
    return _ETAG.fullmatch(text) is not None


class Bucket:
    """Talks to one bucket.

    Arguments:
        found: where it is, and the credentials.
        checksum: what is sent along with each body, so that the server refuses what was damaged on its way.
    """

    def __init__(self, found: Found, wire: Wire, /, *, checksum: Checksum) -> None:
        self._found = found
        self._wire = wire
        self._checksum = checksum
        self._is_encrypted = found.base.startswith("https:")
        self._base = found.base
        self._path = urlsplit(found.base).path.rstrip("/")

    def look(self, limit: Limit, /) -> None:
        """See that the bucket is there and may be used."""
        try:
            self._call("HEAD", "", limit)
        except Refusal as error:
            if error.status == 404:  # an answer to HEAD has no body that would name it
                raise Refusal(404, "NoSuchBucket") from None
            raise

    def put(self, name: str, body: Body, limit: Limit, /, *, condition: Mapping[str, str]) -> Stored:
        """Write one object with one request."""
        answer = self._call("PUT", name, limit, body=body, headers=condition)
        return Stored(name, len(body), _etag_of(answer), _date_of(answer, "Date"))

    def stat(self, name: str, limit: Limit, /) -> Stored:
        """Describe one object."""
        answer = self._call("HEAD", name, limit)
        return Stored(name, _number(answer.headers.get("Content-Length")), _etag_of(answer), _modified(answer))

    def get(
        self, name: str, limit: Limit, /, *, first: int = 0, last: int | None = None, etag: str = ""
    ) -> tuple[Stored, urllib3.BaseHTTPResponse]:
        """Begin to read one object: bytes ``first`` to ``last`` (inclusive) of it; the caller reads and releases it.

        Arguments:
            etag: only this one.
        """
        headers: dict[str, str] = {}
        if first or last is not None:
            headers["Range"] = f"bytes={first}-{'' if last is None else last}"
        if etag:
            headers["If-Match"] = f'"{etag}"'
        answer = self._call("GET", name, limit, headers=headers, stream=True)
        try:
            if "Range" not in headers:
                size = _number(answer.headers.get("Content-Length"))
            elif answer.status == 206:
                size = _number((answer.headers.get("Content-Range") or "").rpartition("/")[2])
            else:
                raise _garbage()
            return Stored(name, size, _etag_of(answer), _modified(answer)), answer
        except BaseException:
            answer.close()
            raise

    def delete(self, name: str, limit: Limit, /, *, etag: str = "") -> None:
        """Remove one object; with ``etag`` only that one."""
        try:
            self._call("DELETE", name, limit, headers={"If-Match": f'"{etag}"'} if etag else {})
        except Refusal as error:
            if etag or error.name == "NoSuchBucket" or error.status != 404:
                raise

    def list(self, prefix: str, after: str, limit: Limit, /, *, most: int) -> tuple[Sequence[Stored], bool]:
        """Up to ``most`` objects whose names begin so and come after that one, and whether there are more."""
        query = {"encoding-type": "url", "list-type": "2", "max-keys": str(min(most, 1000)), "prefix": prefix}
        if after:
            query["start-after"] = after
        root = _xml(self._call("GET", "", limit, query=query))
        spell = unquote_plus if _text(root, "EncodingType") == "url" else str
        try:
            objects = [
                Stored(
                    spell(_text(entry, "Key")),
                    int(_text(entry, "Size")),
                    _text(entry, "ETag").strip('"'),
                    datetime.fromisoformat(_text(entry, "LastModified")).replace(microsecond=0),
                )
                for entry in root.iterfind("{*}Contents")
            ]
        except ValueError:
            raise _garbage() from None
        return objects, _text(root, "IsTruncated") == "true"

    def begin(self, name: str, limit: Limit, /) -> str:
        """Begin an upload in parts; gives its id."""
        headers = {} if self._checksum in {"none", "md5"} else {"x-amz-checksum-algorithm": self._checksum.upper()}
        found = _text(_xml(self._call("POST", name, limit, query={"uploads": ""}, headers=headers)), "UploadId")
        if not found:
            raise _garbage()
        return found

    def part(
        self,
        name: str,
        upload_id: str,
        number: int,
        body: memoryview,
        limit: Limit,
        /,
        *,
        go_on: Callable[[], None],
    ) -> tuple[str, str]:
        """Send one part; gives its etag, and its checksum where one is sent.

        Arguments:
            number: from 1.
            go_on: called between slices of the body; what it raises ends the call.
        """
        query = {"partNumber": str(number), "uploadId": upload_id}
        sum_name, value = self._sum(body)
        answer = self._call("PUT", name, limit, body=body, query=query, go_on=go_on, sum_=(sum_name, value))
        return _etag_of(answer), value if sum_name.startswith("x-amz-") else ""

    def complete(
        self,
        name: str,
        upload_id: str,
        parts: Sequence[tuple[str, str]],
        limit: Limit,
        /,
        *,
        condition: Mapping[str, str],
    ) -> tuple[str, datetime]:
        """Make one object of the parts; gives its etag and date."""
        element = f"Checksum{self._checksum.upper()}"
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag>"
            + (f"<{element}>{value}</{element}>" if value else "")
            + "</Part>"
            for number, (etag, value) in enumerate(parts, 1)
        )
        body = (
            f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}'
            "</CompleteMultipartUpload>"
        ).encode()
        answer = self._call(
            "POST", name, limit, body=body, query={"uploadId": upload_id}, headers=condition, sum_=("", "")
        )
        root = _xml(answer)
        if root.tag.rpartition("}")[2] == "Error":  # a refusal may come under the status 200
            raise Refusal(500, _text(root, "Code"))
        etag = _text(root, "ETag").strip('"')
        if not is_etag(etag):
            raise _garbage()
        return etag, _date_of(answer, "Date")

    def abort(self, name: str, upload_id: str, limit: Limit, /) -> None:
        """End an upload without an object. Of none it is no error."""
        try:
            self._call("DELETE", name, limit, query={"uploadId": upload_id})
        except Refusal as error:
            if error.status != 404:
                raise

    def uploads(self, prefix: str, limit: Limit, /) -> Iterator[Upload]:
        """Every upload that was begun and not ended, of names that begin so."""
        marker: dict[str, str] = {}
        while True:
            query = {"prefix": prefix, "uploads": "", "encoding-type": "url", **marker}
            answer = self._call("GET", "", limit, query=query)
            now = _date_of(answer, "Date")
            root = _xml(answer)
            spell = unquote_plus if _text(root, "EncodingType") == "url" else str
            try:
                for entry in root.iterfind("{*}Upload"):
                    begun = datetime.fromisoformat(_text(entry, "Initiated"))
                    name, upload_id = spell(_text(entry, "Key")), _text(entry, "UploadId")
                    yield Upload(name, upload_id, (now - begun).total_seconds())
            except (ValueError, TypeError):
                raise _garbage() from None
            if _text(root, "IsTruncated") != "true":
                return
            following = {
                "key-marker": spell(_text(root, "NextKeyMarker")),
                "upload-id-marker": _text(root, "NextUploadIdMarker"),
            }
            if following == marker:
                raise _garbage()
            marker = following

    def _sum(self, body: Body) -> tuple[str, str]:
        match self._checksum:
            case "crc32":
                return "x-amz-checksum-crc32", b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
            case "sha256":
                return "x-amz-checksum-sha256", b64encode(hashlib.sha256(body).digest()).decode()
            case "md5":
                return "content-md5", b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            case _:
                return "", ""

    def _call(
        self,
        method: str,
        name: str,
        limit: Limit,
        /,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        stream: bool = False,
        go_on: Callable[[], None] | None = None,
        sum_: tuple[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        target = f"/{quote(name, safe='/~')}" if name or not self._path else ""
        if query:
            target += "?" + "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(query.items()))
        sent = dict(headers or {})
        digest = _EMPTY
        if body is not None:
            sum_name, value = self._sum(body) if sum_ is None else sum_
            if sum_name:
                sent[sum_name] = value
            # As boto3: over TLS the body is not signed too.
            digest = _UNSIGNED if self._is_encrypted else hashlib.sha256(body).hexdigest()
        request = AWSRequest(method, self._base + target, headers=sent)
        request.context["digest"] = digest
        _Signer(self._found.credentials.get_frozen_credentials(), "s3", self._found.region).add_auth(request)
        answer = self._wire.send(
            method,
            self._path + target,
            headers={**dict(request.headers.items()), "Accept-Encoding": "identity"},
            limit=limit,
            body=body,
            stream=stream,
            go_on=go_on,
        )
        if not is_success(answer.status):
            raise _refusal(answer)
        return answer


def _refusal(answer: urllib3.BaseHTTPResponse) -> Refusal:
    try:
        text = answer.read(_LARGEST_ERROR) or answer.data
    except (urllib3.exceptions.HTTPError, OSError):
        text = b""
    finally:
        answer.close()
    name = re.search(rb"<Code>([A-Za-z0-9]{1,64})</Code>", text[:_LARGEST_ERROR])
    after = answer.headers.get("Retry-After", "")
    region = answer.headers.get("x-amz-bucket-region", "")
    return Refusal(
        answer.status,
        name.group(1).decode() if name else "",
        retry_after=float(after) if after.isascii() and after.isdecimal() and len(after) < 6 else None,
        region=region if re.fullmatch(r"[a-z0-9-]{1,32}", region) else "",
    )


def _garbage() -> AegisError:
    return AegisError(
        ErrorCode.UNAVAILABLE,
        "the server answered what no S3 answers: see whether the endpoint is the one of a store",
        adapter=ADAPTER,
    )


def _xml(answer: urllib3.BaseHTTPResponse) -> ET.Element:
    text = answer.data
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise _garbage()
    try:
        return ET.fromstring(text)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, ValueError):
        raise _garbage() from None


def _text(root: ET.Element, name: str) -> str:
    return root.findtext(f"{{*}}{name}") or ""


def _etag_of(answer: urllib3.BaseHTTPResponse) -> str:
    etag = (answer.headers.get("ETag") or "").strip('"')
    if not is_etag(etag):
        raise _garbage()
    return etag


def _number(text: str | None) -> int:
    if not text or not (text.isascii() and text.isdecimal()):
        raise _garbage()
    return int(text)


def _modified(answer: urllib3.BaseHTTPResponse) -> datetime:
    return _date_of(answer, "Last-Modified")


def _date_of(answer: urllib3.BaseHTTPResponse, header: str) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers.get(header) or "").astimezone(UTC)
    except (ValueError, TypeError):
        raise _garbage() from None
