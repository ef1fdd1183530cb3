from django.contrib import admin
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from clinic import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("who", views.who),
    path("who-async", views.who_async),
    path("admit", csrf_exempt(views.admit)),
    path("guarded", views.admit),
    path("record", views.record),
    path("record-async", views.record_async),
    path("record-on-the-loop", views.record_on_the_loop),
    path("record-blocking-the-loop", views.record_blocking_the_loop),
    path("stream", views.stream),
    path("stream-async", views.stream_async),
    path("breaks-off", views.breaks_off),
    path("breaks-off-async", views.breaks_off_async),
    path("patients/<str:mrn>/", csrf_exempt(views.fails)),
    path("patients/<str:mrn>/async", views.fails_async),
    path("patients/<str:mrn>/<str:how>", csrf_exempt(views.fails)),
    path("misses/<str:code>", views.misses),
]
