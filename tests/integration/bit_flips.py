#!/usr/bin/env python3
"""One flipped bit in any stored object is found without a key, and heals.

    tests/integration/bit_flips.py [--count N] [--seed S]

Flips a random bit inside each of N random objects of finished packs. A scrub
must name these objects and no other. Then one backup of the unchanged source
stores them again, and its snapshot restores whole.
"""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import flip_bit
from packs import read_pack
from world import World, argument, check, digest_of_tree, make_tree, \
    seed_from_arguments


def make_many_objects(root, rng):
    """Bundles, chunks and nodes, hundreds of them from few bytes."""
    make_tree(root, rng, files=300, big=8)
    empty = os.path.join(root, "empty")
    os.makedirs(empty)
    for i in range(12000):  # about 128 entries make a node
        with open(os.path.join(empty, f"{i:06}"), "wb"):
            pass
    for i in range(90):  # a megabyte of text makes a chunk or two
        with open(os.path.join(root, f"text{i}"), "w") as out:
            for line in range(40000):
                out.write(f"file {i} line {line} of it\n")


def findings_of(world, expect):
    lines = world.admin("scrub", "--json", expect=expect, results_only=True)
    return [json.loads(line) for line in lines.splitlines()]


def main():
    count = argument("--count", 200)
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        root = os.path.join(world.directory, "tree")
        make_many_objects(root, rng)
        host.run("backup", root)
        host.run("backup", "--stdin", "--set", "dump", stdin=b"x" * 100000)
        check(findings_of(world, expect=0) == [], "findings before any flip")
        world.stop_server()

        objects = [o for pack in world.packs() for o in read_pack(pack)]
        kinds = {kind: sum(o.kind == kind for o in objects)
                 for kind in ("data", "node", "manifest")}
        print(f"{len(objects)} objects: {kinds}")
        check(len(objects) >= count, "too few objects for so many flips")
        hit = rng.sample(objects, count)
        for one in hit:
            flip_bit(one.pack, one.offset + rng.randrange(one.length),
                     rng.randrange(8))

        world.start_server()
        found = {(f["pack"], f["offset"], f["object"])
                 for f in findings_of(world, expect=7)}
        planted = {(os.path.basename(o.pack), o.offset, o.id) for o in hit}
        print(f"{len(found & planted)} found of {count}")
        check(found == planted, f"not found: {planted - found}; "
              f"found, but sound: {found - planted}")

        print(host.run("backup", root))
        check(reader.restored_digest("web1/files", root)
              == digest_of_tree(root), "the next backup did not heal")
        world.stop_server()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
