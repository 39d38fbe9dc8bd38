#!/usr/bin/env python3
"""Flipped bits in the journals of a server: refused, or without effect.

    tests/crash/journal_flips.py [--flips N] [--seed S]

The server was killed, so its last segments are open ones. Each flip hits one
bit of one segment of the server's or the vault's journal, mostly of what was
written, now and then of space that was reserved. The server either refuses to
start, names that segment and changes nothing; or it starts, and every host,
reader and snapshot is listed as before.
"""

import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from corrupt_server import ServerCell, listed
from damage import content_of, flip_at, used_bytes
from history import History
from world import World, argument, check, seed_from_arguments

MEMORY = "/dev/shm"


def segments(data):
    return [path for journal in ("server", "vaults/main")
            for path in listed(os.path.join(data, journal, "journal"), ".seg")]


def everything_listed(world):
    return [world.admin(*command, "--json", results_only=True)
            for command in (["host", "list"], ["reader", "list"],
                            ["snapshot", "list"])]


class Flipping:
    def __init__(self, world, rng):
        self.history = History(world, rng)
        self.world = world
        self.rng = rng
        self.refused = self.without_effect = 0
        world.start_server()
        self.expected = everything_listed(world)
        self.history.put_back()

    def flip(self):
        path = self.rng.choice(segments(self.world.data))
        used = used_bytes(content_of(path))
        size = os.path.getsize(path)
        at = self.rng.randrange(used if self.rng.random() < 0.95 else size)
        bit = self.rng.randrange(8)
        flip_at(path, at, bit)
        what = f"bit {bit} of byte {at} of {path}, {used} used"
        cell = ServerCell(self.history, None, None, self.rng, False)
        said = cell.start()
        if said is not None:
            check(os.path.basename(path) in said, f"{what}: {said}")
            self.refused += 1
            flip_at(path, at, bit)
            return
        check(everything_listed(self.world) == self.expected,
              f"{what}: something is forgotten: {self.world.log_text()}")
        self.without_effect += 1
        self.world.kill_server()
        shutil.rmtree(self.world.data)
        subprocess.run(["cp", "-a", os.path.join(self.history.kept, "server"),
                        self.world.data], check=True)


def main():
    count = argument("--flips", 30)
    seed = seed_from_arguments()
    with World(MEMORY if os.path.isdir(MEMORY) else None) as world:
        flipping = Flipping(world, random.Random(seed))
        for done in range(count):
            try:
                flipping.flip()
            except AssertionError:
                print(f"replay: tests/crash/journal_flips.py --flips "
                      f"{done + 1} --seed {seed}")
                raise
        world.start_server()
        for taken in flipping.history.ledger:
            check(not flipping.history.restore(taken),
                  f"{taken.name} lacks something in the end")
    check(flipping.refused, "no flip hit anything that counts")
    print(f"{count} bits flipped: {flipping.refused} refused by name, "
          f"{flipping.without_effect} without effect, none silent")
    print(f"0 failures in {count}: at most {300 / count:.2g} % at 95 %")
    print(f"{count} passed, 0 failed")


if __name__ == "__main__":
    main()
