"""Runs the cases of a script test and says what became of each.

A case is a function whose name says what is tried. --only NAME runs those whose
names contain NAME, --list names them.
"""

import os
import shutil
import sys
import time
import traceback

from world import Machine, check, digest_of_tree, make_tree


def says(output, *needles):
    """The output names each thing, and the next step, in these words."""
    for needle in needles:
        check(needle.lower() in output.lower(),
              f"the message does not say \"{needle}\":\n{output}")
    check("terminate called" not in output and "Check failed" not in output,
          "the program crashed:\n" + output)


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"waited {seconds} s for {what}")
        time.sleep(0.01)


def flip_bit(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


def run_cases(cases, sample):
    """Calls each with `sample`; exits with 1 if one fails."""
    names = [case.__name__ for case in cases]
    if "--list" in sys.argv:
        print("\n".join(names))
        return
    only = (sys.argv[sys.argv.index("--only") + 1]
            if "--only" in sys.argv else "")
    failed = passed = 0
    for case in cases:
        if only not in case.__name__:
            continue
        begin = time.monotonic()
        try:
            case(sample)
            passed += 1
            verdict = "ok    "
        except Exception:  # pylint: disable=broad-except
            failed += 1
            verdict = "FAILED"
            traceback.print_exc(file=sys.stdout)
            sample.world.kill_server()
            sample.world.start_server()
        print(f"{verdict} {case.__name__.replace('_', ' ')} "
              f"({time.monotonic() - begin:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    if failed or not passed:
        sys.exit(1)


class Sample:
    """A world with a host, a reader and a snapshot to be kept intact."""

    def __init__(self, world, rng, name="web1"):
        self.world = world
        self.rng = rng
        world.set_up().start_server()
        self.host = world.host(name)
        self.reader = world.reader()
        self.tree = os.path.join(world.directory, "tree")
        make_tree(self.tree, rng, files=80)
        self.host.run("backup", self.tree)
        self.digest = digest_of_tree(self.tree)
        self.first = world.snapshots()[0]["snapshot"][:12]
        self.serial = 0

    def intact(self):
        """The first snapshot is listed and restores to what it was."""
        listed = [s["snapshot"][:12] for s in self.world.snapshots()]
        check(self.first in listed, f"{self.first} is no longer listed")
        name = f"{self.host.name}/files@{self.first}"
        check(self.reader.restored_digest(name, self.tree) == self.digest,
              "the first snapshot restores to something else")

    def fresh(self, what):
        """A path in the scratch directory that does not exist."""
        self.serial += 1
        return os.path.join(self.world.directory, f"{what}-{self.serial}")

    def machine(self):
        """A machine that knows nothing yet."""
        return Machine(self.world, os.path.basename(self.fresh("machine")))

    def new_tree(self, **size):
        root = self.fresh("tree")
        make_tree(root, self.rng, **size)
        return root

    def server_copy(self):
        """The data directory, copied while the server is stopped."""
        copy = self.fresh("server")
        shutil.copytree(self.world.data, copy, symlinks=True)
        return copy

    def put_back(self, copy):
        shutil.rmtree(self.world.data)
        os.rename(copy, self.world.data)
