#!/usr/bin/env python3
"""The same faults for Nightsafe, restic and borg, as a table.

    tests/crash/peers.py [--rounds N] [--seed S] [--faults F,...] [--tools T,...]

Tools, as Debian packages them, each with its defaults:

    nightsafe      nightsafed on loopback, mutual TLS
    restic         over `rclone serve restic --append-only` on a local directory
    restic-local   without a server: a repository in a local directory
    borg           `borg serve --append-only` behind a local BORG_RSH wrapper

Faults (default: all), N rounds of each (default 30):

    kill-server    kill -9 of the server's process during a backup
    kill-client    kill -9 of the client during a backup
    power          the power of the repository's disk is cut, in turn during a
                   backup and just after one was acknowledged (ext4 on a loop
                   device, tests/support/loop_disk.py). Rounds follow each
                   other within seconds: who leaves it to the kernel to write
                   (some 30 s) loses what that round acknowledged
    flip           one bit of the repository is flipped, of a copy each time,
                   anywhere but in pages of zeroes, files drawn by size

A backup is acknowledged when the client ends with exit code 0. After a kill or
a cut: is every acknowledged snapshot listed, does the next backup work, and if
not, after which of the commands that the tool's manual names (unlock, break-lock,
rebuild-index, check --repair; of Nightsafe: rebuild)? At the end each
acknowledged snapshot is restored and its contents compared. After a flip: does a
check without a key find it (nightsafe: start and scrub; borg: check
--repository-only; restic has none, but its file names are SHA-256, which this
script compares), does a check with the key (restic: check --read-data; borg: check
--verify-data; nightsafe: verify), and what does a restore of every snapshot do.

Each tool gets the same trees; the moment of a kill or cut is drawn by the same
seed as a share of how long that tool's own backups take. Exit code 0 unless
Nightsafe lost, mis-restored, or needed hand work. Packages: section bench of
deploy/packages.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from kills import poll
from loop_disk import LoopDisk, skip_unless_possible
from peer_tools import Borg, Nightsafe, Restic, ResticLocal
from world import check, digest_of_tree, make_tree

FAULTS = ("kill-server", "kill-client", "power", "flip")
PAGE = 4096
TOOLS = {kind.name: kind for kind in (Nightsafe, Restic, ResticLocal, Borg)}


class Tree:
    """What is backed up; the same sequence of states for every tool."""

    def __init__(self, scratch, rng):
        self.root = os.path.join(scratch, "tree")
        self.rng = rng
        self.serial = 0
        make_tree(self.root, rng, files=40, big=2)

    def change(self):
        self.serial += 1
        make_tree(os.path.join(self.root, f"round{self.serial}"), self.rng,
                  files=15, big=2)
        shutil.rmtree(os.path.join(self.root, f"round{self.serial - 3}"),
                      ignore_errors=True)

    def digest(self):
        return digest_of_tree(self.root)


class Row:
    """Figures of one tool under one fault."""

    def __init__(self):
        self.values = {}

    def add(self, key, count=1):
        self.values[key] = self.values.get(key, 0) + count

    def __getitem__(self, key):
        return self.values.get(key, 0)


class Crashes:
    """Rounds of one kind of kill or cut for one tool."""

    def __init__(self, kind, fault, rounds, seed, scratch, disk):
        self.fault = fault
        self.rounds = rounds
        self.seed = seed
        self.disk = disk
        self.row = Row()
        self.tree = Tree(scratch, random.Random(seed))
        self.scratch = scratch
        self.tool = kind(scratch, disk.path if disk else scratch)
        self.acknowledged = {}  # id -> digest
        self.longest = 1.0

    def run(self):
        begin = time.monotonic()
        self.full_backup(self.tree.digest())
        self.longest = time.monotonic() - begin
        if self.disk:
            subprocess.run(["sync", "-f", self.disk.path], check=True)
        for number in range(self.rounds):
            self.rng = random.Random(f"{self.seed}/{number}")
            self.tree.change()
            digest = self.tree.digest()
            process = self.tool.begin_backup(self.tree.root)
            self.strike(process, number)
            went_on = self.note(self.tool.end_backup(process), digest)
            self.row.add("ended well all the same", went_on and self.hit
                         and self.fault == "kill-server")
            self.look(digest)
            self.row.add("rounds")
        self.restore_all()
        self.row.values["check at the end"] = self.check_at_end()
        self.tool.close()
        return self.row

    def check_at_end(self):
        """The tool's own check, as a cron job would call it."""
        if self.tool.plain_check():
            return "fine"
        self.tool.repair(self.tool.repairs[0])
        self.tool.start()
        name = " ".join(self.tool.repairs[0])
        return f"after {name}" if self.tool.plain_check() else "errors"

    def full_backup(self, digest):
        """Whether a backup is acknowledged; notes it."""
        process = self.tool.begin_backup(self.tree.root)
        return self.note(self.tool.end_backup(process), digest)

    def note(self, snapshot, digest):
        if snapshot is not None:
            self.acknowledged[snapshot] = digest
            self.row.add("acknowledged")
        return snapshot is not None

    def strike(self, process, number):
        after = self.fault == "power" and number % 2
        if after:
            process.wait()
        else:
            time.sleep(self.rng.uniform(0.02, self.longest))
        hit = self.hit = process.poll() is None
        self.row.add("hit", hit or after)
        if not after:
            self.longest *= 1.05 if hit else 0.9
        if self.fault == "kill-client":
            os.killpg(process.pid, signal.SIGKILL) if hit else None
        elif self.fault == "kill-server":
            self.tool.kill_server()
            self.tool.start()
        else:
            self.cut(process)

    def cut(self, process):
        self.disk.cut()
        self.tool.kill_server()
        if not self.tool.has_server or process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.disk.restore()

    def look(self, digest):
        """What a person meets afterwards, and what it takes."""
        tool = self.tool
        lost = None
        works = tool.start()
        listed = tool.listed() if works else None
        if listed is not None:
            lost = set(self.acknowledged) - listed
            works = self.full_backup(digest)
        else:
            works = False
        if not works:
            self.row.add("next backup failed")
            self.row.values.setdefault("said", tool.last_output[-600:])
            for command in tool.repairs:
                tool.repair(command)
                self.row.add("repairs")
                if tool.start() and self.full_backup(digest):
                    break
            else:
                self.row.add("made anew")
            listed = tool.listed()
            lost = set(self.acknowledged) - (listed or set())
        for snapshot in lost:
            self.row.add("lost")
            del self.acknowledged[snapshot]
        if listed is None:
            self.begin_anew()

    def begin_anew(self):
        self.tool.close()
        shutil.rmtree(self.tool.repository, ignore_errors=True)
        self.tool = type(self.tool)(
            self.scratch, self.disk.path if self.disk else self.scratch)

    def restore_all(self):
        for snapshot, digest in self.acknowledged.items():
            verdict = restored(self.tool, snapshot, self.tree.root, digest)
            self.row.add(verdict)
            self.row.add("restored")


def restored(tool, snapshot, root, digest):
    """right, refused (it says so), or wrong (it does not)."""
    target = os.path.join(tool.scratch, "out")
    shutil.rmtree(target, ignore_errors=True)
    code = tool.restore(snapshot, target)
    same = os.path.isdir(target + root) and \
        digest_of_tree(target + root) == digest
    shutil.rmtree(target, ignore_errors=True)
    if same:
        return "right" if code == 0 else "right, with an error"
    return "refused" if code != 0 else "wrong"


class Flips:
    """One bit in a copy of the repository at a time."""

    def __init__(self, kind, rounds, seed, scratch):
        self.rounds = rounds
        self.rng = random.Random(seed)
        self.row = Row()
        self.tree = Tree(scratch, random.Random(seed))
        self.tool = kind(scratch, scratch)
        self.where = None

    def run(self):
        tool = self.tool
        snapshots = {}
        for _ in range(3):
            process = tool.begin_backup(self.tree.root)
            snapshots[tool.end_backup(process)] = self.tree.digest()
            self.tree.change()
        tool.stop()
        good = tool.repository + ".good"
        shutil.copytree(tool.repository, good, symlinks=True)
        for number in range(self.rounds + 1):
            if number == 0:  # without a flip there is nothing to be found
                self.look(snapshots)
                check(self.row["all restore right"]
                      and not self.row["found at all"],
                      f"{tool.name}: found where nothing was flipped: "
                      f"{self.row.values}")
                self.row = Row()
            else:
                self.flip()
                self.look(snapshots)
            tool.stop()
            shutil.rmtree(tool.repository)
            shutil.copytree(good, tool.repository, symlinks=True)
        tool.close()
        return self.row

    def flip(self):
        files = [os.path.join(folder, name)
                 for folder, _, names in os.walk(self.tool.repository)
                 for name in names]
        files = [f for f in files if os.path.isfile(f)
                 and os.path.getsize(f) > 0]
        while True:
            path = self.rng.choices(files, [os.path.getsize(f)
                                            for f in files])[0]
            at = self.rng.randrange(os.path.getsize(path))
            with open(path, "r+b") as file:
                file.seek(at // PAGE * PAGE)
                page = bytearray(file.read(PAGE))
                if not any(page):
                    continue
                page[at % PAGE] ^= 1 << self.rng.randrange(8)
                file.seek(at // PAGE * PAGE)
                file.write(page)
            self.where = os.path.relpath(path, self.tool.repository)
            return

    def look(self, snapshots):
        tool, row = self.tool, self.row
        row.add("rounds")
        keyless = not tool.check_without_key()
        keyed = not tool.check_with_key()
        row.add("found without a key", keyless)
        row.add("found at all", keyless or keyed)
        verdicts = {"refused"}
        if tool.start():
            verdicts = {restored(tool, s, self.tree.root, d)
                        for s, d in snapshots.items()}
        bad = verdicts - {"right"}
        row.add("all restore right", not bad)
        row.add("a restore says so", bool(bad) and "wrong" not in verdicts)
        row.add("wrong", "wrong" in verdicts)
        if not keyless and not keyed:
            row.add("not found and harmless", not bad)
            row.add("not found and harmful", bool(bad))
            if self.where:
                print(f"  {tool.name}: not found: {self.where}: {verdicts}",
                      flush=True)


def table(title, rows, keys):
    print(f"\n{title}")
    width = max(len(k) for k in keys) + 2
    print(" " * width + "".join(f"{name:>14}" for name in rows))
    for key in keys:
        print(f"{key:<{width}}" + "".join(f"{row[key]:>14}"
                                          for row in rows.values()))
    if "found without a key" in keys:
        print("  restic has no check without a key: this script compared its "
              "SHA-256 file names")
    for name, row in rows.items():
        if "said" in row.values:
            print(f"  {name} said: "
                  + " | ".join(row.values["said"].strip().splitlines()[-2:]))
    sys.stdout.flush()


CRASH_KEYS = ["rounds", "hit", "acknowledged", "lost", "restored", "right",
              "wrong", "refused", "right, with an error",
              "ended well all the same", "next backup failed", "repairs",
              "made anew", "check at the end"]
FLIP_KEYS = ["rounds", "found without a key", "found at all",
             "not found and harmless", "not found and harmful",
             "all restore right", "a restore says so", "wrong"]


def play(kind, fault, options):
    scratch = tempfile.mkdtemp(prefix="peers-")
    try:
        if fault == "flip":
            return Flips(kind, options.rounds, options.seed, scratch).run()
        if fault != "power":
            return Crashes(kind, fault, options.rounds, options.seed, scratch,
                           None).run()
        with LoopDisk(scratch, megabytes=4096) as disk:
            return Crashes(kind, fault, options.rounds, options.seed, scratch,
                           disk).run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--tools", default=",".join(TOOLS))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    faults = options.faults.split(",")
    tools = options.tools.split(",")
    for name in tools:
        print(f"{name}: {TOOLS[name].version()}", flush=True)
    if "power" in faults:
        skip_unless_possible()
    passed = failed = 0
    for fault in faults:
        rows = {}
        for name in tools:
            if fault == "kill-server" and not TOOLS[name].has_server:
                continue
            try:
                rows[name] = play(TOOLS[name], fault, options)
                print(f"  {fault}, {name}: {rows[name].values}", flush=True)
                passed += 1
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                traceback.print_exception(error, file=sys.stdout)
                print(f"replay: {sys.argv[0]} --faults {fault} --tools {name} "
                      f"--rounds {options.rounds} --seed {options.seed}")
        table(f"{fault}:", rows,
              FLIP_KEYS if fault == "flip" else CRASH_KEYS)
        own = rows.get("nightsafe")
        if own and any(own[key] for key in ("lost", "wrong", "refused",
                                            "next backup failed")
                       if (fault, key) != ("flip", "refused")):
            failed += 1
        if any(not row["hit"] for row in rows.values()) and fault != "flip":
            failed += 1
            print("a tool was never hit: this proves nothing")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
