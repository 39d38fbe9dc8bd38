"""Backup tools under the same names: a repository, and the client that uses it."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import tempfile

from kills import poll
from world import World, check, free_port, program

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
         "stderr": subprocess.STDOUT}


def first_line(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True) \
        .stdout.decode().splitlines()[0]


def must(done):
    if done.returncode != 0:
        raise SystemExit(f"{done.args} ended with {done.returncode}:\n"
                         + done.stdout.decode(errors="replace"))


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Tool:
    """A repository on `disk`, and the client that uses it."""

    def __init__(self, scratch, disk):
        self.scratch = tempfile.mkdtemp(prefix=self.name + "-", dir=scratch)
        self.repository = os.path.join(disk, self.name)
        self.number = 0
        self.environment = dict(os.environ)
        self.prepare()

    def start(self):
        """Whether its server runs."""
        return True

    def stop(self):
        pass

    def kill_server(self):
        pass

    def run(self, *command, **changes):
        return subprocess.run(command, env=dict(self.environment, **changes),
                              timeout=1200, check=False, **QUIET)

    def begin_backup(self, tree):
        self.number += 1
        return subprocess.Popen(self.backup_command(tree),
                                env=self.environment, start_new_session=True,
                                **QUIET)

    def end_backup(self, process):
        """The snapshot's id if it was acknowledged."""
        output = process.communicate()[0].decode(errors="replace")
        self.last_output = output
        if process.returncode != 0:
            return None
        return self.snapshot_of(output)

    def close(self):
        self.stop()


class Nightsafe(Tool):
    name = "nightsafe"
    has_server = True
    repairs = (("rebuild",),)

    @staticmethod
    def version():
        return first_line(program("nightsafe"), "--version")

    def prepare(self):
        self.world = World(self.scratch, data=self.repository)
        self.world.set_up()
        self.world.configure(reserve_bytes=0, reserve_share=0)
        self.world.start_server()
        self.host = self.world.host("web1")
        self.reader = self.world.reader(quick=True)
        self.environment = self.host.environment

    def start(self):
        if self.world.server is None:
            self.world.start_server(wait=False)
            poll(lambda: self.world.server.poll() is not None
                 or "ready\n" in self.world.log_text())
        if self.world.server.poll() is None:
            return True
        self.world.server = None
        return False

    def stop(self):
        if self.world.server is not None:
            self.world.server.terminate()
            self.world.server.wait()
            self.world.server = None

    def kill_server(self):
        self.world.kill_server()

    def backup_command(self, tree):
        return self.host.command("backup", tree)

    def snapshot_of(self, output):
        return next(l for l in output.splitlines()
                    if l.startswith("snapshot ")).split()[1]

    def listed(self):
        done = subprocess.run(
            [program("nightsafe-admin"), "snapshot", "list", "--json"],
            env=self.world.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return None
        return {s["snapshot"][:12] for s in json.loads(done.stdout)}

    def restore(self, snapshot, target):
        return self.run(*self.reader.command(
            "restore", f"web1/files@{snapshot}", "--target", target),
            **self.reader.environment).returncode

    def repair(self, command):
        self.stop()
        self.run(program("nightsafed"), *command, self.repository)
        self.start()

    def plain_check(self):
        return self.run(program("nightsafe-admin"), "scrub",
                        **self.world.environment).returncode == 0

    def check_without_key(self):
        if not self.start() or "lost" in self.world.log_text():
            return False
        return self.run(program("nightsafe-admin"), "scrub",
                        **self.world.environment).returncode == 0

    def check_with_key(self):
        if not self.start():
            return False
        return all(self.run(*self.reader.command(
            "verify", f"web1/files@{s}"), **self.reader.environment)
            .returncode == 0 for s in self.listed() or [])

    def close(self):
        self.world.__exit__(None, None, None)


class Restic(Tool):
    name = "restic"
    has_server = True
    repairs = (("unlock",), ("rebuild-index",))

    @staticmethod
    def version():
        return (first_line("restic", "version") + ", "
                + first_line("rclone", "version"))

    def prepare(self):
        self.port = free_port()
        self.server = None
        self.environment.update(
            RESTIC_PASSWORD="x", RESTIC_CACHE_DIR=self.scratch + "/cache",
            RESTIC_REPOSITORY=self.address())
        os.makedirs(self.repository)
        self.start()
        must(self.run("restic", "init"))

    def address(self):
        return f"rest:http://127.0.0.1:{self.port}/"

    def start(self):
        if self.server is None:
            self.server = subprocess.Popen(
                ["rclone", "serve", "restic", "--append-only", "--addr",
                 f"127.0.0.1:{self.port}", self.repository],
                env=dict(os.environ, RCLONE_CONFIG=self.scratch + "/rclone"),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            poll(lambda: listens(self.port) or self.server.poll() is not None)
        return self.server.poll() is None

    def kill_server(self):
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def stop(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait()
            self.server = None

    def backup_command(self, tree):
        return ["restic", "backup", "--json", tree]

    def snapshot_of(self, output):
        summary = next(l for l in output.splitlines()
                       if '"message_type":"summary"' in l)
        return json.loads(summary)["snapshot_id"][:8]

    def listed(self):
        done = self.run("restic", "snapshots", "--json", "--no-lock",
                        "--quiet")
        lines = [l for l in done.stdout.decode(errors="replace").splitlines()
                 if l.startswith(("[", "null"))]
        if done.returncode != 0 or not lines:
            return None
        return {s["id"][:8] for s in json.loads(lines[-1]) or []}

    def restore(self, snapshot, target):
        return self.run("restic", "restore", "--no-lock", snapshot, "--target",
                        target).returncode

    def repair(self, command):
        # A person at the server is not bound by --append-only.
        self.run("restic", *command, RESTIC_REPOSITORY=self.repository)

    def plain_check(self):
        return self.run("restic", "check").returncode == 0

    def check_without_key(self):
        """Not by restic: compares the names that are SHA-256 sums."""
        for folder, _, names in os.walk(self.repository):
            for name in names:
                if len(name) != 64:
                    continue
                with open(os.path.join(folder, name), "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() != name:
                        return False
        return True

    def check_with_key(self):
        self.start()
        return self.run("restic", "check", "--read-data",
                        "--no-lock").returncode == 0


class ResticLocal(Restic):
    name = "restic-local"
    has_server = False

    @staticmethod
    def version():
        return first_line("restic", "version")

    def address(self):
        return self.repository

    def start(self):
        return True


class Borg(Tool):
    name = "borg"
    has_server = True
    repairs = (("break-lock",), ("check", "--repair"))

    @staticmethod
    def version():
        return first_line("borg", "--version")

    def prepare(self):
        self.pids = os.path.join(self.scratch, "serve.pid")
        wrapper = os.path.join(self.scratch, "rsh")
        with open(wrapper, "w") as script:
            script.write(f"#!/bin/sh\necho $$ > {self.pids}\n"
                         "exec borg serve --append-only --restrict-to-path "
                         f"{os.path.dirname(self.repository)}\n")
        os.chmod(wrapper, 0o700)
        self.environment.update(
            BORG_PASSPHRASE="x", BORG_BASE_DIR=self.scratch,
            BORG_RSH=wrapper, BORG_REPO=f"ssh://server{self.repository}",
            BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
            BORG_CHECK_I_KNOW_WHAT_I_AM_DOING="YES")
        must(self.run("borg", "init", "-e", "repokey-blake2"))

    def kill_server(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError,
                                 ValueError):
            with open(self.pids) as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/cmdline") as file:
                if "serve" in file.read():
                    os.kill(pid, signal.SIGKILL)
                    poll(lambda: not alive(pid))

    def backup_command(self, tree):
        return ["borg", "create", f"::n{self.number}", tree]

    def snapshot_of(self, _):
        return f"n{self.number}"

    def listed(self):
        done = self.run("borg", "list", "--short")
        if done.returncode not in (0, 1):
            return None
        return set(done.stdout.decode(errors="replace").split())

    def restore(self, snapshot, target):
        os.makedirs(target)
        return subprocess.run(["borg", "extract", f"::{snapshot}"], cwd=target,
                              env=self.environment, check=False,
                              **QUIET).returncode

    def repair(self, command):
        self.run("borg", *command, BORG_REPO=self.repository)

    def plain_check(self):
        return self.run("borg", "check").returncode == 0

    def check_without_key(self):
        environment = {k: v for k, v in self.environment.items()
                       if k != "BORG_PASSPHRASE"}
        environment.update(BORG_REPO=self.repository,
                           BORG_BASE_DIR=self.scratch + "/nokey")
        return subprocess.run(["borg", "check", "--repository-only"],
                              env=environment, check=False,
                              **QUIET).returncode == 0

    def check_with_key(self):
        return self.run("borg", "check", "--verify-data").returncode == 0
