#!/usr/bin/env python3
"""The power of a backed-up machine fails while its agent runs.

    tests/crash/power_cut_agent.py [--rounds N] [--seed S] [--leave-out TEXT]

The agent's state directory lies on a disk of its own; each round changes the
tree (some files keep size and time) and cuts the power at one of these moments:

    any       at random while the agent runs
    state     just after the file `state` changed: its commit is noted, or
              answered
    index     just after an index came or went
    ended     when the agent has said that it is done

The agent's record may be older afterwards, but must never lie: the next backup
succeeds and restores to what its tree is, every file of it; a commit whose
answer was lost is listed once; the chain of snapshots shows neither a fork nor
a gap nor a restart. Skipped where no disk can be mounted.

--leave-out shows that the check can fail: syncs of files whose path contains
TEXT (/state, say) are left out, and passing is a failure. Of /index- it would
pass: an index whose end is lost is not believed.
"""

import collections
import json
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from ledger import Ledger, bound_in_words
from loop_disk import LoopDisk, skip_unless_possible
from source import Source
from world import World, argument, check, program, seed_from_arguments

MOMENTS = ["any"] * 5 + ["state"] * 6 + ["index"] * 3 + ["ended"] * 2


def sizes_in(directory):
    """Size of each file; temporary ones come and go and do not count."""
    return {path: os.path.getsize(path)
            for folder, _, names in os.walk(directory)
            for path in (os.path.join(folder, n) for n in names)
            if ".tmp." not in path}


def mark_of(directory, moment):
    """Changes when the thing that the moment waits for happens."""
    if moment == "index":
        return sorted(n for n in os.listdir(directory)
                      if n.startswith("index-"))
    try:
        return os.stat(os.path.join(directory, "state")).st_ino
    except FileNotFoundError:
        return 0


class AgentCuts:
    def __init__(self, source, disk):
        self.source = source
        self.disk = disk
        self.set_directory = os.path.join(disk.path, "agent/sets/files")
        self.longest = 0.3
        self.counts = collections.Counter()

    def wait_for(self, moment, attempt, rng):
        if moment == "any":
            time.sleep(rng.uniform(0, self.longest))
        elif moment == "ended":
            attempt.process.wait()
        else:
            changes = rng.choice((1, 1, 2))
            before = mark_of(self.set_directory, moment)
            while changes > 0 and attempt.running():
                now = mark_of(self.set_directory, moment)
                changes -= now != before
                before = now
            time.sleep(rng.choice((0, rng.expovariate(1 / 0.002))))

    def cut(self, moment, attempt, rng):
        self.wait_for(moment, attempt, rng)
        hit = attempt.running()
        before = sizes_in(self.disk.path)
        self.disk.cut()
        attempt.process.kill()
        attempt.process.wait()
        self.disk.restore()
        after = sizes_in(self.disk.path)
        self.counts["hit a running backup"] += hit
        self.counts["lost data"] += any(
            after.get(path) != size for path, size in before.items())
        if moment == "any":
            self.longest = min(2, 1.1 * self.longest) if hit \
                else max(0.1, 0.8 * self.longest)
        status = json.loads(self.source.host.run(
            "status", "--json", results_only=True))
        pending = any(s["commit_pending"] for s in status["sets"])
        self.counts["left a pending commit"] += pending
        return pending


def check_chain(ledger, reader):
    """Neither fork nor gap nor restart; and no run is listed twice."""
    flagged = [s for s in ledger.world.snapshots() if s["flags"]]
    check(not flagged, f"{len(flagged)} snapshots are flagged: {flagged[:1]}")
    listing = json.loads(reader.run("snapshots", "--json", results_only=True))
    warned = [s for s in listing if s["warnings"] or not s["verified"]]
    check(not warned, f"the reader warns of {warned[:1]}")
    check(len(listing) == len(ledger.acknowledged()) + len(ledger.unanswered)
          <= len(ledger.attempts), f"{len(listing)} snapshots of "
          f"{len(ledger.attempts)} runs")


def play_round(number, moment, cuts, ledger, rng):
    source = cuts.source
    source.rng = rng
    source.change()
    attempt = ledger.start(source.host, source.root)
    pending = cuts.cut(moment, attempt, rng)
    if attempt.process.returncode == 0:
        attempt.wait()
    if rng.random() < 0.3:  # the tree goes on before the next backup
        source.change()
    after = ledger.backup(source.host, source.root)
    said = "interrupted while it committed" in after.output
    cuts.counts["committed it after all"] += pending and said
    ledger.check_listed()
    check(ledger.restored(after.name, after.snapshot, source.root)
          == after.digest, f"round {number}: the backup after the cut restores "
          "to something else than its source")
    after.restored = True


def run(rounds, seed, left_out):
    begin = time.monotonic()
    with LoopDisk(tempfile.gettempdir(), megabytes=256) as disk, \
            World() as world:
        world.set_up().start_server()
        source = Source(world, "web1", random.Random(seed))
        source.host.environment["NIGHTSAFE_STATE_DIR"] = disk.path
        if left_out:
            source.host.environment.update(
                NO_SYNC=left_out, LD_PRELOAD=program("no_sync.so"),
                ASAN_OPTIONS="verify_asan_link_order=0")
        reader = world.reader(quick=True)
        ledger = Ledger(world, reader, random.Random(seed))
        cuts = AgentCuts(source, disk)
        ledger.backup(source.host, source.root)
        moment = ""
        number = 0
        try:
            while number < rounds:
                rng = random.Random(f"{seed}/{number}")
                moment = rng.choice(MOMENTS)
                play_round(number, moment, cuts, ledger, rng)
                number += 1
                cuts.counts["at " + moment] += 1
            check_chain(ledger, reader)
            words = ledger.finish()
        except BaseException:
            print(f"round {number}, {moment}; replay: {sys.argv[0]} "
                  f"--rounds {rounds} --seed {seed}")
            raise
        for what in ("hit a running backup", "lost data"):
            check(cuts.counts[what] > 0 or rounds < 20,
                  f"no cut {what}: this run proves nothing")
        print(f"{rounds} rounds, {disk.cuts} power cuts in "
              f"{time.monotonic() - begin:.0f} s: {dict(cuts.counts)}")
        print(words)
        print(bound_in_words(0, rounds))


def main():
    rounds = argument("--rounds", 6)
    seed = seed_from_arguments()
    left_out = (sys.argv[sys.argv.index("--leave-out") + 1]
                if "--leave-out" in sys.argv else None)
    skip_unless_possible()
    try:
        run(rounds, seed, left_out)
    except AssertionError as error:
        if left_out is None:
            raise
        print(f"the agent that leaves out syncs of {left_out} was caught: "
              f"{str(error).strip().splitlines()[-1]}")
        rounds = 1
    else:
        check(left_out is None, "an agent that leaves out syncs passed")
    print(f"{rounds} passed, 0 failed")


if __name__ == "__main__":
    main()
