#!/usr/bin/env python3
"""kill -9 of the agent at random points of its backups.

    tests/crash/kill_agent.py [--rounds N] [--seed S]

After each kill the next backup must succeed, the chain of snapshots must show
neither a fork nor a gap nor a restart, and every snapshot that the server lists
must restore to what the tree was when it was made: one that was committed while
its agent died, too.
"""

import json
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, argument, check, digest_of_tree, make_tree, \
    seed_from_arguments


def change(root, number, rng):
    make_tree(os.path.join(root, f"round{number}"), rng, files=20,
              big=rng.randrange(3))
    shutil.rmtree(os.path.join(root, f"round{number - 4}"), ignore_errors=True)


def kill_after(process, seconds):
    """Whether it was still running then."""
    time.sleep(seconds)
    running = process.poll() is None
    process.kill()
    process.communicate()
    return running


def note_new(world, digests, trees):
    """How many snapshots the server lists that it did not before."""
    new = [s["snapshot"] for s in world.snapshots()
           if s["snapshot"] not in digests]
    digests.update({snapshot: trees for snapshot in new})
    return len(new)


def main():
    rounds = argument("--rounds", 50)
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        root = os.path.join(world.directory, "tree")
        make_tree(root, rng, files=60)
        begin = time.monotonic()
        host.run("backup", root)
        longest = max(0.3, time.monotonic() - begin)
        # Trees that a new snapshot may be of: that of this round, or what the
        # round before had read when its agent died and this round commits.
        trees = [digest_of_tree(root)]
        digests = {s["snapshot"]: trees for s in world.snapshots()}
        killed = unanswered = 0
        for number in range(rounds):
            change(root, number, rng)
            trees = trees[-1:] + [digest_of_tree(root)]
            process = host.start("backup", root)
            killed += kill_after(process, rng.uniform(0, longest))
            unanswered += note_new(world, digests, trees)
            if rng.random() < 0.5:  # else the next round meets what is left
                host.run("backup", root)
                note_new(world, digests, trees)
        host.run("backup", root)
        note_new(world, digests, trees)
        last = world.snapshots()[-1]["snapshot"]
        digests[last] = trees[-1:]

        flagged = [s for s in world.snapshots() if s["flags"]]
        check(flagged == [], f"flagged: {flagged}")
        listing = json.loads(reader.run("snapshots", "--json",
                                       results_only=True))
        check(len(listing) == len(digests), "the reader sees another list")
        text = reader.run("snapshots")
        check("gap" not in text and "fork" not in text, text)
        for snapshot, trees in digests.items():
            check(reader.restored_digest(f"web1/files@{snapshot}", root)
                  in trees, f"{snapshot} restores to something else")
        world.admin("scrub")
        print(f"{rounds} rounds, {killed} agents killed while they ran; "
              f"{len(digests)} snapshots, {unanswered} of them committed "
              "while their agent died, all restored")
    print(f"{rounds} passed, 0 failed")


if __name__ == "__main__":
    main()
