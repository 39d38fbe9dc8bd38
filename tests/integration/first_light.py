#!/usr/bin/env python3
"""Set up, enrol, back up, list, restore, verify: the way of every day."""

import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, check, digest_of_tree, make_tree, same_tree, \
    seed_from_arguments


def times_above(path):
    """Change times of the directories above `path`, which a snapshot holds."""
    times = []
    while path != "/":
        path = os.path.dirname(path)
        info = os.stat(path)
        times.append((info.st_mtime_ns, info.st_ctime_ns))
    return times


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        tree = os.path.join(world.directory, "tree")
        names = make_tree(tree, rng)

        host.run("backup", tree)
        # The directories above the tree are entries too: the run counts if no
        # other program touched them meanwhile.
        unchanged = 0
        for _ in range(20):
            above = times_above(tree)
            host.run("backup", tree)
            again = host.run("backup", tree)
            unchanged += 1
            if times_above(tree) == above:
                break
        print(again)
        check(times_above(tree) == above, "/tmp is never quiet")
        check("0 new objects" in again, "an unchanged run stored objects")
        sent = re.search(r"sent ([0-9.]+) (B|KiB),", again)
        check(sent is not None and (sent[2] == "B" or float(sent[1]) <= 16),
              "an unchanged run sent over 16 KiB")
        host.run("backup", "--stdin", "--set", "dump", stdin=b"select 1;\n")
        host.run("status")
        snapshots = 2 + 2 * unchanged
        check(len(world.snapshots()) == snapshots, "a snapshot is missing")

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
        check(len(world.snapshots()) == snapshots,
              "snapshots lost by a restart")
        reader.run("verify", "web1/files")
        world.stop_server()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
