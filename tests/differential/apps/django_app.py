"""A Django project in one file."""

# The framework is no requirement of the development environment, so its types may be missing.
# mypy: ignore-errors

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["example.test", "probe"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="secret",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
    ],
    DATA_UPLOAD_MAX_MEMORY_SIZE=100_000,
    LOGGING_CONFIG=None,
)
django.setup()


def probe(request: HttpRequest) -> HttpResponse:
    """Asked by the harness."""
    return HttpResponse("ok")


async def show(request: HttpRequest, name: str) -> JsonResponse:
    """What Django makes of the scope."""
    return JsonResponse(
        {
            "name": name,
            "path": request.path,
            "query": request.GET.urlencode(),
            "method": request.method,
            "scheme": request.scheme,
            "host": request.get_host(),
            "client": request.META.get("REMOTE_ADDR"),
            "accept": request.headers.get("Accept"),
            "cookies": request.COOKIES,
        }
    )


def form(request: HttpRequest) -> JsonResponse:
    """Fields and files, in a thread."""
    files = {key: [upload.name, upload.size] for key, upload in request.FILES.items()}
    return JsonResponse({"fields": dict(request.POST.lists()), "files": files})


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """An async iterator."""

    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield b"part %d\n" % number

    return StreamingHttpResponse(parts(), content_type="text/plain")


def cookies(request: HttpRequest) -> HttpResponse:
    """Two cookies and a redirect."""
    response = HttpResponseRedirect("/show/there/")
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2")
    return response


def file(request: HttpRequest) -> HttpResponseBase:
    """A file."""
    return FileResponse(open(__file__, "rb"), filename="source.txt")


def fails(request: HttpRequest) -> HttpResponse:
    """500."""
    raise ValueError("in django")


urlpatterns = [
    path("probe", probe),
    path("show/<str:name>/", show),
    path("form/", form),
    path("stream/", stream),
    path("cookies/", cookies),
    path("file/", file),
    path("fails/", fails),
]
app = get_asgi_application()
