"""The HTTP server of `themis serve`: the native routes and the dialects behind one guard, over one service.

Knows nothing of models. Needs the extra `serve`.
"""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from themis import __version__
from themis.serve import native
from themis.serve.dialects import add_dialects
from themis.serve.guard import Door, Guard
from themis.serve.lifecycle import DrainingServer, config_of
from themis.serve.refusal import Refusal, said
from themis.serve.serving import Serving

_ABOUT = "Judges answers: calls tools that could settle them, and gives rewards, or the reasons why there are none."


def serve_app(serving: Serving, door: Door, is_loaded: Callable[[], bool] = lambda: True) -> Guard:
    """The app, for any ASGI server."""

    def state() -> str:
        return "ending" if door.lifecycle.draining else "ready" if is_loaded() else "loading"

    def answered(scope: Scope, status: int) -> None:
        serving.metrics.requests.labels(getattr(scope.get("route"), "path", "none"), str(status)).inc()

    async def refused(request: Request, refusal: Refusal) -> Response:
        return said(refusal, request.url.path, serving.forms)

    async def unknown(request: Request, error: HTTPException) -> Response:
        return said(Refusal(error.status_code, error.detail, headers=error.headers), request.url.path, serving.forms)

    async def failed(request: Request, error: Exception) -> Response:
        return said(Refusal(500, "the server failed, by an error of its own"), request.url.path, serving.forms)

    handlers: dict[Any, Any] = {Refusal: refused, HTTPException: unknown, Exception: failed}
    # FastAPI's own page would load its script from a public server, and have another check our description.
    page: dict[str, Any] = {"redoc_url": None, "swagger_ui_parameters": {"validatorUrl": None}}
    app = FastAPIOffline(title="Themis", description=_ABOUT, version=__version__, exception_handlers=handlers, **page)
    native.add_routes(app, serving, state)
    add_dialects(app, serving)
    return Guard(app, door, serving.forms, answered)


def server_of(serving: Serving, door: Door, is_loaded: Callable[[], bool] = lambda: True) -> DrainingServer:
    """A server that ends as the door's lifecycle says."""
    return DrainingServer(config_of(serve_app(serving, door, is_loaded)), door.lifecycle)
