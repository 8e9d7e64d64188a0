"""A server that is far away: a TCP proxy on the loopback that delays each direction, and throttles nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dev.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16


@contextmanager
def far_away(port: int, round_trip: float) -> Iterator[int]:
    """Yield a port of the loopback that leads to `port`; what is sent arrives half of `round_trip` seconds later."""
    here, loop = free_port(), asyncio.new_event_loop()
    proxy = _Proxy(port, round_trip / 2)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(proxy.serve, "127.0.0.1", here), loop).result()
    try:
        yield here
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _end(server: asyncio.Server) -> None:
    server.close()
    open_ways = asyncio.all_tasks() - {asyncio.current_task()}
    for way in open_ways:
        way.cancel()
    await asyncio.gather(*open_ways, return_exceptions=True)


class _Proxy:
    def __init__(self, port: int, delay: float) -> None:
        self.port, self.delay = port, delay

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join one client with the server until one of them ends."""
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self._pass(reader, ours), self._pass(theirs, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read at once, write later: the delay of one piece does not hold up the next."""
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def write() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            writer.close()

        writing = asyncio.create_task(write())
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except ConnectionError:
                data = b""
            waiting.put_nowait((loop.time() + self.delay, data))
        with suppress(ConnectionError):
            await writing
