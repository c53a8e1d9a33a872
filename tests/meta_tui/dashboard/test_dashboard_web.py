"""The dashboard in a browser: who may look, and what is seen."""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, WSServerHandshakeError

from engine.rundir.run_folder import RunFolder
from meta_tui.dashboard.web import HOST, Local, serve
from pipelines.core.errors import EnvironmentFault

TOKEN = "a-token"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Served:
    """`meta watch --web` in a process of its own."""

    def __init__(self, folder: RunFolder, *words: str) -> None:
        self.home = home = folder.path.parent.parent
        settings = {**os.environ, "META_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        command = [
            sys.executable,
            "-P",
            "-m",
            "meta_tui",
            "watch",
            folder.id,
            "--web",
            "--port",
            "0",
        ]
        self.process = subprocess.Popen(
            [*command, *words], env=settings, stdout=subprocess.PIPE, text=True, cwd=home
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        self.base = self.address.partition("?")[0]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        return self.process.returncode


@pytest.fixture
def served(finished, store) -> Iterator[Served]:
    found = Served(finished)
    yield found
    found.process.kill()
    found.process.wait()
    found.process.stdout.close()


def visitor() -> ClientSession:
    """Keeps cookies as a browser does, of an address of numbers too."""
    return ClientSession(cookie_jar=CookieJar(unsafe=True))


async def painted(session: ClientSession, base: str, *needed: str, **options) -> str:
    """What the socket sends until it holds some texts."""
    told = ""
    socket = f"{base.replace('http', 'ws')}ws?width=120&height=40"
    async with asyncio.timeout(30), session.ws_connect(socket, **options) as ws:
        await ws.send_json(["resize", {"width": 120, "height": 40}])
        while not all(text in told for text in needed):
            message = await ws.receive()
            assert isinstance(message.data, bytes | str), told[-500:]
            told += message.data if isinstance(message.data, str) else message.data.decode()
    return told


@pytest.mark.slow
async def test_the_page_comes_and_its_socket_paints_the_run(served):
    async with visitor() as session:
        async with session.get(served.address) as page:
            assert page.status == 200
            assert str(page.url) == served.base
            assert "default-src 'self'" in page.headers["Content-Security-Policy"]
            assert "/static/js/textual.js" in await page.text()
        async with session.get(f"{served.base}static/js/textual.js") as script:
            assert script.status == 200
        told = await painted(session, served.base, "ladder", "7f3a", "tuned@head=zero")
        assert "\x1b[" in told
    assert served.end() == 0


@pytest.mark.slow
async def test_nobody_without_the_token_of_another_name_or_from_another_page_is_answered(served):
    async def status(session: ClientSession, path: str = "", **headers: str) -> int:
        async with session.get(served.base + path, headers=headers) as answer:
            return answer.status

    async with visitor() as session:
        for path in ("", "ws", "static/js/textual.js", "download/x", "?token=", "?token=wrong"):
            assert await status(session, path) == 403
        with pytest.raises(WSServerHandshakeError, match="403"):
            await painted(session, served.base, "ladder")
        async with session.get(served.address) as page:
            assert page.status == 200
        # Now it has the cookie, as the browser of the person would.
        assert await status(session) == 200
        assert await status(session, Host="evil.example") == 403
        assert await status(session, Host=served.base[7:-1].replace(HOST, "evil.example")) == 403
        for origin in ("http://evil.example", "null", served.base[:-1].replace("http", "https")):
            assert await status(session, Origin=origin) == 403
            with pytest.raises(WSServerHandshakeError, match="403"):
                await painted(session, served.base, "ladder", headers={"Origin": origin})
        await painted(session, served.base, "ladder", headers={"Origin": served.base[:-1]})


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_no_process_is_left_behind_a_page_when_the_server_ends(served, number):
    def children() -> list[str]:
        asked = ["pgrep", "-f", "watch 7f3a --served"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
        return [pid for pid in found if Path(f"/proc/{pid}/cwd").resolve() == served.home]

    async with visitor() as session:
        async with session.get(served.address):
            pass
        socket = f"{served.base.replace('http', 'ws')}ws?width=120&height=40"
        async with session.ws_connect(socket) as ws:
            await ws.receive()
            assert children()
            served.process.send_signal(number)
            served.process.wait(20)
            async with asyncio.timeout(20):
                while children():
                    await asyncio.sleep(0.2)


def test_it_listens_on_this_machine_alone():
    server = Local(["x"], 1234, TOKEN)
    assert server.host == HOST == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:1234/?token={TOKEN}"


def test_a_port_that_is_taken_is_told():
    import socket

    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=f"{port}.*give another --port"):
            serve(["x"], port, TOKEN, pytest.fail)


def test_without_its_packages_the_command_names_the_fix(monkeypatch, tmp_path):
    from meta_tui.cli import web
    from meta_tui.config import Config
    from pipelines.core.errors import UsageError

    monkeypatch.setattr(web, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'meta-pipelines\[web\]'"):
        web.serve(RunFolder(tmp_path), 0, Config())


class Browser:
    """A page of headless Chromium, driven over its debugging socket."""

    def __init__(self, socket) -> None:
        self.socket = socket
        self.count = 0

    async def call(self, method: str, **options) -> dict:
        self.count += 1
        await self.socket.send_json({"id": self.count, "method": method, "params": options})
        while (answer := json.loads((await self.socket.receive()).data)).get("id") != self.count:
            pass
        return answer["result"]

    async def picture(self) -> bytes:
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def waits_for(self, expression: str) -> None:
        async with asyncio.timeout(30):
            while not (await self.call("Runtime.evaluate", expression=expression))["result"].get(
                "value"
            ):
                await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
async def test_a_browser_shows_the_run_and_its_keys_work(served, tmp_path):
    profile = tmp_path / "profile"
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader",
        f"--user-data-dir={profile}", "--remote-debugging-port=0", "--window-size=1200,800",
        "about:blank",
    ]  # fmt: skip
    chromium = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await _look(served, profile)
    finally:
        chromium.terminate()
        chromium.wait()


async def _look(served: Served, profile: Path) -> None:
    told = profile / "DevToolsActivePort"
    async with asyncio.timeout(30):
        while not (told.exists() and told.read_text().strip()):
            await asyncio.sleep(0.1)
    port = told.read_text().split()[0]
    async with ClientSession() as session:
        async with session.get(f"http://{HOST}:{port}/json") as answer:
            pages = await answer.json()
        (page,) = [page for page in pages if page["type"] == "page"]
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            browser = Browser(socket)
            await browser.call("Page.navigate", url=served.address)
            await browser.waits_for("document.body.classList.contains('-first-byte')")
            assert await _changed(browser, b"")
            await browser.call(
                "Input.dispatchMouseEvent", type="mousePressed", x=300, y=300, button="left",
                clickCount=1,
            )  # fmt: skip
            await browser.call(
                "Input.dispatchMouseEvent", type="mouseReleased", x=300, y=300, button="left",
                clickCount=1,
            )  # fmt: skip
            await asyncio.sleep(1)
            before = await browser.picture()
            await browser.call("Input.dispatchKeyEvent", type="keyDown", text="1", key="1")
            assert await _changed(browser, before)


async def _changed(browser: Browser, before: bytes) -> bool:
    """Whether another picture comes, and stays while one looks twice."""
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(0.5)
            first = await browser.picture()
            await asyncio.sleep(0.5)
            if first != before and first == await browser.picture():
                return True
