"""What one may ask of the trail."""

from datetime import UTC, datetime
from typing import Final

from django import forms
from django.utils import timezone

from aegis_django.paging import Wanted


class TrailFilter(forms.Form):
    """Filters of the trail's list, by what is not classified."""

    action = forms.CharField(required=False, max_length=128)
    who = forms.CharField(required=False, max_length=200, label="who (account)")
    since = forms.DateTimeField(required=False, label="since (UTC)")
    until = forms.DateTimeField(required=False, label="until (UTC)")
    before = forms.IntegerField(required=False, min_value=0, label="before entry")

    def wanted(self) -> Wanted:
        """The filter; what is not valid filters nothing, and its field says so."""
        with timezone.override(UTC):  # as the list shows times, wherever the site is
            self.is_valid()
        given = self.cleaned_data
        since, until = _aware(given.get("since")), _aware(given.get("until"))
        return Wanted(given.get("action", ""), given.get("who", ""), since, until)


def _aware(given: datetime | None) -> datetime | None:
    """Of a site without ``USE_TZ`` they come without a zone."""
    return given.replace(tzinfo=UTC) if given is not None and given.tzinfo is None else given


#: Names of the filters that go along to the next page.
KEPT: Final = ("action", "who", "since", "until")
