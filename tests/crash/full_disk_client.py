#!/usr/bin/env python3
"""The disk of the agent's state, or that of a restore's target, is full.

    tests/crash/full_disk_client.py [--rounds N] [--seed S]

Of N rounds each:

Agent: its state directory lies on a disk with between nothing and some pages of
free space. A backup succeeds, or ends with exit code 8 and says what is wrong.
When there is room the next one succeeds and restores to what its source is; the
chain of snapshots shows neither a fork nor a gap nor a restart.

Restore: the target has less room than the snapshot needs. The restore ends with
exit code 1 and says so; every file that is left under its name is whole. Into a
target with room it is complete.
"""

import collections
import hashlib
import json
import os
import random
import shutil
import stat
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import says
from full_disk import MEBIBYTE, FullExt4, FullTmpfs
from ledger import Ledger, bound_in_words, tree_bytes, tree_digest
from loop_disk import skip_unless_possible
from source import Source
from world import World, argument, check, seed_from_arguments

ROOM = 64 * MEBIBYTE


def contents(root):
    """Digest of each regular file, by its path below `root`."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = hashlib.file_digest(
                        file, "sha256").hexdigest()
    return found


class Clients:
    def __init__(self, world, seed):
        self.world = world
        self.reader = world.reader(quick=True)
        self.source = Source(world, "web1", random.Random(seed))
        self.ledger = Ledger(world, self.reader, random.Random(seed))
        self.counts = collections.Counter()

    def agent_round(self, disk, rng):
        self.source.rng = rng
        self.source.change()
        host, root = self.source.host, self.source.root
        if rng.random() < 0.2:
            disk.fill()
        else:
            disk.set_free(int(4096 * rng.uniform(0, 12)))
        attempt = self.ledger.start(host, root)
        if attempt.wait():
            self.counts["backups in spite of a full state disk"] += 1
        else:
            check(attempt.code == 8, f"ended with {attempt.code}: "
                  + attempt.output)
            says(attempt.output, "space", disk.path)
            self.counts["backups refused"] += 1
        disk.set_free(ROOM)
        after = self.ledger.backup(host, root)
        check(self.ledger.restored(after.name, after.snapshot, root)
              == after.digest, "the backup after a full disk restores to "
              "something else than its source")
        after.restored = True

    def check_chain(self):
        listing = json.loads(self.reader.run("snapshots", "--json",
                                             results_only=True))
        warned = [s for s in listing if s["warnings"] or not s["verified"]]
        check(not warned, f"the reader warns of {warned[:1]}")
        flagged = [s for s in self.world.snapshots() if s["flags"]]
        check(not flagged, f"{len(flagged)} are flagged: {flagged[:1]}")

    def restore_round(self, disk, rng):
        attempt = rng.choice(self.ledger.acknowledged()[-1:])
        root = self.source.root
        target = os.path.join(disk.path, "target")
        disk.set_free(int(tree_bytes(root) * rng.uniform(0, 1.02)))
        process = self.reader.start(
            "restore", f"{attempt.name}@{attempt.snapshot}", "--target", target)
        output = process.communicate()[0].decode(errors="replace")
        written = contents(target + root)
        if process.returncode == 0:
            check(tree_digest(target + root) == attempt.digest,
                  "a restore that called itself done is not whole")
            self.counts["restores that found room"] += 1
        else:
            check(process.returncode == 1,
                  f"ended with {process.returncode}: {output}")
            says(output, "space", disk.path)
            whole = contents(root)
            partial = [p for p, digest in written.items()
                       if whole.get(p) != digest]
            check(not partial, f"left behind in part: {partial}")
            self.counts["restores that ended early"] += 1
            self.counts["whole files they left"] += len(written)
        disk.set_free(ROOM)
        shutil.rmtree(target, ignore_errors=True)
        self.reader.run("restore", f"{attempt.name}@{attempt.snapshot}",
                        "--target", target)
        check(tree_digest(target + root) == attempt.digest,
              "the restore into a target with room differs")
        shutil.rmtree(target)


def run(rounds, seed):
    begin = time.monotonic()
    scratch = tempfile.gettempdir()
    with FullExt4(scratch, megabytes=512) as ext4, \
            FullTmpfs(scratch) as tmpfs, World() as world:
        world.set_up().start_server()
        clients = Clients(world, seed)
        number = 0
        kind = "agent"
        try:
            for kind in ("agent", "restore"):
                for number in range(rounds):
                    rng = random.Random(f"{seed}/{kind}/{number}")
                    # Half of the agent's rounds on either disk: its state stays
                    # where it is.
                    early = number < rounds // 2
                    disk = ext4 if early else tmpfs
                    if kind == "restore":
                        clients.restore_round(disk, rng)
                        continue
                    state = os.path.join(disk.path, "state")
                    if number == rounds // 2 and number > 0:
                        disk.set_free(ROOM)
                        shutil.copytree(os.path.join(ext4.path, "state"),
                                        state)
                    clients.source.host.environment[
                        "NIGHTSAFE_STATE_DIR"] = state
                    clients.agent_round(disk, rng)
            clients.check_chain()
            words = clients.ledger.finish()
        except BaseException:
            print(f"{kind} round {number}; replay: {sys.argv[0]} "
                  f"--rounds {rounds} --seed {seed}")
            raise
        for what in ("backups refused", "restores that ended early"):
            check(clients.counts[what] > 0 or rounds < 20,
                  f"no {what}: nothing is proved")
        print(f"{rounds} + {rounds} rounds in {time.monotonic() - begin:.0f} "
              f"s: {dict(clients.counts)}")
        print(words)
        print(bound_in_words(0, 2 * rounds))


def main():
    rounds = argument("--rounds", 6)
    seed = seed_from_arguments()
    skip_unless_possible()
    run(rounds, seed)
    print(f"{2 * rounds} passed, 0 failed")


if __name__ == "__main__":
    main()
