#!/usr/bin/env python3
"""Set up, enrol, back up, list, restore, verify: the way of every day."""

import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, check, digest_of_tree, make_tree, same_tree, \
    seed_from_arguments


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        tree = os.path.join(world.directory, "tree")
        names = make_tree(tree, rng)

        host.run("backup", tree)
        again = host.run("backup", tree)
        print(again)
        # The directories above the tree are entries too and may have changed:
        # then a few nodes are new.
        sent = re.search(r"sent ([0-9.]+) (B|KiB), [0-4] new objects", again)
        check(sent is not None, "an unchanged run stored objects")
        check(sent[2] == "B" or float(sent[1]) <= 16, "it sent over 16 KiB")
        host.run("backup", "--stdin", "--set", "dump", stdin=b"select 1;\n")
        host.run("status")
        check(len(world.snapshots()) == 3, "not three snapshots")

        print(reader.run("snapshots"))
        print(reader.run("ls", "-l", f"web1/files@latest:{tree}"))
        target = os.path.join(world.directory, "out")
        print(reader.run("restore", "web1/files", "--target", target))
        check(same_tree(tree, target + tree) == "", "the trees differ: "
              + same_tree(tree, target + tree))
        check(digest_of_tree(tree) == digest_of_tree(target + tree),
              "the digests differ")
        print(reader.run("verify", "web1/files"))

        one = os.path.join(world.directory, "one")
        reader.run("restore", f"web1/files@latest:{names[5]}", "--target", one)
        with open(names[5], "rb") as a, open(one + names[5], "rb") as b:
            check(a.read() == b.read(), "a single file differs")

        dump = os.path.join(world.directory, "dump")
        reader.run("restore", "web1/dump", "--target", dump)
        with open(dump + "/stdin", "rb") as content:
            check(content.read() == b"select 1;\n", "the dump differs")

        host.run("refusals")
        world.admin("scrub")
        world.stop_server()
        world.start_server()
        check(len(world.snapshots()) == 3, "snapshots lost by a restart")
        reader.run("verify", "web1/files")
        world.stop_server()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
