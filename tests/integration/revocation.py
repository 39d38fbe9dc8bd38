#!/usr/bin/env python3
"""A revocation ends what is open: within five seconds, whatever it does."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from http2 import FETCH, SESSION, Connection, fetch_request, offer_request, \
    open_request
from packs import read_pack
from world import World, check, make_tree, seed_from_arguments

LIMIT = 5.0


def ends_within(what, connection, stream, revoke):
    """Seconds from the end of the order to the end of the stream."""
    connection.listen(1)
    check(stream not in connection.ended,
          f"{what}: ended before: {connection.ended.get(stream)}")
    revoke()
    seconds = connection.wait_for_end(stream, LIMIT + 20)
    check(seconds is not None, f"{what}: goes on after {LIMIT + 20} s")
    print(f"{what}: ended after {seconds:.2f} s", flush=True)
    check(seconds <= LIMIT, f"{what}: {seconds} s, limit {LIMIT}")
    check("revoked" in connection.ended.get(stream, ""),
          f"{what}: no reason given: {connection.ended.get(stream)}")
    again = connection.headers(SESSION if "host" in what else FETCH)
    # One that is let in would wait for its first message.
    check(connection.wait_for_end(again, 10) is not None,
          f"{what}: another call on the connection was let in")
    connection.close()


def waiting_host(world, rng):
    host = world.host("wait1")
    connection = Connection(host)
    stream = connection.headers(SESSION)
    connection.data(stream, open_request(rng.randbytes(16)))
    ends_within("a host that waits", connection, stream,
                lambda: world.admin("host", "revoke", "wait1"))


def busy_host(world, rng):
    host = world.host("busy1")
    connection = Connection(host)
    stream = connection.headers(SESSION)
    connection.data(stream, open_request(rng.randbytes(16)))
    stop = threading.Event()

    def offer():
        number = 0
        while not stop.is_set():
            number += 1
            if not connection.data(stream,
                                   offer_request(number, rng.randbytes(32))):
                return
            time.sleep(0.002)
    thread = threading.Thread(target=offer)
    thread.start()
    try:
        ends_within("a host that sends all the time", connection, stream,
                    lambda: world.admin("host", "revoke", "busy1"))
    finally:
        stop.set()
        thread.join()


def reader_in_a_fetch(world, ids):
    """It takes 64 KiB of what it asked for, and then nothing more."""
    reader = world.enrol("eve", reader=True)
    connection = Connection(reader, os.path.join("reader", "eve"))
    stream = connection.headers(FETCH)
    connection.data(stream, fetch_request(b"main", 1, ids), end=True)
    ends_within("a reader in a fetch", connection, stream,
                lambda: world.admin("reader", "revoke", "eve"))


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        tree = os.path.join(world.directory, "tree")
        make_tree(tree, rng, files=40, big=4)
        host.run("backup", tree)
        world.stop_server()
        data = sorted((o for pack in world.packs() for o in read_pack(pack)
                       if o.kind == "data"), key=lambda o: -o.length)
        world.start_server()
        waiting_host(world, rng)
        busy_host(world, rng)
        reader_in_a_fetch(
            world, b"".join(bytes.fromhex(o.id) for o in data[:200]))
        host.run("backup", tree)
    print("revocation: ok")


if __name__ == "__main__":
    main()
