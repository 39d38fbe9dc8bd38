#!/usr/bin/env python3
"""The server takes nothing away and overwrites nothing that is finished.

A traced server takes backups, prunes, collects (with packs written anew), is
scrubbed, stopped, killed and started. In none of its calls it unlinks,
truncates, renames away or opens for writing a finished pack or a finished
segment of a journal. nightsafe-sweep, traced too, is what takes packs away, and
touches nothing else.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from trace import CALLS, deeds
from world import World, check, digest_of_tree, make_tree, program, \
    seed_from_arguments

PACK = re.compile(r"/packs/sealed/\w+\.(pack|toc)$")


class TracedWorld(World):
    runs = 0

    def start_traced(self):
        """As start_server, below strace."""
        self.runs += 1
        self.trace = os.path.join(self.directory, f"trace.{self.runs}")
        with open(self.log, "ab") as log:
            self.log_begin = log.tell()
            self.server = subprocess.Popen(
                ["strace", "-f", "-y", "-qq", "-o", self.trace, "-e",
                 "trace=" + CALLS, program("nightsafed"), "serve", self.data],
                # No other program may trace one that is traced.
                env=dict(self.environment, LSAN_OPTIONS="detect_leaks=0"),
                stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while True:
            with open(self.log, "rb") as log:
                log.seek(self.log_begin)
                if b"ready" in log.read():
                    return
            check(self.server.poll() is None and
                  time.monotonic() < deadline, "the server does not start")
            time.sleep(0.05)

    def sweep_traced(self):
        """Two runs of nightsafe-sweep, whose delay is none; their deeds."""
        state = os.path.join(self.directory, "sweeper")
        os.makedirs(state, exist_ok=True)
        status = self.admin("status", "--json", results_only=True)
        config = os.path.join(self.directory, "sweep.yaml")
        with open(config, "w") as out:
            out.write(f"data: {self.data}\nstate: {state}\nserver_id: "
                      + re.search(r"[0-9a-f]{48}", status)[0]
                      + "\ndelay_hours: 0\n")
        done = []
        for number in range(2):
            trace = os.path.join(self.directory, f"sweep.{number}")
            self.run(["strace", "-f", "-y", "-qq", "-o", trace, "-e",
                      "trace=" + CALLS, program("nightsafe-sweep"),
                      "--config", config],
                     environment=dict(self.environment,
                                      LSAN_OPTIONS="detect_leaks=0"))
            done += deeds(trace)[0]
        return done, state

    def end_traced(self, how):
        """Ends the server itself, then waits for strace."""
        child = subprocess.run(
            ["pgrep", "-P", str(self.server.pid)], stdout=subprocess.PIPE,
            check=True).stdout.split()
        os.kill(int(child[0]), how)
        self.server.wait(timeout=120)
        self.server = None


def finished_files(data):
    """Packs, tables of contents and segments that are there now."""
    found = set()
    for directory, _, names in os.walk(data):
        if directory.endswith("/packs/sealed"):
            found |= {os.path.join(directory, name) for name in names}
        elif os.path.basename(directory) == "journal":
            found |= {os.path.join(directory, name) for name in names
                      if name.endswith(".seg")}
    return found


def check_trace(world, known):
    """No deed of the run touches what is finished; returns what it finished.

    `known` was finished before. A pack or table that is renamed to its finished
    name counts from there on.
    """
    done, seen = deeds(world.trace)
    check(seen > 50, f"strace saw {seen} calls")
    known = set(known)
    made = 0
    for deed in done:
        check(not set(deed.paths) & known, f"the server did: {deed}")
        check(not any("/removed/" in path for path in deed.paths),
              f"the server did: {deed}")
        if deed.call.startswith(("rename", "link")) and \
                PACK.search(deed.paths[-1]):
            known.add(deed.paths[-1])
            made += 1
        else:
            check(not any(PACK.search(path) for path in deed.paths),
                  f"the server did: {deed}")
    return made, seen


def check_sweep(world, before, packs):
    """Nothing but packs that went: through removed/, and nowhere else."""
    done, state = world.sweep_traced()
    gone = 0
    for deed in done:
        if deed.call.startswith("rename") and "/packs/" in deed.paths[0]:
            check(deed.paths[0] in before and PACK.search(deed.paths[0]) and
                  "/removed/" in deed.paths[1], f"the sweeper did: {deed}")
        elif deed.call.startswith("unlink") and deed.paths[-1].endswith(
                (".pack", ".toc")):
            check("/removed/" in deed.paths[-1], f"the sweeper did: {deed}")
            gone += deed.paths[-1].endswith(".pack")
        else:
            check(all(path.startswith(state) for path in deed.paths),
                  f"the sweeper did: {deed}")
    check(gone == packs, f"{gone} packs were unlinked, {packs} were removed")
    return gone


def prune_and_collect(world, host, rng):
    """Small snapshots share packs: the first and the last of the day stay."""
    tree = os.path.join(world.directory, "small")
    for number in range(8):
        make_tree(tree + str(number), rng, files=20, big=0)
        host.run("backup", "--set", "small", tree + str(number))
    world.admin("prune", "--override", "--reason", "test")
    check(len(world.snapshots("web1/small")) == 2, "not pruned")
    done = json.loads(world.admin("collect", "--allow-large", "--json",
                                  results_only=True).splitlines()[0])
    check(done["purged_snapshots"] > 0 and done["removed_packs"] > 0 and
          done["rewritten_bytes"] > 0, f"too little was collected: {done}")
    world.admin("scrub")
    return tree + "7", done


def main():
    rng = random.Random(seed_from_arguments())
    with TracedWorld() as world:
        world.set_up()
        world.configure(pack_bytes=1 << 20)
        before = finished_files(world.data)
        world.start_traced()
        world.admin("policy", "set", "min-age=0", "trash-days=0",
                    "keep-daily=7")
        host = world.host("web1")
        for number in range(4):
            tree = os.path.join(world.directory, f"tree{number}")
            make_tree(tree, rng)
            host.run("backup", tree)
        world.admin("scrub")
        world.end_traced(signal.SIGTERM)
        made, seen = check_trace(world, before)
        check(made > 0, "no pack was finished in a traced run")

        before = finished_files(world.data)
        world.start_traced()
        host.run("backup", tree)
        world.end_traced(signal.SIGKILL)
        _, more = check_trace(world, before)
        seen += more

        before = finished_files(world.data)
        world.start_traced()
        host.run("backup", tree)
        world.end_traced(signal.SIGTERM)
        _, more = check_trace(world, before)
        seen += more

        before = finished_files(world.data)
        world.start_traced()
        small, done = prune_and_collect(world, host, rng)
        sealed = finished_files(world.data)
        gone = check_sweep(world, sealed, done["removed_packs"])
        host.run("backup", tree)
        digest = world.reader(quick=True).restored_digest("web1/small", small)
        check(digest == digest_of_tree(small), "restores to something else")
        world.admin("scrub")
        world.end_traced(signal.SIGTERM)
        made, more = check_trace(world, before)
        check(made > 0, "no pack was written anew")
        seen += more
        print(f"pruned, {done['removed_packs']} packs removed, "
              f"{done['rewritten_bytes']} bytes copied; nightsafe-sweep "
              f"unlinked {gone}")
        print(f"{seen} calls of 4 runs: no finished pack or segment was "
              "unlinked, truncated, renamed away or opened for writing")


main()
