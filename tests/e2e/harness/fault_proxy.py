"""Stands before a chain's node and breaks its answers on command."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .chain import Chain
from .pki import Identity

SILENCE_S_MAX = 30.0
HUGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Fault:
    """What happens to one call.

    `kind`: status (with `status`, `body` and perhaps `retry_after`), cut, wrong_id, huge, slow,
    silence, lost (the node gets the call, its answer goes nowhere), edit (`edit` changes the
    answer's result), error (the node's own JSON-RPC error, from `body`), forgotten (a transaction
    is accepted and dropped). `act` is done instead of the call (before), behind it and instead of
    the answer (after), or ahead of it, which then goes on as if nothing was (meanwhile)."""

    kind: str
    status: int = 200
    body: str = ""
    retry_after: int | None = None
    edit: Callable[[Any], Any] | None = None
    act: Callable[[], object] | None = None


# Asked for every call with its method and how often that method was called before.
Rule = Callable[[str, int], Fault | None]


class FaultProxy:
    """A context manager. `rule` may be changed at any time; `faults` counts what was done."""

    def __init__(self, chain: Chain, tls: Identity | None = None) -> None:
        self.chain = chain
        self.rule: Rule = lambda _method, _count: None
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.sent: list[str] = []  # raw transactions, as they came
        self._stopping = threading.Event()
        self._once: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def once(self, method: str, fault: Fault) -> None:
        """The next call of that method, whatever `rule` says; several stand in line."""
        with self._lock:
            self._once.setdefault(method, []).append(fault)

    def heal(self) -> None:
        self.rule = lambda _method, _count: None

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        call = json.loads(body)
        method = call["method"]
        with self._lock:
            waiting = self._once.get(method)
            fault = waiting.pop(0) if waiting else self.rule(method, self.calls[method])
            self.calls[method] += 1
            if method == "eth_sendRawTransaction":
                self.sent.append(call["params"][0])
            if fault is not None:
                self.faults[fault.kind] += 1
        try:
            if fault is None:
                self._reply(request, 200, self._ask(body))
            else:
                self._break(request, fault, call, body)
        except OSError:
            request.close_connection = True  # one of the two sides went away, as they do

    def _ask(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.chain.port, timeout=20)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def _break(
        self, request: BaseHTTPRequestHandler, fault: Fault, call: dict[str, Any], body: bytes
    ) -> None:
        if fault.kind == "status":
            self._reply(request, fault.status, fault.body.encode(), fault.retry_after)
        elif fault.kind == "error":
            error = {"jsonrpc": "2.0", "id": call["id"], "error": json.loads(fault.body)}
            self._reply(request, 200, json.dumps(error).encode())
        elif fault.kind == "cut":
            self._reply(request, 200, self._ask(body)[:-7])
        elif fault.kind == "wrong_id":
            answer = json.loads(self._ask(body))
            self._reply(request, 200, json.dumps(answer | {"id": 4_711}).encode())
        elif fault.kind == "edit":
            answer = json.loads(self._ask(body))
            assert fault.edit is not None
            answer["result"] = fault.edit(answer.get("result"))
            self._reply(request, 200, json.dumps(answer).encode())
        elif fault.kind in ("before", "after", "meanwhile"):
            self._act(request, fault, body)
        elif fault.kind == "forgotten":
            taken = {"id": call["id"], "result": self.chain.rpc("web3_sha3", call["params"][0])}
            self._reply(request, 200, json.dumps({"jsonrpc": "2.0"} | taken).encode())
        elif fault.kind == "huge":
            self._reply(request, 200, b'{"result":"' + b"0" * HUGE_BYTES)
        elif fault.kind == "slow":
            self._trickle(request, self._ask(body))
        elif fault.kind == "lost":
            self._ask(body)
            request.close_connection = True
        else:
            assert fault.kind == "silence", fault.kind
            self._stopping.wait(SILENCE_S_MAX)
            request.close_connection = True

    def _act(self, request: BaseHTTPRequestHandler, fault: Fault, body: bytes) -> None:
        assert fault.act is not None
        if fault.kind == "after":
            self._ask(body)
        fault.act()
        if fault.kind == "meanwhile":
            self._reply(request, 200, self._ask(body))
        else:
            request.close_connection = True

    def _trickle(self, request: BaseHTTPRequestHandler, answer: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        for byte in answer:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            if self._stopping.is_set():
                return
            time.sleep(0.2)

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler, status: int, body: bytes, retry_after: int | None = None
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            request.send_header("Retry-After", str(retry_after))
        request.end_headers()
        request.wfile.write(body)
