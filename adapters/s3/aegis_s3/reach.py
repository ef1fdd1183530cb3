"""Where a service of AWS, or one that speaks like it, is reached, and with whose credentials: boto3's own chain."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import attrs
import boto3.session
import botocore.exceptions
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.problems import Problem, SettingsError, did_you_mean
from aegis_core.kernel.tls import plaintext_problem
from aegis_core.kernel.url import ServiceUrl

Kind = Literal["s3", "kms"]

#: Options that every adapter here takes.
COMMON: Final = ("region", "endpoint", "profile", "ca")


@attrs.frozen
class Reach:
    """How a service is found.

    Arguments:
        region: None: what boto3's chain says.
        endpoint: ``https://host:port`` of a store that speaks like AWS; None: AWS's own.
        profile: a profile of boto3's shared files; None: its default.
        authorities: a PEM file that is trusted instead of the system's.
        path_style: the bucket in the path instead of the host; None: where there is an endpoint.
        environment: in production nothing is sent in the open.
        session: a boto3 session of the caller's, with credentials; None: one is made.
    """

    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    authorities: Path | None = None
    path_style: bool | None = None
    environment: Environment = "development"
    session: boto3.session.Session | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Found:
    """A service that was found. Nothing was sent yet.

    Arguments:
        base: scheme, host and the beginning of the path; with S3: of the bucket.
        region: the one that requests are signed for.
    """

    base: str
    region: str
    authorities: Path | None
    credentials: Any = attrs.field(repr=False)
    client: Any = attrs.field(repr=False)


def find(kind: Kind, reach: Reach, /, *, adapter: str, bucket: str = "") -> Found:
    """Make boto3's client and see what it would send, and where. Reads files, and perhaps asks for credentials.

    Raises:
        AegisError: ``permission_denied`` without credentials; ``invalid_argument`` for a region, profile or endpoint
            that boto3 does not take.
        SettingsError: the endpoint that boto3's chain names is not encrypted, in production.
    """
    failure: AegisError
    try:
        found = _find(kind, reach, bucket)
    except botocore.exceptions.BotoCoreError as error:
        failure = unusable(error, adapter)
    else:
        if urlsplit(found.base).scheme != "https":
            problem = plaintext_problem(
                adapter, reach.environment, hint="write https:// in endpoint= or AWS_ENDPOINT_URL"
            )
            if problem is not None:
                raise SettingsError([problem])
        return found
    raise failure


def _find(kind: Kind, reach: Reach, bucket: str) -> Found:
    session = reach.session or boto3.session.Session(profile_name=reach.profile, region_name=reach.region)
    is_path = reach.path_style if reach.path_style is not None else bool(reach.endpoint or _environ_endpoint(kind))
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={"addressing_style": "path" if is_path else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client: Any = session.client(kind, region_name=reach.region, endpoint_url=reach.endpoint, config=config)
    seen: list[Any] = []
    nothing = b"" if kind == "s3" else b"{}"

    def keep(request: Any, **_: object) -> AWSResponse:
        seen.append(request)
        return AWSResponse(
            request.url, 200, HTTPHeaders(), urllib3.HTTPResponse(BytesIO(nothing), preload_content=False)
        )

    # The one place that knows about regions, dual stacks, FIPS and hosts is boto3: ask it, and send nothing.
    client.meta.events.register(f"before-send.{kind}", keep)
    if kind == "s3":
        client.head_bucket(Bucket=bucket)
    else:
        client.list_keys()
    client.meta.events.unregister(f"before-send.{kind}", keep)
    authorities = reach.authorities or os.environ.get("AWS_CA_BUNDLE")
    return Found(
        base=str(seen[0].url).rstrip("/"),
        # Credential=KEY/20261124/REGION/s3/aws4_request
        region=_text(seen[0].headers["Authorization"]).split("/")[2],
        authorities=Path(authorities) if authorities else None,
        credentials=session.get_credentials(),
        client=client,
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _environ_endpoint(kind: Kind) -> str | None:
    return os.environ.get(f"AWS_ENDPOINT_URL_{kind.upper()}") or os.environ.get("AWS_ENDPOINT_URL")


def unusable(error: botocore.exceptions.BotoCoreError, adapter: str) -> AegisError:
    """Boto3's errors repeat what they were given: only their kind is told."""
    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind or "SSO" in kind:
        return AegisError(
            ErrorCode.PERMISSION_DENIED,
            f"there are no usable credentials ({kind}): give them to boto3, by the environment, a profile or a role",
            adapter=adapter,
        )
    return AegisError(
        ErrorCode.INVALID_ARGUMENT,
        f"boto3 does not take these settings ({kind}): look at region=, profile= and endpoint=",
        adapter=adapter,
    )


def reach_of(
    url: ServiceUrl, problems: list[Problem], /, *, kind: Kind, environment: Environment, options: tuple[str, ...]
) -> Reach:
    """Read the options that every adapter here takes; what is wrong is added to ``problems``.

    Arguments:
        options: every option that this adapter knows.
    """
    for option in url.options:
        if option not in options:
            hint = did_you_mean(option, options) or f"known: {', '.join(options)}"
            problems.append(Problem(url.scheme, "has an option that the adapter does not know", hint=hint))
    if url.user is not None or url.password is not None:
        problems.append(
            Problem(
                url.scheme,
                "must hold no user and no password",
                hint="credentials come from boto3's chain: AWS_ACCESS_KEY_ID, a profile, a role",
            )
        )
    given = url.options.get("endpoint") or None
    endpoint = given or _environ_endpoint(kind)
    if endpoint is not None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            problems.append(
                Problem(url.scheme, "has an endpoint that is no address", hint="write endpoint=https://host:port")
            )
        elif parts.scheme == "http":
            problem = plaintext_problem(url.scheme, environment, hint="write https:// in endpoint= or AWS_ENDPOINT_URL")
            if problem is not None:
                problems.append(problem)
    authorities = url.options.get("ca")
    if authorities and not Path(authorities).is_file():
        problems.append(Problem(url.scheme, "names a file of authorities that is not there", hint="look at ca="))
    return Reach(
        region=url.options.get("region") or None,
        endpoint=given,
        profile=url.options.get("profile") or None,
        authorities=Path(authorities) if authorities else None,
        environment=environment,
    )
