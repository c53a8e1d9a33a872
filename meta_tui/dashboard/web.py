"""The dashboard in a browser: textual-serve, for this machine and this person alone.

The server starts one `meta watch RUN --served` for each page that is open. It listens on 127.0.0.1.
Other people of the machine reach that too, and so does any page in the browser; what is served can
stop a run and start one. So a request is answered only

- with our own name in `Host`: a name that was made to point here (DNS rebinding) is refused;
- with our own page in `Origin`, where there is one: other pages open no socket here;
- with the token of the address that was printed, which the page keeps as a cookie.

Nothing is loaded from elsewhere: the policy of the page allows only this server.
"""

import asyncio
import hmac
import shlex
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from textual_serve.server import Server

from pipelines.core.errors import EnvironmentFault

HOST = "127.0.0.1"
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' ws://{host}; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_CLOSING_SECONDS = 0.5
"""What pages that are open have to close, before they are cut off."""
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Local(Server):
    """The server, with a guard before everything it answers."""

    def __init__(self, command: Sequence[str], port: int, token: str) -> None:
        # In place of the shell that starts it: it ends when its parent does.
        super().__init__(f"exec {shlex.join(command)}", HOST, port, "meta")
        self._token = token
        self._cookie = f"meta-{port}"

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: Answer) -> web.StreamResponse:
            self._guard(request)
            return await handler(request)

        app.middlewares.append(guard)
        app.on_response_prepare.append(self._seal)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: who started it does."""

    def _guard(self, request: web.Request) -> None:
        """Let a request pass, or raise the answer to it."""
        ours = f"{HOST}:{self.port}"
        if request.headers.get("Host", "") != ours:
            raise web.HTTPForbidden(text="this is not the name of this server")
        if request.headers.get("Origin", f"http://{ours}") != f"http://{ours}":
            raise web.HTTPForbidden(text="another page asks")
        given = request.query.get("token", "")
        if request.path == "/" and self._right(given):
            # The page is opened without the token: an address stays in the history of a browser.
            shown = web.HTTPFound("/")
            shown.set_cookie(self._cookie, given, httponly=True, samesite="Strict")
            raise shown
        if not self._right(request.cookies.get(self._cookie, "")):
            raise web.HTTPForbidden(text="open the address that `meta watch --web` printed")

    async def _seal(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Tell the browser what the page may load and whom it may ask."""
        response.headers["Content-Security-Policy"] = _POLICY.format(host=f"{HOST}:{self.port}")
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def serve(command: Sequence[str], port: int, token: str, say: Callable[[str], None]) -> None:
    """Serve what a command shows, until ctrl+c.

    Args:
        command: starts the dashboard; its pipes carry what the browser shows.
        port: 0 takes one that is free.
        token: who knows it may look.
        say: told the address.

    Raises:
        EnvironmentFault: the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        told = f"cannot listen on {HOST}:{port}: {error.strerror}; give another --port"
        raise EnvironmentFault(told) from error
    server = Local(command, listening.getsockname()[1], token)
    with listening:
        asyncio.run(_serving(server, listening, say))


async def _serving(server: Local, listening: socket.socket, say: Callable[[str], None]) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    runner = web.AppRunner(await server._make_app(), shutdown_timeout=_CLOSING_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    say(f"{server.address}\nctrl+c ends this; the run goes on")
    try:
        await over.wait()
    finally:
        # Pages that are open are closed, and with each the process behind it.
        await runner.cleanup()
