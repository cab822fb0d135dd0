"""A web server on this machine whose faults a test sets, for the tests of downloads."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Server:
    """What is served, what is wrong with it, and what was asked for."""

    files: dict[str, bytes]  # name → contents; may be changed between requests
    address: str = ""
    break_after: list[int] = field(default_factory=list)  # bytes of each of the next answers; then whole ones
    status: list[int] = field(default_factory=list)  # of the next answers, without contents
    ranges: bool = True
    if_range: bool = True  # False: gives a range of whatever is there now
    validators: bool = True  # ETag
    extra_length: int = 0  # added to Content-Length
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # name, Range

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        name, wanted = handler.path.lstrip("/"), handler.headers.get("Range")
        self.asked.append((name, wanted))
        if self.status or name not in self.files:
            handler.send_error(self.status.pop(0) if self.status else 404)
            return
        data = self.files[name]
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        current = not self.if_range or handler.headers.get("If-Range") == etag
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges and current else 0
        if start and start >= len(data):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(data)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.validators:
            handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(data) - start + self.extra_length))
        handler.end_headers()
        sent = data[start:]
        if self.break_after:
            sent = sent[: self.break_after.pop(0)]
        handler.wfile.write(sent)
        handler.close_connection = True


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    """A server of `files` for the time of the block."""
    state = Server(files)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
