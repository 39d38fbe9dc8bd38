#!/usr/bin/env python3
"""The disk of the server is full, fills while backups run, and has room again.

    tests/crash/full_disk.py [--rounds N] [--seed S] [--tmpfs]

The data directory lies on a disk of its own (ext4, or tmpfs) whose free space
steps at random between nothing and 256 MiB while two hosts back up growing
trees, with and without the reserve of nightsafed.yaml. In every round

    * each backup succeeds, or ends with exit code 8 and says what is wrong;
    * the server goes on: what was acknowledged is listed, and a sample restores
      while the disk is full;
    * when there is room, the next backup of each host succeeds without a restart.

In some the server is stopped or killed and started on the full disk: it starts,
perhaps for reading only until it is started again, or ends with code 8 and a
message, and then starts when there is room. At the end all snapshots are
restored. Skipped where nothing can be mounted.
"""

import collections
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import says
from full_disk import MEBIBYTE, FullExt4, FullTmpfs
from ledger import Ledger, bound_in_words
from loop_disk import skip_unless_possible
from source import Source
from world import World, argument, check, seed_from_arguments

FULL = 8
ROOM = 256 * MEBIBYTE


def some_bytes(rng):
    """Often next to nothing; rarely much."""
    return int(rng.choice((0, 1)) * 4096 * 2 ** rng.uniform(0, 16))


class Rounds:
    def __init__(self, world, disk, ledger, sources):
        self.world = world
        self.disk = disk
        self.ledger = ledger
        self.sources = sources
        self.rng = None
        self.counts = collections.Counter()

    def play(self, rng):
        self.rng = rng
        for source in self.sources:
            source.rng = rng
            source.change(big=rng.randrange(5))
        if rng.random() < 0.15:
            self.change_reserve()
        self.back_up_while_space_steps()
        self.disk.set_free(rng.choice((0, 4096, some_bytes(rng))))
        self.check_reads()
        if rng.random() < 0.3:
            self.restart_on_full_disk()
        self.disk.set_free(ROOM)
        for source in self.sources:
            self.ledger.backup(source.host, source.root)
        self.ledger.check_listed()

    def change_reserve(self):
        self.world.stop_server()
        self.world.configure(
            reserve_bytes=self.rng.choice((0, 0, 4, 16)) * MEBIBYTE)
        self.world.start_server()

    def back_up_while_space_steps(self):
        rng = self.rng
        self.disk.set_free(some_bytes(rng) + rng.choice((0, 4 * MEBIBYTE)))
        attempts = [self.ledger.start(s.host, s.root) for s in self.sources]
        while any(a.running() for a in attempts):
            time.sleep(rng.uniform(0, 0.3))
            step = rng.random()
            if step < 0.2:
                self.disk.fill()
            elif step < 0.6:
                self.disk.set_free(some_bytes(rng))
        for attempt in attempts:
            self.judge(attempt)

    def judge(self, attempt):
        """It was acknowledged, or refused with words."""
        if attempt.wait():
            self.counts["acknowledged while space was short"] += 1
            return
        check(attempt.code == FULL, f"a backup onto a full disk ended with "
              f"{attempt.code}: {attempt.output}")
        says(attempt.output, "earlier snapshots are intact", "space")
        self.counts["refused"] += 1

    def check_reads(self):
        check(self.world.server.poll() is None, "nightsafed ended with "
              f"{self.world.server.returncode} on a full disk: "
              + self.world.log_text()[-2000:])
        self.ledger.check_listed()
        self.ledger.check_restores(count=1)

    def restart_on_full_disk(self):
        self.disk.fill()
        if self.rng.random() < 0.5:
            self.world.stop_server(expect=(0, 1, FULL))
        else:
            self.ledger.kill_server()
        self.disk.fill()
        self.world.start_server(wait=False)
        self.counts["started on a full disk"] += 1
        while "ready\n" not in self.world.log_text():
            code = self.world.server.poll()
            if code is None:
                time.sleep(0.02)
                continue
            check(code == FULL, f"nightsafed ended with {code} on a full "
                  f"disk: {self.world.log_text()}")
            says(self.world.log_text(), "space")
            self.counts["that start refused"] += 1
            self.disk.set_free(ROOM)
            self.world.start_server()
            return
        self.check_reads()
        if "there was no room to start" in self.world.log_text():
            self.counts["that start for reading only"] += 1
            source = self.sources[0]
            self.judge(self.ledger.start(source.host, source.root))
            self.disk.set_free(ROOM)
            self.world.stop_server()
            self.world.start_server()


def run(rounds, seed, tmpfs):
    begin = time.monotonic()
    disk_class = FullTmpfs if tmpfs else FullExt4
    with disk_class(tempfile.gettempdir()) as disk, \
            World(data=os.path.join(disk.path, "server")) as world:
        disk.set_free(ROOM)
        world.set_up()
        world.configure(reserve_bytes=0, reserve_share=0, pack_bytes=4 << 20)
        world.start_server()
        first = random.Random(seed)
        sources = [Source(world, name, first) for name in ("web1", "web2")]
        ledger = Ledger(world, world.reader(quick=True), first)
        for source in sources:
            ledger.backup(source.host, source.root)
        play = Rounds(world, disk, ledger, sources)
        number = 0
        try:
            while number < rounds:
                play.play(random.Random(f"{seed}/{number}"))
                number += 1
            words = ledger.finish()
        except BaseException:
            print(f"round {number}; replay: {' '.join(sys.argv)} "
                  f"--rounds {rounds} --seed {seed}")
            raise
        check(play.counts["refused"] > 0, "no backup ever met a full disk")
        print(f"{rounds} rounds on {'tmpfs' if tmpfs else 'ext4'} in "
              f"{time.monotonic() - begin:.0f} s: {dict(play.counts)}")
        print(words)
        print(bound_in_words(0, rounds))


def main():
    rounds = argument("--rounds", 6)
    seed = seed_from_arguments()
    skip_unless_possible()
    run(rounds, seed, "--tmpfs" in sys.argv)
    print(f"{rounds} passed, 0 failed")


if __name__ == "__main__":
    main()
