#!/usr/bin/env python3
"""With the data directory and the recovery key alone; and without index/.

    tests/integration/rescue.py [--files N] [--seed S]
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import says
from world import Machine, World, argument, check, digest_of_tree, make_tree, \
    program, seed_from_arguments


class Rescue:
    """`nightsafed rescue` while the block lasts."""

    def __init__(self, world, data):
        self.socket = os.path.join(world.directory, "rescue.sock")
        self.process = subprocess.Popen(
            [program("nightsafed"), "rescue", data, "--socket", self.socket],
            env=world.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        self.output = ""
        for line in self.process.stdout:
            self.output += line
            if line == "ready\n":
                return self
        raise AssertionError("rescue ended: " + self.output)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.output += self.process.communicate(timeout=60)[0]
        check(self.process.returncode == 0, "rescue failed: " + self.output)


def everything_in(directory):
    """Digest of names and contents, and times and sizes of every file."""
    stats = []
    for folder, _, names in os.walk(directory):
        for name in names + ["."]:
            status = os.lstat(os.path.join(folder, name))
            stats.append((folder, name, status.st_mtime_ns, status.st_ctime_ns,
                          status.st_size, status.st_ino))
    return digest_of_tree(directory), sorted(stats)


def listings(machine, *arguments):
    return [machine.run(*command, *arguments, results_only=True)
            for command in (["snapshots", "--json"],
                            ["ls", "-l", "web1/files"])]


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        root = os.path.join(world.directory, "tree")
        make_tree(root, rng, files=argument("--files", 200))
        empty = os.path.join(root, "empty")
        os.makedirs(empty)
        for i in range(argument("--files", 200) * 20):
            open(os.path.join(empty, f"{i:06}"), "wb").close()
        first = host.run("backup", root).split()[1]
        first_digest = digest_of_tree(root)
        make_tree(os.path.join(root, "more"), rng, files=20)
        host.run("backup", root)
        digest = digest_of_tree(root)
        host.run("backup", "--stdin", "--set", "dump", stdin=b"select 1;\n")
        seen = listings(reader)
        world.stop_server()

        shutil.rmtree(os.path.join(world.data, "index"))
        output = world.run([program("nightsafed"), "rebuild", world.data])
        count, seconds = re.search(r"indexed (\d+) objects in (\S+) s",
                                   output).groups()
        print(f"rebuild: {count} objects in {seconds} s, "
              f"{float(seconds) / int(count) * 1e6:.1f} s for 10^6 objects")
        world.start_server()
        check(listings(reader) == seen, "listings differ after the rebuild")
        check(reader.restored_digest("web1/files", root) == digest,
              "a restore differs after the rebuild")
        vault_id = [line.split()[-1] for line in
                    world.admin("vault", "list").splitlines()
                    if line.startswith("main")][0]
        world.stop_server()

        # Everything else is lost: a machine with two things.
        alone = os.path.join(world.directory, "alone")
        shutil.copytree(world.data, alone, symlinks=True)
        shutil.rmtree(os.path.join(alone, "index"))
        shutil.rmtree(os.path.join(alone, "pki"), ignore_errors=True)
        before = everything_in(alone)
        person = Machine(world, "person")
        with Rescue(world, alone) as rescue:
            how = ["--server", "unix:" + rescue.socket, "--key",
                   world.recovery_key]
            listed = person.run("snapshots", *how)
            says(listed, vault_id, "web1/files", "web1/dump", first)
            identified = how + ["--vault-id", vault_id]
            check(vault_id not in person.run("snapshots", *identified),
                  "asks to compare an id that was given")
            check(listings(person, *identified) == seen, "listings differ")
            for name, expected in ((f"web1/files@{first}", first_digest),
                                   ("web1/files", digest)):
                check(person.restored_digest(name, root, *identified)
                      == expected, f"{name} restores to something else")
            person.run("verify", "web1/files", *identified)
            says(person.run("snapshots", *how, "--vault-id", "00" * 32,
                            expect=5), "vault")
        check(everything_in(alone) == before,
              "rescue wrote into the data directory")
        check(not os.path.exists(rescue.socket), "the socket stays")

        # A disk that can only be read, as a rescuer would mount it.
        subprocess.run(["chmod", "-R", "a-w", alone], check=True)
        with Rescue(world, alone) as rescue:
            person.run("verify", "web1/files", "--server",
                       "unix:" + rescue.socket, "--key", world.recovery_key,
                       "--vault-id", vault_id)
        subprocess.run(["chmod", "-R", "u+w", alone], check=True)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
