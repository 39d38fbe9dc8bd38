"""HTTP/2 frames by hand over a machine's own mutual TLS: what no gRPC client
would send. Understands just enough of the answers."""

import json
import os
import select
import socket
import ssl
import struct
import threading
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = \
    0, 1, 3, 4, 6, 7, 8
CONTINUATION = 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

SESSION = "/nightsafe.v1.Deposit/Session"
FETCH = "/nightsafe.v1.Retrieve/FetchObjects"


def integer(value, prefix):
    """RFC 7541 5.1, in the low `prefix` bits of a first byte that is else 0."""
    top = (1 << prefix) - 1
    if value < top:
        return bytes([value])
    out = bytearray([top])
    value -= top
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    out.append(value)
    return bytes(out)


def header_block(pairs):
    """Literals that are neither indexed nor compressed."""
    out = b""
    for name, value in pairs:
        out += b"\0" + integer(len(name), 7) + name + integer(len(value), 7) \
            + value
    return out


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    out.append(value)
    return bytes(out)


def field(number, value):
    """A field of a protobuf message: bytes, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(payload):
    """As gRPC puts it into DATA frames."""
    return b"\0" + struct.pack(">I", len(payload)) + payload


def open_request(session, set_name=b"files"):
    """A DepositRequest that opens a session."""
    return message(field(1, field(1, 1) + field(2, set_name)
                         + field(3, session)))


def offer_request(number, ids):
    return message(field(2, field(1, number) + field(2, ids)))


def fetch_request(vault, domain, ids):
    return message(field(1, vault) + field(2, domain) + field(3, ids))


class Connection:
    """One connection of `machine`, which enrolled with `role` ("host", or
    "reader/NAME")."""

    def __init__(self, machine, role="host", preface=True, window=None):
        with open(machine.path(role, "credential.json")) as file:
            credential = json.load(file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=credential["ca_certificate"])
        context.load_cert_chain(machine.path(role, "certificate.pem"),
                                machine.path(role, "key.pem"))
        context.set_alpn_protocols(["h2"])
        host, port = credential["server_address"].rsplit(":", 1)
        raw = socket.create_connection((host, int(port)), timeout=30)
        self.socket = context.wrap_socket(
            raw, server_hostname=credential["server_id"] + ".nightsafe")
        self.lock = threading.Lock()  # TLS is for one thread at a time
        self.buffer = b""
        self.ended = {}    # stream: what ended it
        self.closed = None  # why, once the connection is
        self.next_stream = 1
        if preface:
            self.send(PREFACE)
            settings = b"" if window is None else struct.pack(">HI", 4, window)
            self.frame(SETTINGS, 0, 0, settings)

    def send(self, data):
        """False if the peer has closed."""
        try:
            with self.lock:
                self.socket.sendall(data)
            return True
        except OSError as error:
            self.closed = self.closed or f"closed: {error}"
            return False

    def frame(self, kind, flags, stream, payload=b""):
        return self.send(struct.pack(">I", len(payload))[1:]
                         + bytes([kind, flags])
                         + struct.pack(">I", stream) + payload)

    def headers(self, path, extra=(), flags=END_HEADERS, stream=None):
        """Begins a call; its stream."""
        if stream is None:
            stream = self.next_stream
            self.next_stream += 2
        pairs = [(b":method", b"POST"), (b":scheme", b"https"),
                 (b":path", path.encode()), (b":authority", b"x"),
                 (b"te", b"trailers"), (b"content-type", b"application/grpc")]
        replaced = {name for name, _ in extra}
        pairs = [p for p in pairs if p[0] not in replaced] + list(extra)
        self.frame(HEADERS, flags, stream, header_block(pairs))
        return stream

    def data(self, stream, payload, end=False):
        return self.frame(DATA, END_STREAM if end else 0, stream, payload)

    def listen(self, seconds, until=None):
        """Reads frames until `until()`; acknowledges settings and pings."""
        end = time.monotonic() + seconds
        while self.closed is None and not (until and until()):
            left = end - time.monotonic()
            if left <= 0:
                return False
            if not self.socket.pending() and not select.select(
                    [self.socket], [], [], min(left, 0.05))[0]:
                continue
            try:
                with self.lock:
                    got = self.socket.recv(65536)
            except OSError as error:
                self.closed = f"closed: {error}"
                break
            if not got:
                self.closed = self.closed or "closed"
                break
            self.buffer += got
            self.take_frames()
        return until() if until else self.closed is not None

    def take_frames(self):
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                return
            kind, flags = self.buffer[3], self.buffer[4]
            stream = struct.unpack(">I", self.buffer[5:9])[0]
            payload = self.buffer[9:9 + length]
            self.buffer = self.buffer[9 + length:]
            self.take(kind, flags, stream, payload)

    def take(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            self.closed = "goaway " + payload[8:].decode(errors="replace")
        elif kind == RST_STREAM:
            code = struct.unpack(">I", payload)[0]
            self.ended.setdefault(stream, f"reset {code}")
        elif kind == HEADERS and flags & END_STREAM:
            self.ended.setdefault(stream, payload.decode(errors="replace"))

    def wait_for_end(self, stream, seconds):
        """Seconds until the stream or the connection has ended; None: not."""
        begin = time.monotonic()
        over = self.listen(seconds, lambda: stream in self.ended)
        if over or self.closed is not None:
            return time.monotonic() - begin
        return None

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass


def silent_socket(world):
    """TCP and not one byte."""
    return socket.create_connection(("127.0.0.1", world.port), timeout=30)


def is_closed(sock):
    """Whether the peer has closed, without waiting."""
    if not select.select([sock], [], [], 0)[0]:
        return False
    try:
        return sock.recv(1) == b""
    except OSError:
        return True


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def threads_of(pid):
    return len(os.listdir(f"/proc/{pid}/task"))
