#!/usr/bin/env python3
"""The server takes nothing away and overwrites nothing that is finished.

A traced server takes backups, is scrubbed, stopped, killed and started. In none
of its calls it unlinks, truncates, renames away or opens for writing a finished
pack or a finished segment of a journal.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from trace import CALLS, deeds
from world import World, check, make_tree, program, seed_from_arguments


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
        if deed.call.startswith(("rename", "link")) and \
                re.search(r"/packs/sealed/\w+\.(pack|toc)$", deed.paths[-1]):
            known.add(deed.paths[-1])
            made += 1
        else:
            check(not re.search(r"/packs/sealed/\w+\.(pack|toc)$",
                                " ".join(deed.paths)),
                  f"the server did: {deed}")
    return made, seen


def main():
    rng = random.Random(seed_from_arguments())
    with TracedWorld() as world:
        world.set_up()
        world.configure(pack_bytes=1 << 20)
        before = finished_files(world.data)
        world.start_traced()
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
        print(f"{seen} calls of 3 runs: no finished pack or segment was "
              "unlinked, truncated, renamed away or opened for writing")


main()
