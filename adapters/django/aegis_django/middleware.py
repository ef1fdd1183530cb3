"""The middleware: every request has its ids, who acts and why, and errors that tell nothing."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.log import log_response

from aegis_core import AegisError, Context, acting, current, from_headers, scrub, using
from aegis_core.kernel import PROBLEM_JSON, problem_details, problem_headers, status_of
from aegis_django.configuration import configuration
from aegis_django.lines import watch
from aegis_django.reports import Reporter

GetResponse: TypeAlias = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

_ID_HEADERS: Final = (("X-Request-ID", "request_id"), ("X-Correlation-ID", "correlation_id"))


class AegisMiddleware:
    """Stands first in ``MIDDLEWARE``, so that what the others answer has ids, too. Works in sync and async alike.

    Who acts is asked for when the view is known: the other middleware has found out by then. An `AegisError` that a
    view raises is answered with the status of its code, as problem details (RFC 9457).
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response: Callable[[HttpRequest], Any] = get_response
        self._configured = configuration()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answered(request)
        with using(self._begun(request)):
            return _finished(request, self._get_response(request))

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        with using(self._begun(request)):
            return _finished(request, await self._get_response(request))

    def _begun(self, request: HttpRequest) -> Context:
        trusted = self._configured.trusted
        context = from_headers(request.headers if trusted else {}, trusted=trusted)
        _keep(request, context)
        request.exception_reporter_class = Reporter
        return context

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """Say who acts and why; it is unsaid when the response is there."""
        principal, purpose = self._configured.principal, self._configured.purpose
        try:
            who = principal(request)
            if who is not None and purpose is not None:
                acting(who, purpose=purpose(request)).__enter__()
                _keep(request, current())
        except AegisError as error:  # whoever knows who acts can't be reached: Django would ask nobody, and answer 500
            return self.process_exception(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for an error of ours; for all others see to it that Django's own answer tells nothing."""
        if isinstance(error, AegisError):
            status = status_of(error)
            answer = JsonResponse(
                problem_details(error), status=status, headers=problem_headers(error), content_type=PROBLEM_JSON
            )
            if status >= 500:  # with its place: Django itself would log the status alone
                log_response("%s", status, response=answer, request=request, exception=error)
            return answer
        if isinstance(error, SuspiciousOperation):
            watch(type(error))
        if isinstance(error, Http404) and settings.DEBUG:  # the page of DEBUG shows its text and the path
            return HttpResponseNotFound("404: a view raised Http404", content_type="text/plain")
        return None


def _keep(request: HttpRequest, context: Context) -> None:
    request.aegis_context = context  # type: ignore[attr-defined]


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    context: Context = request.aegis_context  # type: ignore[attr-defined]
    for header, name in _ID_HEADERS:
        response.headers[header] = getattr(context, name)
    if isinstance(response, StreamingHttpResponse) and not _is_a_file(response):
        if response.is_async:
            response.streaming_content = _each_async(cast("AsyncIterable[bytes]", response.streaming_content), context)
        else:
            response.streaming_content = _each(cast("Iterable[bytes]", response.streaming_content), context)
    return response


def _is_a_file(response: StreamingHttpResponse) -> bool:
    """Whether the server may send it by itself, from a descriptor."""
    return hasattr(getattr(response, "file_to_stream", None), "fileno")


def _each(parts: Iterable[bytes], context: Context) -> Iterator[bytes]:
    """A body that is made bit by bit is made after the middleware is through, and still in the request's context.

    What it raises goes to the server's log, and nobody answers for it any more: a stand-in.
    """
    iterator, stand_in = iter(parts), None
    while stand_in is None:
        try:
            with using(context):
                part = next(iterator, None)
        except Exception as error:  # noqa: BLE001 - every one, whoever raised it
            stand_in = scrub(error)
            continue
        if part is None:
            return
        yield part
    # Outside of the handler, so that the first error hangs on it nowhere.
    raise stand_in


async def _each_async(parts: AsyncIterable[bytes], context: Context) -> AsyncIterator[bytes]:
    iterator, stand_in = aiter(parts), None
    while stand_in is None:
        try:
            with using(context):
                part = await anext(iterator, None)
        except Exception as error:  # noqa: BLE001 - every one, whoever raised it
            stand_in = scrub(error)
            continue
        if part is None:
            return
        yield part
    raise stand_in
