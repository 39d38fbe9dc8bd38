#!/usr/bin/env python3
"""The attacks of retention_attacks on restic, for comparison.

usage: restic_attacks.py [--keep DIR]

A repository behind `rclone serve restic --append-only`: a host with its
password can add snapshots and remove none. Every host makes seven honest nights,
then attacks on the evening of the seventh day; the admin runs
`restic forget --keep-last 7 --keep-daily 7` on the server. Prints how many of
the seven good snapshots are left. Needs the Debian packages restic and rclone.
Exit code 0: it was carried out; 77: a program is not there.
"""
import argparse
import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

DAYS = 7
FLOOD = 12
START = datetime.datetime(2026, 3, 2)


def at(day, hour, minute=0, second=0):
    return START + datetime.timedelta(days=day, hours=hour, minutes=minute,
                                      seconds=second)


def evening(i):
    return at(DAYS - 1, 23, 50, i)


# Name, what, and the snapshots of the attack: time and content.
ATTACKS = [
    ("none", "stays honest", []),
    ("flood", "flood at the end of a day",
     [(evening(i), "same") for i in range(FLOOD)]),
    ("flood-empty", "flood of empty snapshots",
     [(evening(i), "empty") for i in range(FLOOD)]),
    ("future", "snapshots of the seven days to come",
     [(at(DAYS + i, 12), "random") for i in range(DAYS)]),
    ("past", "snapshots at the end of each past day",
     [(at(i, 23, 59), "random") for i in range(DAYS)] +
     [(evening(i), "random") for i in range(DAYS)]),
    ("far-future", "snapshots of seven days of the year 2099",
     [(at(26000 + i, 12), "random") for i in range(DAYS)]),
    ("tiny", "one snapshot of one small file", [(evening(0), "tiny")]),
    ("encrypt", "everything encrypted, once", [(evening(0), "random")]),
]


class Repository:
    def __init__(self, root):
        self.root = root
        self.path = os.path.join(root, "repository")
        self.source = os.path.join(root, "source")
        os.makedirs(self.source)
        os.makedirs(self.path)
        self.environment = dict(os.environ, RESTIC_PASSWORD="test",
                                RESTIC_PROGRESS_FPS="0",
                                RESTIC_CACHE_DIR=os.path.join(root, "cache"))
        self.restic(self.path, "init")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"rest:http://127.0.0.1:{port}/"
        self.server = subprocess.Popen(
            ["rclone", "serve", "restic", "--append-only", "--addr",
             f"127.0.0.1:{port}", self.path],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("rclone does not answer")

    def restic(self, repository, *words):
        return subprocess.run(["restic", "-r", repository, *words],
                              env=self.environment, check=True,
                              capture_output=True, text=True).stdout

    def fill(self, content):
        for name in os.listdir(self.source):
            os.unlink(os.path.join(self.source, name))
        if content == "empty":
            return
        size = 100 if content == "tiny" else 300_000
        data = b"x" * size if content == "same" else os.urandom(size)
        with open(os.path.join(self.source, "file"), "wb") as file:
            file.write(data)

    def backup(self, host, when, content):
        self.fill(content)
        self.restic(self.url, "backup", "--host", host, "--time",
                    when.strftime("%Y-%m-%d %H:%M:%S"), self.source)

    def snapshots(self, host):
        listed = json.loads(self.restic(self.path, "snapshots", "--json",
                                        "--host", host) or "[]")
        return {one["id"] for one in listed or []}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", help="work there, and leave it")
    options = parser.parse_args()
    for program in ("restic", "rclone"):
        if shutil.which(program) is None:
            print(f"{program} is not installed")
            return 77
    root = options.keep or tempfile.mkdtemp(prefix="restic-attacks-")
    repository = Repository(root)
    try:
        good = {}
        for name, _, attack in ATTACKS:
            for day in range(DAYS):
                repository.backup(name, at(day, 2), "same")
            good[name] = repository.snapshots(name)
            for when, content in attack:
                repository.backup(name, when, content)
            print(f"{name}: {len(attack)} snapshots added", file=sys.stderr)
        # What a host may not do.
        refused = subprocess.run(
            ["restic", "-r", repository.url, "forget", "--host", "none",
             "--keep-last", "1"], env=repository.environment, check=False,
            capture_output=True).returncode != 0
        repository.restic(repository.path, "forget", "--keep-last", "7",
                          "--keep-daily", "7")
        print(f"{'ATTACK':14} {'WHAT':46} {'GOOD':>5} {'LEFT':>5} {'LOST':>5}")
        for name, what, _ in ATTACKS:
            left = len(good[name] & repository.snapshots(name))
            print(f"{name:14} {what:46} {DAYS:5} {left:5} {DAYS - left:5}")
        print("a host's own forget is refused: " + ("yes" if refused else "NO"))
    finally:
        repository.server.terminate()
        repository.server.wait()
        if not options.keep:
            shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
