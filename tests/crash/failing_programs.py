#!/usr/bin/env python3
"""Every call that changes the disk fails once, in the programs that users run.

    tests/crash/failing_programs.py [--every N] [--only NAME] [--seed S]

The k-th call below the directory in question fails with EIO, then with ENOSPC,
for k = 1, 2, ... until a run is not hit any more: a first backup and a further
one (state directory), a restore (target), `enrol` (configuration directory),
`key create` and `setup` (admin directory). Then the error was reported in words
with a documented exit code, or the result is right; nothing half-written is
there to be taken as whole; and the same command without the fault works.

--every N tries each N-th k (default 12, for tests/run; the goal is 1), --only
NAME one of: first_backup, backup, restore, enrol, enrol_again, key_create, setup.
"""

import errno
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from world import Machine, World, argument, check, program, same_tree, \
    seed_from_arguments

ERRORS = (errno.EIO, errno.ENOSPC)
EXIT_CODES = range(9)


def words_of(error):
    return os.strerror(error)


class Sweep:
    """What all of them share: one program, one fault."""

    def __init__(self, world, rng):
        self.world = world
        self.rng = rng
        self.serial = 0

    def fresh(self, what):
        self.serial += 1
        return os.path.join(self.world.directory,
                            f"{type(self).__name__}-{what}{self.serial}")

    def run_failing(self, command, environment, under, k, error):
        """Exit code, output, and the call that was hit ("" for none)."""
        log = self.fresh("log")
        environment = dict(
            environment, LD_PRELOAD=program("nth_call.so"),
            FAIL_UNDER=under, FAIL_CALL=str(k), FAIL_ERRNO=str(error),
            FAIL_LOG=log)
        environment["ASAN_OPTIONS"] = environment.get(
            "ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        done = subprocess.run(command, env=environment, timeout=600,
                              stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        hit = ""
        if os.path.exists(log):
            with open(log) as lines:
                hit = lines.read().strip()
        output = done.stdout.decode(errors="replace")
        check(done.returncode in EXIT_CODES,
              f"ended with {done.returncode}: {output}")
        if done.returncode != 0:
            check(hit, f"fails without a fault: {output}")
            check(words_of(error) in output,
                  f"exit code {done.returncode} without the reason: {output}")
        return done.returncode, output, hit


class Backup(Sweep):
    first = False

    def __init__(self, world, rng):
        super().__init__(world, rng)
        self.host = world.host(type(self).__name__.lower())
        self.tree = self.fresh("tree")
        os.makedirs(self.tree)
        for i in range(20):
            self.change(i)
        self.set = "files"
        if not self.first:
            self.host.run("backup", self.tree)

    def change(self, i):
        with open(os.path.join(self.tree, f"f{i % 20}"), "wb") as out:
            out.write(self.rng.randbytes(2000))

    def attempt(self, k, error):
        if self.first:
            self.set = f"set{k}-{error}"
        self.change(k)
        command = self.host.command("backup", "--set", self.set, self.tree)
        code, output, hit = self.run_failing(
            command, self.host.environment, self.host.state(), k, error)
        if code == 0:
            self.check_last()
        self.change(k + 7)
        self.host.run("backup", "--set", self.set, self.tree)
        self.check_last()
        flags = [s for s in self.world.snapshots() if s["flags"]]
        check(not flags, f"the chain is broken: {flags} after {output}")
        return hit

    def check_last(self):
        target = self.fresh("target")
        READER.run("restore", f"{self.host.name}/{self.set}", "--target",
                   target)
        difference = same_tree(self.tree, target + self.tree)
        check(not difference, "the snapshot is not the source: " + difference)
        shutil.rmtree(target)


class FirstBackup(Backup):
    first = True


class Restore(Sweep):
    def __init__(self, world, rng):
        super().__init__(world, rng)
        self.host = world.host("restored")
        self.tree = self.fresh("tree")
        os.makedirs(self.tree + "/folder/deep")
        for i, size in enumerate((0, 10, 4096, 300_000, 1_500_000)):
            with open(f"{self.tree}/folder/f{i}", "wb") as out:
                out.write(rng.randbytes(size))
        os.link(self.tree + "/folder/f1", self.tree + "/hard")
        os.symlink("nowhere", self.tree + "/link")
        os.mkfifo(self.tree + "/fifo")
        if os.geteuid() == 0:
            os.mknod(self.tree + "/null", 0o020666, os.makedev(1, 3))
        try:
            os.setxattr(self.tree + "/folder/f2", "user.note", b"kept")
        except OSError:
            pass  # a file system without
        self.host.run("backup", self.tree)

    def attempt(self, k, error):
        target = self.fresh("target")
        command = READER.command("restore", "restored/files", "--target",
                                 target)
        code, output, hit = self.run_failing(command, READER.environment,
                                             target, k, error)
        restored = target + self.tree
        difference = same_tree(self.tree, restored) \
            if os.path.isdir(restored) else "cd+++++++++ ./"
        if code == 0:
            check(not difference, f"{hit}: said nothing of {difference}")
        elif code == 3:
            for line in difference.splitlines():
                # The times of what holds a thing that is missing.
                name = line.split(" ", 1)[1].split(" -> ")[0].split(" => ")[0]
                path = os.path.normpath(os.path.join(self.tree, name))
                other = {"hard": "folder/f1", "folder/f1": "hard"}.get(name)
                check(path in output or line.startswith(".d..t") or
                      (other and os.path.join(self.tree, other) in output),
                      f"{hit}: {line} was not reported: {output}")
        else:
            check("half-way" in output or "target" in output, output)
        self.check_no_part(restored, hit)
        shutil.rmtree(target, ignore_errors=True)
        READER.run("restore", "restored/files", "--target", target)
        difference = same_tree(self.tree, restored)
        check(not difference, f"restored anew after {hit}: {difference}")
        shutil.rmtree(target)
        return hit

    def check_no_part(self, restored, hit):
        for folder, _, files in os.walk(restored):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                original = self.tree + path[len(restored):]
                with open(path, "rb") as a, open(original, "rb") as b:
                    check(a.read() == b.read(),
                          f"{hit}: part of a file is left: {path}")


class Enrol(Sweep):
    def attempt(self, k, error):
        name = f"machine{self.serial + 1}"
        machine = Machine(self.world, name)
        enrolment = self.fresh("enrolment")
        self.world.admin("host", "add", name, "--output", enrolment)
        code, _, hit = self.run_failing(
            machine.command("enrol", enrolment), machine.environment,
            machine.path(), k, error)
        if code != 0:
            said = machine.run("enrol", enrolment, expect=(0, 1))
            check("next:" in said or "enrolled already" in said, said)
        tree = self.fresh("tree")
        os.makedirs(tree)
        machine.run("backup", tree)
        return hit


class EnrolAgain(Sweep):
    """`enrol --replace` of a host that has a credential."""

    def attempt(self, k, error):
        machine = self.world.host(f"old{self.serial + 1}")
        tree = self.fresh("tree")
        os.makedirs(tree)
        enrolment = self.fresh("enrolment")
        self.world.admin("host", "add", os.path.basename(enrolment).lower(),
                         "--output", enrolment)
        code, _, hit = self.run_failing(
            machine.command("enrol", "--replace", enrolment),
            machine.environment, machine.path(), k, error)
        if code != 0:
            machine.run("enrol", "--replace", enrolment)
        machine.run("backup", tree)
        check("next-key.pem" not in os.listdir(machine.path("host")) or
              hit.startswith("unlink"), f"{hit}: a key is left")
        return hit


def whole_key(machine, path):
    machine.run("key", "show", path)


class KeyCreate(Sweep):
    def attempt(self, k, error):
        directory = self.fresh("keys")
        os.makedirs(directory)
        path = os.path.join(directory, "recovery.key")
        command = READER.command("key", "create", path)
        code, output, hit = self.run_failing(command, READER.environment,
                                             directory, k, error)
        if code == 0 or os.path.exists(path):
            whole_key(READER, path)
            check(code == 0 or READER.run("key", "create", path, expect=1),
                  output)
        else:
            READER.run("key", "create", path)
            whole_key(READER, path)
        check(os.listdir(directory) == ["recovery.key"],
              f"{hit}: left {os.listdir(directory)}")
        return hit


class Setup(Sweep):
    def attempt(self, k, error):
        other = World(self.world.directory)
        try:
            environment = dict(other.environment)
            command = [
                program("nightsafe-admin"), "setup", other.data,
                "--nightsafed", program("nightsafed"),
                "--address", f"127.0.0.1:{other.port}",
                "--enrol-address", f"127.0.0.1:{other.enrol_port}",
                "--listen", f"127.0.0.1:{other.port}",
                "--enrol-listen", f"127.0.0.1:{other.enrol_port}",
                "--metrics-listen", f"127.0.0.1:{other.metrics_port}"]
            code, output, hit = self.run_failing(
                command, environment, other.admin_directory, k, error)
            made = os.listdir(other.admin_directory) \
                if os.path.isdir(other.admin_directory) else []
            for name in made:
                if name.endswith(".key"):
                    whole_key(READER, os.path.join(other.admin_directory, name))
            if code != 0:
                for name in made:
                    check(name in output or other.admin_directory in output,
                          f"{hit}: does not say what it left: {output}")
                shutil.rmtree(other.admin_directory, ignore_errors=True)
                shutil.rmtree(other.data, ignore_errors=True)
                other.set_up()
            other.start_server()
            other.host("web1")
            other.stop_server()
        finally:
            other.__exit__(None, None, None)
        return hit


SWEEPS = {"first_backup": FirstBackup, "backup": Backup, "restore": Restore,
          "enrol": Enrol, "enrol_again": EnrolAgain, "key_create": KeyCreate, "setup": Setup}
READER = None


def sweep(name, world, rng, every, seed):
    """How many calls were made to fail."""
    attempts = SWEEPS[name](world, rng)
    calls = 0
    for error in ERRORS:
        k = 1 + rng.randrange(every)
        while True:
            try:
                hit = attempts.attempt(k, error)
            except Exception:
                print(f"call {k} of {name}, {words_of(error)}\nreplay: "
                      f"tests/crash/failing_programs.py --only {name} "
                      f"--every {every} --seed {seed}", flush=True)
                raise
            if not hit:
                break
            calls += 1
            k += every
    print(f"{name}: {calls} failing calls", flush=True)
    return calls


def main():
    global READER
    every = argument("--every", 12)
    seed = seed_from_arguments()
    only = sys.argv[sys.argv.index("--only") + 1] \
        if "--only" in sys.argv else ""
    total = 0
    with World() as world:
        world.set_up().start_server()
        READER = world.reader()
        for name in SWEEPS:
            if only in ("", name):
                total += sweep(name, world, random.Random(seed), every, seed)
    check(total > 0, "no call failed")
    print(f"{total} calls failed once each: reported in words, or the result "
          f"was right\n0 failures in {total}: at most "
          f"{300 / total:.2g} % at 95 %")
    print(f"{total} passed, 0 failed")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
    else:
        main()
