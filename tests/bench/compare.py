#!/usr/bin/env python3
"""Nightsafe against restic and borg, on the same trees in one run.

    tests/bench/compare.py CORPUS [--rounds N] [--tools nightsafe,restic,borg]
                           [--restic PROGRAM] [--borg PROGRAM] [--check]

CORPUS holds two point releases of a source tree, a/ and b/ (tests/bench/corpus
makes them). Each round runs, for each tool in turn, on a fresh repository:

  first      release a, everything new
  unchanged  the same again
  moved      the same tree under another path
  copied     the same contents as new files: new inodes, new times
  release    release b in place of a
  restore    release b, into an empty directory

Nightsafe runs against a real nightsafed over loopback with mutual TLS; restic and
borg write to a local repository. Levels are each tool's default. Wall and CPU
seconds, peak memory of the client, and what the repository grew by on disk;
Nightsafe's server is counted apart. Medians over the rounds. --check also compares
the restored trees (rsync -aHAXn and a digest of every file).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import World, digest_of_tree, program, same_tree

STEPS = ["first", "unchanged", "moved", "copied", "release", "restore"]


def disk_bytes(root):
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total


def plain_bytes(root):
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            info = os.lstat(os.path.join(folder, name))
            total += info.st_size
    return total


def measured(command, environment=None, cwd=None, allowed=(0,)):
    """Wall, CPU and peak memory of one command and its children."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, cwd=cwd,
                                   stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            output.seek(0)
            raise SystemExit(f"{command} ended with {process.returncode}:\n"
                             + output.read().decode(errors="replace"))
        output.seek(0)
        text = output.read().decode(errors="replace")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * 1024, "output": text}


class Nightsafe:
    name = "nightsafe"

    def __init__(self, scratch, _):
        self.world = World(scratch).set_up().start_server()
        self.host = self.world.host("bench")
        self.reader = self.world.reader()

    @staticmethod
    def version(_):
        return subprocess.check_output(
            [program("nightsafe"), "--version"]).decode().strip()

    def backup(self, tree):
        return measured(self.host.command("backup", "--quiet", tree),
                        self.host.environment)

    def restore(self, target):
        return measured(
            self.reader.command("restore", "bench/files", "--target", target),
            self.reader.environment)

    def stored(self):
        return disk_bytes(self.world.data)

    def server_cpu(self):
        with open(f"/proc/{self.world.server.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def server_peak(self):
        with open(f"/proc/{self.world.server.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status
                        if line.startswith("VmHWM"))

    def close(self):
        self.world.__exit__(None, None, None)


class Restic:
    name = "restic"

    def __init__(self, scratch, arguments):
        self.program = arguments.restic
        self.directory = tempfile.mkdtemp(dir=scratch)
        self.environment = dict(
            os.environ, RESTIC_PASSWORD="x", RESTIC_REPOSITORY=os.path.join(
                self.directory, "repo"),
            RESTIC_CACHE_DIR=os.path.join(self.directory, "cache"))
        measured([self.program, "init"], self.environment)

    @staticmethod
    def version(arguments):
        return subprocess.check_output(
            [arguments.restic, "version"]).decode().strip()

    def backup(self, tree):
        return measured([self.program, "backup", "--quiet", tree],
                        self.environment)

    def restore(self, target):
        return measured([self.program, "restore", "latest", "--target",
                         target], self.environment)

    def stored(self):
        return disk_bytes(self.environment["RESTIC_REPOSITORY"])

    def close(self):
        shutil.rmtree(self.directory)


class Borg:
    name = "borg"

    def __init__(self, scratch, arguments):
        self.program = arguments.borg
        self.directory = tempfile.mkdtemp(dir=scratch)
        self.count = 0
        self.environment = dict(
            os.environ, BORG_PASSPHRASE="x", BORG_BASE_DIR=self.directory,
            BORG_REPO=os.path.join(self.directory, "repo"),
            BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
        measured([self.program, "init", "-e", "repokey-blake2"],
                 self.environment)

    @staticmethod
    def version(arguments):
        return subprocess.check_output(
            [arguments.borg, "--version"]).decode().strip()

    def backup(self, tree):
        self.count += 1
        return measured([self.program, "create", f"::n{self.count}", tree],
                        self.environment, allowed=(0, 1))

    def restore(self, target):
        os.makedirs(target)
        return measured([self.program, "extract", "--sparse",
                         f"::n{self.count}"], self.environment, cwd=target)

    def stored(self):
        return disk_bytes(self.environment["BORG_REPO"])

    def close(self):
        shutil.rmtree(self.directory)


def one_round(tool, trees, scratch, check):
    figures = {}

    def step(name, action):
        before = tool.stored()
        server = tool.server_cpu() if hasattr(tool, "server_cpu") else 0
        figures[name] = action()
        figures[name]["grown"] = tool.stored() - before
        if hasattr(tool, "server_cpu"):
            figures[name]["server_cpu"] = tool.server_cpu() - server

    source = os.path.join(trees, "source")
    moved = os.path.join(trees, "moved")
    os.rename(os.path.join(trees, "a"), source)
    step("first", lambda: tool.backup(source))
    step("unchanged", lambda: tool.backup(source))
    os.rename(source, moved)
    step("moved", lambda: tool.backup(moved))
    copied = os.path.join(trees, "copied")
    subprocess.check_call(["cp", "-r", moved, copied])
    step("copied", lambda: tool.backup(copied))
    shutil.rmtree(copied)
    os.rename(moved, os.path.join(trees, "a"))
    os.rename(os.path.join(trees, "b"), source)
    step("release", lambda: tool.backup(source))
    target = os.path.join(scratch, "restored")
    step("restore", lambda: tool.restore(target))
    if check:
        difference = same_tree(source, target + source)
        same = digest_of_tree(source) == digest_of_tree(target + source)
        print(f"{tool.name}: rsync -aHAXn --delete: "
              f"{len(difference.splitlines())} differences; digests "
              f"{'agree' if same else 'DIFFER'}")
        print(difference[:1000])
    shutil.rmtree(target)
    os.rename(source, os.path.join(trees, "b"))
    if hasattr(tool, "server_peak"):
        figures["server_peak"] = tool.server_peak()
    return figures


def report(results, plain):
    print(f"\nplain size of release a: {plain / 1e6:.0f} MB")
    print(f"{'step':10} {'tool':10} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} "
          f"{'grown MB':>9} {'server cpu':>10}   times nightsafe's wall")
    for step in STEPS:
        own = None
        for name, rounds in results.items():
            def median(key, name=name):
                return statistics.median(
                    r[step].get(key, 0) for r in results[name])
            wall = median("wall")
            own = wall if name == "nightsafe" else own
            ratio = f"{wall / own:6.2f}" if own else ""
            print(f"{step:10} {name:10} {wall:8.2f} {median('cpu'):8.2f} "
                  f"{median('memory') / 1e6:8.0f} {median('grown') / 1e6:9.2f} "
                  f"{median('server_cpu'):10.2f}   {ratio}")
    if "nightsafe" in results:
        peak = max(r["server_peak"] for r in results["nightsafe"])
        print(f"server's peak memory {peak / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--tools", default="nightsafe,restic,borg")
    parser.add_argument("--restic", default="restic")
    parser.add_argument("--borg", default="borg")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    kinds = {kind.name: kind for kind in (Nightsafe, Restic, Borg)}
    tools = [kinds[name] for name in arguments.tools.split(",")]
    for tool in tools:
        print(f"{tool.name}: {tool.version(arguments)}")
    plain = plain_bytes(os.path.join(arguments.corpus, "a"))
    # Beside the trees: renames must stay within one file system.
    scratch = tempfile.mkdtemp(prefix="compare-", dir=arguments.corpus)
    results = {tool.name: [] for tool in tools}
    try:
        for number in range(arguments.rounds):
            for kind in tools:
                tool = kind(scratch, arguments)
                results[kind.name].append(one_round(
                    tool, arguments.corpus, scratch, arguments.check))
                tool.close()
                print(f"round {number + 1}: {kind.name} done", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    report(results, plain)


if __name__ == "__main__":
    main()
