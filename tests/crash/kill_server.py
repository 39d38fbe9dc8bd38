#!/usr/bin/env python3
"""kill -9 of the server at random points of running backups.

    tests/crash/kill_server.py [--rounds N] [--seed S]

Two hosts back up changing trees; after each kill the server is started again and
must list every snapshot that was acknowledged; each must restore to the digest
its source had. A ledger outside the data directory says what was acknowledged.
"""

import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, argument, check, digest_of_tree, make_tree, \
    seed_from_arguments


class Source:
    """A tree that changes, and what was acknowledged of it."""

    def __init__(self, world, name, rng):
        self.host = world.host(name)
        self.name = name
        self.rng = rng
        self.root = os.path.join(world.directory, "tree-" + name)
        self.copies = os.path.join(world.directory, "ledger-" + name)
        os.makedirs(self.copies)
        make_tree(self.root, rng, files=60)
        self.round = 0

    def change(self):
        self.round += 1
        folder = os.path.join(self.root, f"round{self.round}")
        make_tree(folder, self.rng, files=15, big=1)
        old = os.path.join(self.root, f"round{self.round - 4}")
        shutil.rmtree(old, ignore_errors=True)

    def state(self):
        return digest_of_tree(self.root)


def acknowledged(process):
    """The snapshot's id from the agent's output, if it said it."""
    output = process.communicate()[0].decode(errors="replace")
    if process.returncode != 0:
        return None, output
    line = next(l for l in output.splitlines() if l.startswith("snapshot "))
    return line.split()[1], output


def main():
    rounds = argument("--rounds", 50)
    rng = random.Random(seed_from_arguments())
    ledger = {}  # snapshot id prefix -> (source, digest)
    kills_during_backup = 0
    longest = 0.4  # seconds to the kill; follows how long the backups take
    with World() as world:
        world.set_up().start_server()
        reader = world.reader()
        sources = [Source(world, name, rng) for name in ("web1", "web2")]
        round_number = 0
        # Rounds whose backups had ended before the kill do not count.
        while kills_during_backup < rounds:
            round_number += 1
            check(round_number <= 10 * rounds + 20,
                  "the backups end before they can be killed")
            for source in sources:
                source.change()
            digests = {s.name: s.state() for s in sources}
            running = [(s, s.host.start("backup", s.root)) for s in sources]
            time.sleep(rng.uniform(0.01, longest))
            hit = any(p.poll() is None for _, p in running)
            kills_during_backup += hit
            world.kill_server()
            world.start_server()
            if not hit:
                longest = max(0.05, 0.7 * longest)
            elif longest < 1:
                longest *= 1.2
            for source, process in running:
                snapshot, output = acknowledged(process)
                if snapshot is None:
                    snapshot, output = acknowledged(
                        source.host.start("backup", source.root))
                check(snapshot is not None,
                      f"round {round_number}: backup after restart failed: "
                      + output)
                ledger[snapshot] = (source, digests[source.name])
            listed = {s["snapshot"][:12] for s in world.snapshots()}
            check(set(ledger) <= listed,
                  f"round {round_number}: lost {set(ledger) - listed}")
        for snapshot, (source, digest) in ledger.items():
            target = os.path.join(world.directory, "out")
            reader.run("restore", f"{source.name}/files@{snapshot}",
                       "--target", target)
            check(digest_of_tree(target + source.root) == digest,
                  f"snapshot {snapshot} restored to something else")
            shutil.rmtree(target)
        world.admin("scrub")
        print(f"{round_number} kills, {kills_during_backup} of them during a "
              f"backup; "
              f"{len(ledger)} acknowledged snapshots, all restored")
    print(f"{rounds} passed, 0 failed")


if __name__ == "__main__":
    main()
