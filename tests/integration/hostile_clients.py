#!/usr/bin/env python3
"""A compromised host does to the listener what no agent would, over its own
mutual TLS. Each time another host's backup must go through, and the server must
live."""

import os
import random
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, run_cases, says
from http2 import CONTINUATION, END_HEADERS, FETCH, HEADERS, PING, PREFACE, \
    RST_STREAM, SESSION, Connection, fetch_request, header_block, is_closed, \
    message, offer_request, open_request, resident_bytes, silent_socket, \
    threads_of
from packs import read_pack
from world import World, check, seed_from_arguments

IDLE = 4            # as configured below
HANDSHAKE = 10      # seconds that a handshake may take
MEMORY = 2 << 30    # more the server must never hold


def while_attacked(sample, attack):
    """Runs `attack` in a thread of its own beside a backup of web1."""
    world, failure = sample.world, []
    tree = sample.new_tree(files=20)
    stop = threading.Event()

    def go_on():
        try:
            while not stop.is_set():
                attack()
        except Exception as error:  # pylint: disable=broad-except
            failure.append(error)
    thread = threading.Thread(target=go_on)
    thread.start()
    begin = time.monotonic()
    try:
        sample.host.run("backup", "--set", "beside", tree)
    finally:
        took = time.monotonic() - begin
        stop.set()
        thread.join()
    alive(world)
    print(f"  another host's backup took {took:.1f} s; server: "
          f"{resident_bytes(world.server.pid) >> 20} MiB at most, "
          f"{threads_of(world.server.pid)} threads", flush=True)
    if failure:
        raise failure[0]


def alive(world):
    check(world.server.poll() is None,
          f"nightsafed ended with {world.server.returncode}")
    check(resident_bytes(world.server.pid) < MEMORY, "it holds too much memory")


def evil(sample):
    if not hasattr(sample, "evil"):
        sample.evil = sample.world.host("evil1")
    return sample.evil


def session(connection, rng):
    """A stream with an open session."""
    stream = connection.headers(SESSION)
    connection.data(stream, open_request(rng.randbytes(16)))
    return stream


def silent_connections(sample):
    sockets = [silent_socket(sample.world) for _ in range(100)]
    begin = time.monotonic()
    sample.host.run("backup", sample.tree)
    while not all(is_closed(s) for s in sockets):
        check(time.monotonic() - begin < HANDSHAKE + 20,
              "connections without a handshake stay")
        time.sleep(0.1)
        sockets = [s for s in sockets if not is_closed(s)]
    print(f"  closed after {time.monotonic() - begin:.1f} s", flush=True)
    alive(sample.world)


def handshakes_without_http(sample):
    connections = [Connection(evil(sample), preface=False) for _ in range(30)]
    begin = time.monotonic()
    for connection in connections:
        check(connection.listen(HANDSHAKE + 30,
                                lambda c=connection: c.closed is not None),
              "a connection that never speaks HTTP/2 stays")
    print(f"  closed after {time.monotonic() - begin:.1f} s", flush=True)
    sample.host.run("backup", sample.tree)
    alive(sample.world)


def streams_without_number(sample):
    def attack():
        connections = [Connection(evil(sample)) for _ in range(8)]
        for connection in connections:
            for _ in range(200):
                connection.headers(SESSION)
        connections[0].listen(2)
        for connection in connections:
            connection.close()
    while_attacked(sample, attack)


def sessions_past_the_limit(sample):
    connection = Connection(evil(sample))
    streams = [session(connection, sample.rng) for _ in range(4)]
    connection.listen(1)
    check(not connection.ended, f"refused below the limit: {connection.ended}")
    for _ in range(20):
        fifth = session(connection, sample.rng)
        check(connection.wait_for_end(fifth, 20) is not None,
              "a fifth is open")
        # Streams of the attack before this may not have ended yet.
        if "sessions open" in connection.ended[fifth]:
            break
        time.sleep(1)
    says(connection.ended[fifth], "4 sessions open", "retry-after-ms")
    tree = sample.new_tree(files=5)
    waiting = evil(sample).start("backup", "--set", "waits", tree)
    time.sleep(3)
    check(waiting.poll() is None, "the agent did not wait: "
          + waiting.communicate()[0].decode() if waiting.poll() is not None
          else "")
    connection.frame(RST_STREAM, 0, streams[0], struct.pack(">I", 8))
    output = waiting.communicate(timeout=120)[0].decode()
    check(waiting.returncode == 0, output)
    connection.close()


def streams_that_open_nothing(sample):
    connection = Connection(evil(sample))
    stream = connection.headers(SESSION)
    seconds = connection.wait_for_end(stream, IDLE + 40)
    check(seconds is not None, "a stream without a message stays")
    print(f"  ended after {seconds:.1f} s", flush=True)


def trickling_message(sample):
    """A byte now and then of a message that never ends."""
    connection = Connection(evil(sample))
    stream = session(connection, sample.rng)
    connection.data(stream, b"\0" + struct.pack(">I", 1 << 20))
    begin = time.monotonic()
    while stream not in connection.ended and connection.closed is None:
        check(time.monotonic() - begin < IDLE + 20, "it stays")
        connection.data(stream, b"x")
        connection.listen(0.2, lambda: stream in connection.ended)
    print(f"  ended after {time.monotonic() - begin:.1f} s", flush=True)


def tiny_messages(sample):
    """Whole ones, each of a few bytes: less than the least progress."""
    connection = Connection(evil(sample))
    stream = session(connection, sample.rng)
    begin, number = time.monotonic(), 0
    while stream not in connection.ended and connection.closed is None:
        check(time.monotonic() - begin < IDLE + 20, "it stays")
        number += 1
        connection.data(stream, offer_request(number, sample.rng.randbytes(32)))
        connection.listen(0.5, lambda: stream in connection.ended)
    print(f"  ended after {time.monotonic() - begin:.1f} s", flush=True)


def reader_that_takes_nothing(sample):
    world = sample.world
    world.stop_server()
    ids = [bytes.fromhex(o.id) for pack in world.packs()
           for o in read_pack(pack) if o.kind == "data"]
    world.start_server()
    reader = world.enrol("slow", reader=True)
    connection = Connection(reader, os.path.join("reader", "slow"), window=0)
    streams = []
    for _ in range(40):
        streams.append(connection.headers(FETCH))
        connection.data(streams[-1], fetch_request(
            b"main", 1, b"".join(ids[:200])), end=True)
    begin = time.monotonic()
    sample.host.run("backup", sample.tree)
    for stream in streams[:10]:
        check(connection.wait_for_end(stream, IDLE + 30) is not None,
              "a reader that takes nothing keeps its stream")
    print(f"  ended after {time.monotonic() - begin:.1f} s", flush=True)
    alive(world)


def message_without_end(sample):
    def attack():
        connection = Connection(evil(sample))
        stream = session(connection, sample.rng)
        connection.data(stream, b"\0" + struct.pack(">I", 0xffffffff) + b"x")
        check(connection.wait_for_end(stream, 20) is not None,
              "a message of 4 GiB was not refused")
        connection.close()
    while_attacked(sample, attack)


def headers_without_end(sample):
    def attack():
        connection = Connection(evil(sample))
        connection.headers(SESSION, flags=0)
        block = header_block([(b"x-%d" % i, b"y" * 200) for i in range(60)])
        for _ in range(2000):
            if not connection.frame(CONTINUATION, 0, 1, block):
                break
        connection.listen(1)
        connection.close()
    while_attacked(sample, attack)


def metadata_past_the_limit(sample):
    def attack():
        connection = Connection(evil(sample))
        stream = connection.headers(
            SESSION, extra=[(b"x-long", b"y" * (15 << 10))])
        check(connection.wait_for_end(stream, 20) is not None,
              "metadata of 15 KiB was taken")
        connection.close()
    while_attacked(sample, attack)


def pings_without_number(sample):
    def attack():
        connection = Connection(evil(sample))
        connection.listen(0.2)
        for _ in range(2000):
            if not connection.frame(PING, 0, 0, b"12345678"):
                break
        connection.listen(5, lambda: connection.closed is not None)
        check(connection.closed, "a flood of pings is not cut off")
        connection.close()
    while_attacked(sample, attack)


def resets_without_number(sample):
    def attack():
        connection = Connection(evil(sample))
        for _ in range(2000):
            stream = connection.headers(SESSION)
            if not connection.frame(RST_STREAM, 0, stream,
                                    struct.pack(">I", 8)):
                break
        connection.listen(0.5)
        connection.close()
    while_attacked(sample, attack)


def noise(sample):
    def attack():
        connection = Connection(evil(sample), preface=False)
        connection.send(PREFACE + sample.rng.randbytes(4096))
        connection.listen(2, lambda: connection.closed is not None)
        connection.close()
        connection = Connection(evil(sample))
        connection.frame(HEADERS, END_HEADERS, 1, sample.rng.randbytes(300))
        connection.data(1, message(sample.rng.randbytes(300)))
        connection.listen(0.2)
        connection.close()
    while_attacked(sample, attack)


CASES = [
    silent_connections,
    handshakes_without_http,
    streams_without_number,
    sessions_past_the_limit,
    streams_that_open_nothing,
    trickling_message,
    tiny_messages,
    reader_that_takes_nothing,
    message_without_end,
    headers_without_end,
    metadata_past_the_limit,
    pings_without_number,
    resets_without_number,
    noise,
    Sample.intact,
]


def main():
    with World() as world:
        world.set_up().configure(idle_timeout_seconds=IDLE)
        world.set_up = lambda: world
        run_cases(CASES, Sample(world, random.Random(seed_from_arguments())))


if __name__ == "__main__":
    main()
