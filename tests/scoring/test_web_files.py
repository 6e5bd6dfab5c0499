"""Files of web servers: ranges of bytes, servers without them, and servers that fail."""

from __future__ import annotations

import gzip
import http.server
import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hinge_jobs import job

from lossary.scoring import DataError, compare, run_job, web_file
from lossary.scoring.spans import file_spans
from lossary.scoring.web_file import WebFile

MARGIN = np.random.default_rng(5).normal(size=400)
LABEL = np.where(MARGIN + 0.3 > 0, 1, -1)
TABLE = pa.table({"margin": MARGIN, "label": LABEL})


@dataclass
class Server:
    """A web server on loopback, what it serves, and how it answers the next requests."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    has_ranges: bool = True
    faults: list[Callable[[http.server.BaseHTTPRequestHandler], bool]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    version: str = "1"


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.headers.get("Range", ""))
            state.authorizations.append(self.headers.get("Authorization"))
            if state.faults and state.faults.pop(0)(self):
                return
            data = state.files.get(self.path.partition("?")[0])
            if data is None:
                self.send_error(404)
                return
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if found and state.has_ranges:
                start, stop = int(found[1]), min(int(found[2]) + 1, len(data))
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
                data = data[start:stop]
            else:
                self.send_response(200)
            self.send_header("ETag", state.version)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_file, "PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer, row_group_size=150)
    return buffer.getvalue()


def csv() -> bytes:
    rows = zip(MARGIN.tolist(), LABEL.tolist(), strict=True)
    return "".join(["margin,label\n", *(f"{a!r},{b}\n" for a, b in rows)]).encode()


def arrow() -> bytes:
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, TABLE.schema) as file:
        file.write_table(TABLE, max_chunksize=150)
    return buffer.getvalue()


def answers(status: int) -> Callable[[http.server.BaseHTTPRequestHandler], bool]:
    def fault(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.send_error(status)
        return True

    return fault


def says_nothing(handler: http.server.BaseHTTPRequestHandler) -> bool:
    handler.connection.recv(1)  # until the client gives up
    return True


def breaks_off(handler: http.server.BaseHTTPRequestHandler) -> bool:
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-99/100")
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"margin,")
    return True


def falls_silent(handler: http.server.BaseHTTPRequestHandler) -> bool:
    breaks_off(handler)
    return says_nothing(handler)


@pytest.mark.parametrize("has_ranges", [True, False])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("/p.parquet", parquet()),
        ("/p.csv", csv()),
        ("/p.csv.gz", gzip.compress(csv())),
        ("/p.arrow", arrow()),
    ],
)
def test_every_format_is_scored_as_from_a_disk(
    server: Server, name: str, data: bytes, has_ranges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_file, "READ_AHEAD", 1000)  # so that there are several blocks
    server.files[name], server.has_ranges = data, has_ranges
    result = run_job(job(server.address + name))
    assert result.rows == 400
    mean = result.totals[0].figures("count")["mean"][0]
    assert mean == pytest.approx(np.maximum(0, 1 - MARGIN * LABEL).mean(), rel=1e-14)
    assert has_ranges or len(server.requests) <= 2  # a copy is made once


def test_parquet_is_cut_into_pieces_where_there_are_ranges(server: Server) -> None:
    server.files["/p.parquet"] = parquet()
    address = f"{server.address}/p.parquet"
    spans, _ = file_spans([address], None)
    assert [(span.parts, span.rows) for span in spans] == [
        (range(0, 1), 150),
        (range(1, 2), 150),
        (range(2, 3), 100),
    ]
    server.has_ranges = False
    assert [span.parts for span in file_spans([address], None)[0]] == [None]


def test_two_files_are_compared(server: Server) -> None:
    server.files |= {"/a.parquet": parquet(), "/b.csv": csv()}
    jobs = (job(f"{server.address}/{name}") for name in ("a.parquet", "b.csv"))
    assert compare(*jobs).totals[0].figures("count")["difference"][0] == 0


@pytest.mark.parametrize("has_ranges", [True, False])
def test_any_position_can_be_read(server: Server, has_ranges: bool) -> None:
    data = bytes(range(256)) * 4000
    server.files["/data"], server.has_ranges = data, has_ranges
    with WebFile(f"{server.address}/data") as file:
        assert file.seek(-10, io.SEEK_END) == len(data) - 10
        assert file.read(100) == data[-10:]
        assert file.read(1) == b""
        file.seek(600_000)
        assert file.read(300_000) == data[600_000:900_000]
        file.seek(5)
        file.seek(7, io.SEEK_CUR)
        assert file.read(3) == data[12:15]
        assert file.tell() == 15


def test_an_empty_file_has_no_rows(server: Server) -> None:
    server.files |= {"/a.csv": b"", "/a.parquet": b""}
    with pytest.raises(DataError, match=r"a\.csv: there are no rows"):
        run_job(job(f"{server.address}/a.csv"))
    with pytest.raises(
        DataError, match=r"a\.parquet: the file cannot be read: Parquet file size is 0"
    ):
        run_job(job(f"{server.address}/a.parquet"))


@pytest.mark.parametrize("fault", [answers(503), answers(429), breaks_off])
def test_a_request_that_fails_is_repeated(server: Server, fault: Callable[..., bool]) -> None:
    server.files["/p.csv"] = csv()
    server.faults = [fault, fault]
    assert run_job(job(f"{server.address}/p.csv")).rows == 400
    assert len(server.requests) >= 3


@pytest.mark.parametrize("fault", [says_nothing, falls_silent])
def test_a_server_that_stops_answering_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., bool]
) -> None:
    monkeypatch.setattr(web_file, "TIMEOUT", 0.1)
    server.faults = [fault] * 3
    address = f"{server.address}/p.csv"
    with pytest.raises(DataError, match=r"did not answer within 0\.1 s \(3 attempts\)") as caught:
        run_job(job(address))
    assert str(caught.value).startswith(f"{address}: ")


@pytest.mark.parametrize("status", [404, 403])
def test_a_file_that_is_not_there_is_asked_for_once(server: Server, status: int) -> None:
    server.faults = [answers(status)]
    with pytest.raises(DataError, match=f"/p.csv: .* the server answers {status} "):
        run_job(job(f"{server.address}/p.csv"))
    assert len(server.requests) == 1


def test_a_refused_connection_names_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/p.parquet"
    with pytest.raises(DataError, match=r"Connection refused \(3 attempts\)") as caught:
        run_job(job(address))
    assert str(caught.value).startswith(f"{address}: ")


def test_a_file_that_changes_meanwhile_is_an_error(server: Server) -> None:
    server.files["/data"] = bytes(1_000_000)
    with WebFile(f"{server.address}/data") as file:
        server.version = "2"
        file.seek(500_000)
        with pytest.raises(OSError, match="changed while it was read"):
            file.read(10)


def test_another_server_gets_the_request_without_the_password(server: Server) -> None:
    def refers(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.send_response(302)
        handler.send_header("Location", f"{server.address}/p.csv")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    server.files["/p.csv"] = csv()
    server.faults = [refers]
    address = server.address.replace("//", "//me:secret@")
    assert run_job(job(f"{address}/moved.csv")).rows == 400
    assert server.authorizations[:2] == ["Basic bWU6c2VjcmV0", None]


def test_names_with_spaces_and_other_letters_are_quoted(server: Server) -> None:
    server.files["/a%20b/%C3%BC.csv"] = csv()
    assert run_job(job(f"{server.address}/a b/ü.csv")).rows == 400
    assert run_job(job(f"{server.address}/a%20b/%C3%BC.csv?x=a b")).rows == 400


def test_user_and_password_are_sent_and_never_shown(server: Server) -> None:
    server.files["/p.csv"] = b"margin,label\nx,1\n"
    address = server.address.replace("//", "//me:s%40cret@") + "/p.csv?token=t0ken"
    with pytest.raises(DataError, match="must hold numbers") as caught:
        run_job(job(address))
    assert set(server.authorizations) == {"Basic bWU6c0BjcmV0"}
    assert str(caught.value).startswith(f"{server.address}/p.csv?...: column 'margin'")
    assert "cret" not in str(caught.value)
    server.files["/p.csv"] = csv()
    result = run_job(replace(job(address), worst=1))
    assert "cret" not in repr(result)
    assert result.worst[0].records()[0]["file"] == f"{server.address}/p.csv?..."
    assert "cret" not in repr(compare(job(address), job(f"{server.address}/p.csv")))
    assert "t0ken" not in str(caught.value)
