#!/usr/bin/env python3
"""Nothing that a host knows is found in the server's data directory.

Random canaries go into file and directory names, symlink targets, contents and
extended attributes; after backups the server's files are searched for them,
raw, in hex and in base64, and for the host's and the vault's secrets.
"""

import base64
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, check, seed_from_arguments

COUNT = 40  # of each kind


def canary(rng):
    # Letters, so that one can stand in a name; 16 bytes of them.
    return bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(16))


def make_canaries(root, rng):
    planted = []

    def fresh():
        planted.append(canary(rng))
        return planted[-1].decode()

    for i in range(COUNT):
        folder = os.path.join(root, fresh())
        os.makedirs(folder)
        path = os.path.join(folder, fresh())
        with open(path, "w") as out:
            out.write(fresh() * (1 + i * 40))
        with open(path + ".big", "wb") as out:
            out.write(rng.randbytes(300000) + fresh().encode()
                      + rng.randbytes(300000))
        os.symlink(fresh(), os.path.join(folder, "link"))
        try:
            os.setxattr(path, "user." + fresh(), fresh().encode())
        except OSError as error:
            print(f"no extended attributes here: {error}")
    return planted


def secrets_of(host, world):
    """Raw bytes that only the host or the admin may have."""
    found = []
    config = host.environment["NIGHTSAFE_CONFIG_DIR"]
    with open(os.path.join(config, "host", "deposit.key")) as text:
        body = "".join(line for line in text.read().splitlines()
                       if not line.startswith("-----"))
    raw = base64.b64decode(body)
    # The key file holds 32-byte secrets; every window of 16 bytes of its second
    # half would betray one. Public parts of the certificate are known to the
    # server, so only windows that are in no public place count: those behind
    # the certificate's signature.
    found += [raw[i:i + 16] for i in range(len(raw) - 110, len(raw) - 16)]
    with open(os.path.join(config, "host", "key.pem")) as text:
        lines = text.read().splitlines()[1:-1]
    found.append(base64.b64decode("".join(lines))[36:52])
    with open(host.enrolment) as text:
        found.append(text.read().strip().encode()[100:140])
    return found


def haystack(data):
    for folder, _, names in os.walk(data):
        for name in names:
            path = os.path.join(folder, name)
            yield path, os.fsencode(os.path.relpath(path, data))
            if os.path.isfile(path) and "pki" not in folder:
                with open(path, "rb") as content:
                    yield path, content.read()


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        root = os.path.join(world.directory, "tree")
        planted = make_canaries(root, rng)
        host.run("backup", root)
        with open(os.path.join(root, "later"), "w") as out:
            planted.append(canary(rng))
            out.write(planted[-1].decode())
        host.run("backup", root)
        world.stop_server()

        needles = planted + secrets_of(host, world)
        needles += [n.hex().encode() for n in planted]
        needles += [base64.b64encode(n)[:20] for n in planted]
        bytes_searched = 0
        for path, content in haystack(world.data):
            bytes_searched += len(content)
            for needle in needles:
                check(needle not in content, f"{needle!r} found in {path}")
        # The search itself must be able to find something.
        check(any(b"web1" in c for _, c in haystack(world.data)),
              "the search finds nothing at all")
        print(f"{len(planted)} canaries, {len(needles)} needles, "
              f"{bytes_searched} bytes searched, 0 found")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
