"""A host that deposits what it likes, by hand: no agent would."""

import struct

from http2 import END_STREAM, SESSION, SETTINGS, WINDOW_UPDATE, Connection, \
    DATA, field, message, open_request, offer_request

FRAME = 16 << 10
WINDOW = 65535
INITIAL_WINDOW_SIZE = 4  # of SETTINGS


def data_object(body):
    """A well-formed object that nobody can open."""
    return b"NS\x01\x01" + struct.pack("<I", 0) + body


class Depositor(Connection):
    """One deposit stream that obeys flow control."""

    def __init__(self, machine, session, set_name=b"files"):
        self.room = {0: WINDOW}
        self.initial = WINDOW
        super().__init__(machine)
        self.number = 0
        self.replies = b""
        self.stream = self.headers(SESSION)
        self.room[self.stream] = self.initial
        self.say(open_request(session, set_name))

    def over(self):
        return self.closed is not None or self.stream in self.ended

    def why(self):
        return str(self.ended.get(self.stream, self.closed))

    def say(self, payload, seconds=60):
        """False if the stream ended before all was sent."""
        while payload:
            size = min(FRAME, len(payload), self.room[0],
                       self.room[self.stream])
            if size > 0:
                self.room[0] -= size
                self.room[self.stream] -= size
                self.data(self.stream, payload[:size])
                payload = payload[size:]
                self.listen(0)
            else:
                self.listen(seconds, lambda: self.over() or min(
                    self.room[0], self.room[self.stream]) > 0)
            if self.over() or size <= 0 >= self.room[self.stream]:
                return False
        return True

    def put(self, objects):
        self.number += 1
        return self.say(message(field(3, field(1, self.number) + b"".join(
            field(2, one) for one in objects))))

    def offer(self, ids):
        self.number += 1
        return self.say(offer_request(self.number, b"".join(ids)))

    def take(self, kind, flags, stream, payload):
        if kind == WINDOW_UPDATE:
            self.room[stream] = self.room.get(stream, self.initial) + \
                struct.unpack(">I", payload)[0]
        elif kind == SETTINGS and not flags & 1:
            for i in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[i:i + 6])
                if name == INITIAL_WINDOW_SIZE:
                    for other in self.room.keys() - {0}:
                        self.room[other] += value - self.initial
                    self.initial = value
        elif kind == DATA:
            self.replies += payload
            if payload and not flags & END_STREAM:
                for one in (0, stream):
                    self.frame(WINDOW_UPDATE, 0, one,
                               struct.pack(">I", len(payload)))
        super().take(kind, flags, stream, payload)

    def stored(self):
        """The number of the last put that was answered; 0: none."""
        upto, at = 0, 0
        while at + 5 <= len(self.replies):
            length = struct.unpack(">I", self.replies[at + 1:at + 5])[0]
            body = self.replies[at + 5:at + 5 + length]
            if len(body) < length:
                break
            if body[:1] == b"\x1a":  # Stored, field 3
                upto, shift = 0, 0
                for byte in body[3:]:
                    upto |= (byte & 127) << shift
                    shift += 7
            at += 5 + length
        return upto
