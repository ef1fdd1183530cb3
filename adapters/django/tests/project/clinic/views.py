import asyncio
import logging
import os

from asgiref.sync import sync_to_async
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import connection, transaction
from django.forms import ModelForm
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse

from aegis_core import AegisError, ErrorCode, Purpose, acting, current
from aegis_django import aegis, refused
from aegis_django.asgi import aegis as on_the_loop
from clinic.events import Admitted
from clinic.models import Patient

log = logging.getLogger("clinic")


class Tampered(SuspiciousOperation):
    """Of the application's own."""


class PatientForm(ModelForm):
    class Meta:
        model = Patient
        fields = ("name", "mrn", "ward")


def _told():
    context = current()
    return {
        "who": context.principal.id if context.principal else None,
        "purpose": context.purpose,
        "request": context.request_id,
        "process": os.getpid(),
    }


def who(request):
    return JsonResponse(_told())


async def who_async(request):
    await asyncio.sleep(0)
    return JsonResponse(_told())


def admit(request):
    form = PatientForm(request.POST)
    if not form.is_valid():
        return refused(form)
    patient = form.save()
    with acting(current().principal, purpose=Purpose.TREATMENT, subject=patient.mrn):
        receipt = aegis.audit.record(Admitted(name=patient.name))
    log.warning("admitted %s", patient)
    return JsonResponse({"event": str(receipt.event_id), **_told()})


def record(request):
    return JsonResponse({"event": str(aegis.audit.record(Admitted()).event_id), **_told()})


def _recorded():
    return aegis.audit.record(Admitted())


async def record_async(request):
    receipt = await sync_to_async(_recorded)()
    return JsonResponse({"event": str(receipt.event_id), **_told()})


async def record_on_the_loop(request):
    receipt = await on_the_loop.audit.record(Admitted())
    return JsonResponse({"event": str(receipt.event_id), **_told()})


async def record_blocking_the_loop(request):
    aegis.audit.record(Admitted())


def stream(request):
    def parts():
        yield f"{_told()['who']} ".encode()
        yield str(aegis.audit.record(Admitted()).event_id).encode()

    return StreamingHttpResponse(parts())


async def stream_async(request):
    async def parts():
        yield f"{_told()['who']} ".encode()
        yield f"{_told()['request']}".encode()

    return StreamingHttpResponse(parts())


def breaks_off(request):
    def parts():
        yield b"one"
        raise LookupError(request.GET["name"])

    return StreamingHttpResponse(parts())


async def breaks_off_async(request):
    async def parts():
        yield b"one"
        raise LookupError(request.GET["name"])

    return StreamingHttpResponse(parts())


def who_is_unavailable(request):
    """In the place of who acts: what knows it can't be reached."""
    raise AegisError(ErrorCode.UNAVAILABLE, "the directory does not answer", retry_after=1.5)


def fails(request, mrn, how="lookup"):
    name = request.GET.get("name") or request.POST.get("name")
    if how == "lookup":
        try:
            raise KeyError(name)
        except KeyError as error:
            wrong = LookupError(f"no {mrn} of {name}")
            wrong.add_note(f"asked for {name}")
            raise wrong from error
    if how == "http404":
        raise Http404(f"no patient {name}")
    if how == "bad":
        raise BadRequest(f"no patient {name}")
    if how == "suspicious":
        raise Tampered(f"{name} was tampered with")
    if how == "unicode":
        name.encode("utf-16")[:-1].decode("ascii")
    if how == "database":
        with transaction.atomic():
            Patient.objects.create(mrn=mrn, name=name)
            Patient.objects.create(mrn=mrn, name=name)
    if how == "sql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT '{name}' FROM nowhere")
    if how == "template":
        from django.template import engines

        engines["django"].from_string("{% for a in b.c %}{{ a|date:'" + name + "' }}{% nothing %}").render()
    return HttpResponse()


async def fails_async(request, mrn):
    return fails(request, mrn)


def misses(request, code):
    raise AegisError(ErrorCode(code), "there is no such report", retry_after=1.5)
