#!/usr/bin/env python3
"""A call of the real server that changes files fails: each one in turn.

    tests/crash/failing_disk.py [--rounds N | --all [PHASE[,KIND[,ERROR]]]
                                 | --only PHASE,KIND,ERROR,AT,LASTING]
                                [--seed S]

PHASE is one of

    backup   while a host backs up a changed tree
    stop     while the server stops after SIGTERM
    start    while the server starts after kill -9 under load

KIND is write, sync, rename, create or allocate; ERROR is EIO, ENOSPC or short
(half of a write is taken); AT says which call of that kind fails; LASTING (0 or
1) whether those after it fail too. Afterwards

    * the backup was acknowledged, or ended with an exit code and a message;
    * the server still runs. If it says that it is read-only (metric and
      message), what is acknowledged can be read, and a restart ends it; else
      the next backup succeeds without one;
    * a start is refused with a message, or succeeds; then it succeeds;
    * nothing acknowledged is lost; nothing incomplete is listed.

--all tries every call (of that phase, kind, error); --rounds a random sample.
"""

import collections
import errno
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import says
from failing_calls import KINDS, SHORT, FailingCalls, name_of
from ledger import Ledger, bound_in_words
from source import Source
from world import World, argument, check, seed_from_arguments

PHASES = ("backup", "stop", "start")
FAULTS = [(kind, error, lasting)
          for kind in KINDS
          for error in ((errno.EIO, errno.ENOSPC, SHORT) if kind == "write"
                        else (errno.EIO, errno.ENOSPC))
          for lasting in ((0,) if error == SHORT else (0, 1))
          if (kind, error) != ("rename", errno.ENOSPC)]
# The agent: failed, server ended half-way, disk full. nightsafed: failed,
# damaged (what it has just written cannot be read), full.
PATIENCE_SECONDS = 4
AGENT_CODES = (1, 6, 8)
SERVER_CODES = (0, 1, 7, 8)


class FailingDisk:
    def __init__(self, world, calls, ledger, source):
        self.world = world
        self.calls = calls
        self.ledger = ledger
        self.source = source
        self.armed = None
        self.last = ()
        self.points = self.hits = 0
        self.counts = collections.Counter()

    def alive(self):
        check(self.world.server.poll() is None, "nightsafed ended with "
              f"{self.world.server.returncode}: {self.world.log_text()}")

    # Each returns whether the server runs, and leaves the calls armed.

    def backup(self):
        self.source.change(big=2)
        attempt = self.ledger.start(self.source.host, self.source.root)
        # An agent tries again for a minute; a disk may be well again by then.
        try:
            attempt.process.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.counts["disk well again while the agent tried"] += 1
            self.calls.relent()
        if attempt.wait():
            self.counts["acknowledged"] += 1
        else:
            check(attempt.code in AGENT_CODES and attempt.output.strip(),
                  f"the agent ended with {attempt.code}: {attempt.output}")
            says(attempt.output)
            self.counts["reported"] += 1
        self.alive()
        return True

    def stop(self):
        self.source.change(big=0)
        self.calls_off(lambda: self.ledger.backup(self.source.host,
                                                  self.source.root))
        self.world.stop_server(expect=SERVER_CODES)
        return False

    def start(self):
        def kill_under_load():
            self.source.change(big=2)
            attempt = self.ledger.start(self.source.host, self.source.root)
            time.sleep(0.1)
            self.ledger.kill_server()
            attempt.process.kill()
            attempt.wait()
        self.calls_off(kill_under_load)
        self.world.start_server(wait=False)
        end = time.monotonic() + 120
        while "ready\n" not in self.world.log_text():
            code = self.world.server.poll()
            if code is not None:
                check(code in SERVER_CODES[1:],
                      f"nightsafed ended with {code}: {self.world.log_text()}")
                says(self.world.log_text(), "nightsafed: ")
                self.counts["start refused"] += 1
                self.world.server = None
                return False
            check(time.monotonic() < end, "nightsafed is not ready")
            time.sleep(0.01)
        return True

    def calls_off(self, prepare):
        """Runs it with nothing failing; counting begins behind it."""
        armed = self.armed
        self.calls.disarm()
        prepare()
        self.arm(armed)

    def arm(self, fault):
        self.armed = fault
        if fault is None:
            self.calls.disarm()
        else:
            self.calls.arm(*fault)

    def settle(self, running):
        """Until everything is well again."""
        if running:
            self.alive()
            if self.world.metric("nightsafe_read_only") == 1:
                self.counts["read-only until restarted"] += 1
                attempt = self.ledger.start(self.source.host, self.source.root)
                check(not attempt.wait(), "a read-only server acknowledged")
                says(attempt.output, "read-only")
                self.ledger.check_listed()
                self.ledger.check_restores(count=1)
                self.world.stop_server(expect=SERVER_CODES)
                running = False
        if not running:
            self.world.start_server()
        self.ledger.check_listed()
        self.ledger.backup(self.source.host, self.source.root)

    def measure(self, phase):
        """How many calls of each kind the phase makes."""
        self.arm(None)
        running = getattr(self, phase)()
        seen = self.calls.seen()
        self.calls.disarm()
        self.settle(running)
        return seen

    def play(self, phase, kind, error, at, lasting):
        """Whether the call was made, and failed."""
        self.last = (phase, kind, name_of(error), at, lasting)
        self.points += 1
        self.arm((kind, error, at, lasting))
        running = getattr(self, phase)()
        hit = self.calls.failed() > 0
        self.hits += hit
        self.arm(None)
        self.settle(running)
        self.counts[f"{phase}: calls failed" if hit
                    else f"{phase}: not reached"] += 1
        if self.points % 10 == 0:
            self.world.admin("scrub")
            self.ledger.check_restores(count=1)
        return hit


def sample(disk, rng, rounds):
    """Points (phase, kind, error, at, lasting) at random."""
    counts = {phase: disk.measure(phase) for phase in PHASES}
    print(f"calls: {counts}", flush=True)
    every = [(phase, kind, error, at, lasting)
             for phase in PHASES for kind, error, lasting in FAULTS
             for at in range(1, counts[phase][kind] + 2)]
    for point in rng.sample(every, min(rounds, len(every))):
        disk.play(*point)


def sweep(disk, wanted):
    """Every call, until two runs in a row do not get as far."""
    for phase in PHASES:
        for kind, error, lasting in FAULTS:
            if wanted != [phase, kind, name_of(error)][:len(wanted)]:
                continue
            at = missed = 0
            while missed < 2:
                at += 1
                hit = disk.play(phase, kind, error, at, lasting)
                missed = 0 if hit else missed + 1
            print(f"{phase}, {kind}, {name_of(error)}"
                  f"{', lasting' if lasting else ''}: {at - 2} calls",
                  flush=True)


def main():
    rounds = argument("--rounds", 8)
    seed = seed_from_arguments()
    rng = random.Random(seed)
    begin = time.monotonic()
    with World() as world:
        world.set_up()
        world.configure(reserve_bytes=0, reserve_share=0, pack_bytes=1 << 20)
        world.start_server()
        source = Source(world, "web1", rng)
        ledger = Ledger(world, world.reader(quick=True), rng)
        ledger.backup(source.host, source.root)
        world.stop_server()
        calls = FailingCalls(world.directory, world.data)
        world.environment.update(calls.environment)
        world.start_server()
        disk = FailingDisk(world, calls, ledger, source)
        try:
            if "--only" in sys.argv:
                phase, kind, error, at, lasting = sys.argv[
                    sys.argv.index("--only") + 1].split(",")
                disk.play(phase, kind, SHORT if error == "short"
                          else getattr(errno, error), int(at), int(lasting))
            elif "--all" in sys.argv:
                behind = sys.argv[sys.argv.index("--all") + 1:][:1]
                sweep(disk, [word for text in behind if text[0] != "-"
                             for word in text.split(",")])
            else:
                sample(disk, rng, rounds)
            words = ledger.finish()
        except BaseException:
            print(f"after {disk.hits} calls; replay: {sys.argv[0]} --seed "
                  f"{seed} --only {','.join(map(str, disk.last))}")
            raise
        check(disk.hits > 0, "no call failed: nothing is proved")
        print(f"{disk.points} runs, in {disk.hits} of them a call failed, in "
              f"{time.monotonic() - begin:.0f} s: {dict(disk.counts)}")
        print(words)
        print(bound_in_words(0, disk.hits))
    print(f"{disk.hits} passed, 0 failed")


if __name__ == "__main__":
    main()
