"""The trail in the admin: who did what and when, an entry with its proof, and whether all of it is intact.

To be seen by who has the permission ``aegis_django.view_trailentry``. Nothing is decrypted and nothing is written; what
is classified is in no page.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from aegis_core import AegisError
from aegis_core.audit import StoredEvent, VerifierKey, encode_entry, leaf_hash
from aegis_core.blocking import AuditTrail
from aegis_core.kernel import status_of
from aegis_django.forms import KEPT, TrailFilter
from aegis_django.models import TrailEntry
from aegis_django.paging import page_of
from aegis_django.services import aegis

if TYPE_CHECKING:
    ReadOnly = admin.ModelAdmin[TrailEntry]
else:
    ReadOnly = admin.ModelAdmin


@admin.register(TrailEntry)
class TrailAdmin(ReadOnly):
    """Three pages, of which none has a button that changes anything."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TrailEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TrailEntry | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """The list, an entry, the verdict: none of the pages that would look for a table."""
        guarded = self.admin_site.admin_view
        return [
            path("", guarded(require_safe(self.entries)), name="aegis_django_trailentry_changelist"),
            path("<int:index>/", guarded(require_safe(self.entry)), name="aegis_django_trailentry_change"),
            path("verify/", guarded(require_POST(self.verify)), name="aegis_django_trailentry_verify"),
        ]

    def entries(self, request: HttpRequest) -> TemplateResponse:
        """The newest entries, or those before one; filtered by action, account and time."""
        form = TrailFilter(request.GET)
        wanted = form.wanted()

        def read(trail: AuditTrail) -> dict[str, object]:
            page = page_of(trail, wanted, before=form.cleaned_data.get("before"))
            older = None
            if page.searched > 0:
                query = QueryDict(mutable=True)
                query.update({name: request.GET[name] for name in KEPT if request.GET.get(name)})
                query["before"] = str(page.searched)
                older = query.urlencode()
            return {"page": page, "older": older}

        return self._shown(request, "trail", read, form=form)

    def entry(self, request: HttpRequest, index: int) -> TemplateResponse:
        """One entry, and the proof that it is in the log."""

        def read(trail: AuditTrail) -> dict[str, object]:
            event = next(iter(trail.stored(index, index + 1)), None)
            if event is None:
                raise Http404
            return {"event": event, "leaf": leaf_hash(encode_entry(event)).hex(), **_proof(trail, event, index)}

        return self._shown(request, "entry", read, index=index)

    def verify(self, request: HttpRequest) -> TemplateResponse:
        """Recompute the whole log. It takes as long as it takes, so that it is asked for."""
        return self._shown(request, "verdict", lambda trail: {"verdict": trail.verify()})

    def _shown(self, request: HttpRequest, name: str, read: Any, **more: object) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Audit trail", **more}
        status = 200
        try:
            context.update(read(aegis.audit))
        except AegisError as error:  # who looks here is to see what is wrong; no message holds a value
            context["error"], status = error, status_of(error)
        return TemplateResponse(request, f"aegis_django/{name}.html", context, status=status)


def _proof(trail: AuditTrail, event: StoredEvent, index: int) -> dict[str, object]:
    covered = int(trail.health().facts.get("checkpoint", -1))
    if covered <= index:  # to ask for it now would publish a checkpoint: to look at something must not write
        return {"proof": None}
    proof = trail.prove(event.event_id)
    keys = [VerifierKey.decode(key) for key in trail.verifier_keys()]
    try:
        proof.verify(encode_entry(event), keys=keys)
    except AegisError as error:
        return {"proof": proof.encode(), "disproved": error}
    return {"proof": proof.encode(), "signed": proof.checkpoint.size}
