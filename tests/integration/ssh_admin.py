#!/usr/bin/env python3
"""nightsafe-admin through --server ssh://, with a real sshd on loopback."""

import getpass
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, says, wait_for
from world import Machine, World, check, free_port, program, \
    seed_from_arguments


def write(path, text, mode=0o600):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


class Sshd:
    """A daemon with keys of its own, and an `ssh` that knows them.

    `environment` has that ssh first in its PATH: it reads the configuration
    of the test, not the user's.
    """

    def __init__(self, world):
        self.directory = os.path.join(world.directory, "ssh")
        os.makedirs(os.path.join(self.directory, "bin"))
        self.port = free_port()
        for name in ("host", "user", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                            "-f", self.at(name)], check=True)
        shutil.copy(self.at("user.pub"), self.at("authorized"))
        write(self.at("sshd_config"),
              f"Port {self.port}\nListenAddress 127.0.0.1\n"
              f"HostKey {self.at('host')}\nPidFile none\nUsePAM no\n"
              f"AuthorizedKeysFile {self.at('authorized')}\nStrictModes no\n"
              "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
              "PermitRootLogin prohibit-password\n")
        with open(self.at("host.pub")) as key:
            write(self.at("known"), f"[127.0.0.1]:{self.port} {key.read()}")
        self.use_key("user")
        write(self.at("bin/ssh"), "#!/bin/sh\n"
              f"exec {shutil.which('ssh')} -F {self.at('config')} \"$@\"\n",
              0o755)
        self.environment = dict(
            world.environment,
            PATH=self.at("bin") + ":" + world.environment["PATH"])
        os.makedirs("/run/sshd", exist_ok=True)
        with open(self.at("log"), "w") as log:
            # sshd starts itself again for each connection: its path is whole.
            self.process = subprocess.Popen(
                ["/usr/sbin/sshd", "-D", "-e", "-f", self.at("sshd_config")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: "listening" in open(self.at("log")).read(), "sshd")

    def at(self, name):
        return os.path.join(self.directory, name)

    def use_key(self, name):
        write(self.at("config"),
              f"IdentityFile {self.at(name)}\nIdentitiesOnly yes\n"
              f"UserKnownHostsFile {self.at('known')}\nBatchMode yes\n"
              "StrictHostKeyChecking yes\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def main():
    with World() as world:
        sample = Sample(world, random.Random(seed_from_arguments()))
        with Sshd(world) as sshd:
            url = (f"ssh://{getpass.getuser()}@127.0.0.1:{sshd.port}"
                   + world.admin_socket)

            def admin(*arguments, expect=0):
                return world.run([program("nightsafe-admin"), "--server", url,
                                  *arguments],
                                 expect=expect, environment=sshd.environment)

            says(admin("host", "list"), "web1")
            says(admin("snapshot", "list"), sample.first)
            machine = Machine(world, "far1")
            path = os.path.join(machine.directory, "enrolment")
            admin("host", "add", "far1", "--output", path)
            machine.run("enrol", path)
            machine.run("backup", sample.tree)
            admin("host", "revoke", "far1")
            says(machine.run("backup", sample.tree, expect=5), "revoked")
            says(admin("scrub"), "0 not as they should be")

            # Neither this key nor that socket: told, and nothing left behind.
            wrong = url.replace("admin.sock", "other.sock")
            says(world.run([program("nightsafe-admin"), "--server", wrong,
                            "host", "list"], expect=6,
                           environment=sshd.environment), "admin.sock",
                 "nightsafed")
            sshd.use_key("stranger")
            says(admin("host", "list", expect=6), "127.0.0.1", "ssh")
            left = [n for n in os.listdir("/tmp")
                    if n.startswith("nightsafe-admin.")
                    and os.path.exists(f"/tmp/{n}/admin.sock")]
            check(left == [], f"left in /tmp: {left}")
        sample.intact()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
