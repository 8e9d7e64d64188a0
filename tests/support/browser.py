"""A headless Chromium that opens pages and measures them, over its own debugging protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("chromium")
_LOOK = """({
  width: document.documentElement.scrollWidth,
  elements: document.querySelectorAll('script, img, iframe, object, link').length,
  title: document.title,
  text: document.body.innerText,
  shown: document.body.textContent,
  ink: getComputedStyle(document.body).color,
  page: getComputedStyle(document.body).backgroundColor,
  outside: [...document.querySelectorAll('main > *')].filter(e => e.getBoundingClientRect().right > innerWidth).length,
})"""


@dataclass
class Browser:
    """A running browser at `port`."""

    port: int

    def look(self, file: Path, *, width: int, dark: bool) -> dict:
        """Open a file at a width in pixels, without a network; return what is on the page, and what it asked for."""
        return asyncio.run(_looked(f"http://127.0.0.1:{self.port}", file, width, dark))


@contextmanager
def browsing(home: Path):
    """Start the browser with its files in `home`, and end it after the block."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = [PROGRAM, *options, "--remote-debugging-port=0", f"--user-data-dir={home}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Browser(_port(process, home / "DevToolsActivePort"))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _port(process, file):
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"Chromium ended with {process.returncode}")
        if file.exists() and (lines := file.read_text().split()):
            return int(lines[0])
        time.sleep(0.1)  # the file is written by another process
    raise RuntimeError("Chromium has not opened its port within a minute")


async def _looked(address, file, width, dark):
    numbers, asked, dialogs = itertools.count(1), [], []
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{address}/json/new?about:blank") as answer:
            target = await answer.json()
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:

            async def call(method, **parameters):
                number = next(numbers)
                await socket.send_json({"id": number, "method": method, "params": parameters})
                return await until(lambda message: message.get("id") == number)

            async def until(is_wanted):
                while True:
                    message = await socket.receive_json(timeout=60)
                    if message.get("method") == "Network.requestWillBeSent":
                        asked.append(message["params"]["request"]["url"])
                    if message.get("method") == "Page.javascriptDialogOpening":
                        dialogs.append(message["params"]["message"])
                    if is_wanted(message):
                        return message

            await call("Page.enable")
            await call("Network.enable")
            await call(
                "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
            )
            await call(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            await call("Emulation.setEmulatedMedia", features=[scheme])
            await socket.send_json({"id": next(numbers), "method": "Page.navigate", "params": {"url": file.as_uri()}})
            await until(lambda message: message.get("method") == "Page.loadEventFired")
            answer = await call("Runtime.evaluate", expression=_LOOK, returnByValue=True)
            return {**answer["result"]["result"]["value"], "asked": asked, "dialogs": dialogs}
