"""
HTTP requests that can be cut off: at a limit for the whole request, and when the caller stops waiting.

A read time-out starts again with every byte, so a slow server never reaches it, and a thread that reads cannot be
stopped. Shutting down its socket from another thread ends the read.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Timer, get_ident
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_TIMEOUT = 10.0


class Connections:
    """Pooled connections to a few servers, shared by `size` threads."""

    def __init__(self, size: int) -> None:
        self._session = requests.Session()
        adapter = _Adapter(self._note, size)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._under_way: dict[int, _UnderWay] = {}  # by thread
        self._closed = False

    def post(self, url: str, *, seconds: float, auth: Any, **content: Any) -> requests.Response:
        """
        Send a request and read the whole answer; raise requests.Timeout if that takes more than `seconds`.

        Redirects are not followed. `auth` is never None: requests would add the login of a .netrc file for the host.
        """
        if self._closed:
            raise requests.ConnectionError("the connections are closed")
        request = self._under_way[get_ident()] = _UnderWay()
        timer = Timer(seconds, request.cut)
        timer.daemon = True
        timer.start()
        try:
            answer = self._session.post(
                url, auth=auth, timeout=(CONNECT_TIMEOUT, seconds), allow_redirects=False, **content
            )
        except (OSError, HTTPError):
            if not request.is_cut.is_set():
                raise
        finally:
            timer.cancel()
            self._under_way.pop(get_ident(), None)
        # A body that was cut off looks complete if the server sent no length.
        if request.is_cut.is_set():
            raise requests.Timeout(f"no whole answer within {seconds:g} s")
        return answer

    def close(self) -> None:
        """Cut off the requests under way and close the pooled connections."""
        self._closed = True
        for request in list(self._under_way.values()):
            request.cut()
        self._session.close()

    def _note(self, connection: Any) -> None:
        request = self._under_way[get_ident()]
        request.connection = connection
        if self._closed or request.is_cut.is_set():  # the cut may have come before there was a socket
            request.cut()


class _UnderWay:
    """A request under way, its connection, and whether it was cut off."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.is_cut = Event()

    def cut(self) -> None:
        self.is_cut.set()
        opened = getattr(self.connection, "opened", None)
        if isinstance(opened, socket.socket):
            with suppress(OSError):  # it was closed already
                # The plain socket's shutdown: that of TLS would drop the cipher while the other thread reads.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """The adapter of requests, proxies included, that also reports which connection a thread uses."""

    def __init__(self, note: Callable[[Any], None], size: int) -> None:
        self._pools = {"http": _noting(HTTPConnectionPool, note), "https": _noting(HTTPSConnectionPool, note)}
        super().__init__(pool_maxsize=size)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return self._watch(super().proxy_manager_for(proxy, **options))

    def _watch(self, manager: Any) -> Any:
        if type(manager) in (PoolManager, ProxyManager):  # SOCKS has pools of its own
            manager.pool_classes_by_scheme = self._pools
        return manager


def _noting(kind: Any, note: Callable[[Any], None]) -> Any:
    class Connection(kind.ConnectionCls):  # type: ignore[misc]
        opened = None

        def connect(self) -> None:
            super().connect()
            self.opened = self.sock  # urllib3 drops `sock` before an answer without length is read
            note(self)

        def request(self, *args: Any, **options: Any) -> None:
            note(self)
            super().request(*args, **options)

    class Pool(kind):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool
