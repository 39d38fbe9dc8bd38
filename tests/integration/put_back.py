#!/usr/bin/env python3
"""A pack that should not have gone comes back by hand, as
server/sweep/DESIGN.md says: with real programs, from removed/ to a restore.

    put_back.py
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import says
from collection import Sample
from packs import read_pack
from world import World, check, program


def packs_in(directory):
    return sorted(os.path.join(directory, name)
                  for name in os.listdir(directory) if name.endswith(".pack"))


def main():
    with World() as world:
        world.set_up().start_server()
        sample = Sample(world)
        vault = os.path.join(world.data, "vaults", "main")
        sealed = os.path.join(vault, "packs", "sealed")
        removed = os.path.join(vault, "removed")
        world.admin("prune", "--override", "--reason", "test")
        done = sample.collect()
        check(done["rewritten_bytes"] > 0, f"nothing was copied: {done}")
        world.stop_server()
        says(sample.sweep(delay_hours=72), "moved", " 0 unlinked")
        gone = packs_in(removed)
        check(gone, "no pack was moved")

        # The copies are lost, and so are the snapshots without the old packs.
        old = {one.id for path in gone for one in read_pack(path)}
        copies = [path for path in packs_in(sealed)
                  if {one.id for one in read_pack(path)} <= old]
        check(copies, "no pack has copies alone")
        for path in copies:
            os.remove(path)
        world.start_server()
        name = f"web1@{world.snapshots()[0]['snapshot']}"
        sample.reader.run("restore", name, "--target",
                          os.path.join(world.directory, "broken"), expect=7)
        world.stop_server()

        for name in os.listdir(removed):
            os.rename(os.path.join(removed, name), os.path.join(sealed, name))
        said = world.run([program("nightsafed"), "rebuild", world.data])
        check(said.count("is used again") == len(gone), said)
        world.start_server()
        sample.restores_right()
        says(world.admin("scrub"), " 0 not as they should be")
        before = os.listdir(sealed)
        for hours in (72, 0):
            says(sample.sweep(delay_hours=hours),
                 "0 moved, 0 waiting, 0 unlinked")
        check(set(before) <= set(os.listdir(sealed)), "a pack went again")
        sample.restores_right()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
