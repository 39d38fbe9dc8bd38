"""A real server with real hosts and readers in a scratch directory.

Used by the script tests. Programs come from $NIGHTSAFE_BIN (a build
directory); everything is removed at the end unless $NIGHTSAFE_KEEP is set.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PASSPHRASE = "correct horse battery staple"


def repository():
    return os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))


def program(name):
    build = os.environ.get(
        "NIGHTSAFE_BIN", os.path.join(repository(), "build", "release"))
    folder = {"nightsafed": "server",
              "nightsafe-sweep": "server/sweep",
              "plain_read_key": "tests/support",
              "no_sync.so": "tests/support",
              "failing_calls.so": "tests/support",
              "nth_call.so": "tests/support"}.get(name, "client")
    return os.path.join(build, folder, name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def seed_from_arguments():
    """A seed from --seed N or a fresh one; printed, so that a run replays."""
    if "--seed" in sys.argv:
        seed = int(sys.argv[sys.argv.index("--seed") + 1])
    else:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    return seed


def argument(name, otherwise):
    """The number behind `name` on the command line."""
    if name in sys.argv:
        return int(sys.argv[sys.argv.index(name) + 1])
    return otherwise


def armed(environment, kill_point):
    """`environment`, in which a program dies at NAME:N (kills.py)."""
    if kill_point is None:
        return environment
    return dict(environment, NIGHTSAFE_KILL_POINT=kill_point)


class Failure(AssertionError):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


class Machine:
    """A host or a reader: its own credential and state."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.directory = os.path.join(world.directory, "machines", name)
        os.makedirs(self.directory, exist_ok=True)
        self.environment = dict(
            world.environment,
            NIGHTSAFE_CONFIG_DIR=os.path.join(self.directory, "config"),
            NIGHTSAFE_STATE_DIR=os.path.join(self.directory, "state"))

    def command(self, *arguments):
        return [program("nightsafe"), *arguments]

    def run(self, *arguments, expect=0, stdin=None, results_only=False):
        return self.world.run(self.command(*arguments), expect=expect,
                              environment=self.environment, stdin=stdin,
                              results_only=results_only)

    def start(self, *arguments, stdin=subprocess.DEVNULL, kill_point=None):
        return subprocess.Popen(
            self.command(*arguments),
            env=armed(self.environment, kill_point),
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def path(self, *parts):
        """A path in its configuration directory."""
        return os.path.join(self.environment["NIGHTSAFE_CONFIG_DIR"], *parts)

    def state(self, *parts):
        return os.path.join(self.environment["NIGHTSAFE_STATE_DIR"], *parts)

    def restored_digest(self, name, root, *arguments):
        """Of `root` in the snapshot `name`, which must restore whole."""
        target = tempfile.mkdtemp(prefix="restored-", dir=self.directory)
        self.run("restore", *arguments, name, "--target", target)
        digest = digest_of_tree(target + root)
        shutil.rmtree(target)
        return digest


class World:
    def __init__(self, directory=None, data=None):
        self.directory = tempfile.mkdtemp(prefix="nightsafe-", dir=directory)
        self.data = data or os.path.join(self.directory, "server")
        self.admin_directory = os.path.join(self.directory, "admin")
        self.admin_socket = os.path.join(self.data, "admin", "admin.sock")
        self.port = free_port()
        self.enrol_port = free_port()
        self.metrics_port = free_port()
        self.server = None
        self.log = os.path.join(self.directory, "nightsafed.log")
        self.environment = dict(
            os.environ,
            NIGHTSAFE_PASSPHRASE=PASSPHRASE,
            NIGHTSAFE_ADMIN_DIR=self.admin_directory,
            NIGHTSAFE_ADMIN_SERVER="unix:" + self.admin_socket)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.kill_server()
        if kind is not None and os.path.exists(self.log):
            with open(self.log, errors="replace") as log:
                print("--- nightsafed.log\n" + log.read()[-5000:])
        if os.environ.get("NIGHTSAFE_KEEP"):
            print("kept " + self.directory)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, command, expect=0, environment=None, stdin=None,
            results_only=False):
        """Output of a command that must end with `expect`.

        Of both streams, or of standard output, where results are.
        """
        done = subprocess.run(
            command, env=environment or self.environment,
            input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if results_only else subprocess.STDOUT,
            timeout=3600, check=False)
        output = done.stdout.decode(errors="replace")
        allowed = expect if isinstance(expect, (tuple, list)) else (expect,)
        check(done.returncode in allowed,
              f"{' '.join(command)}\nended with {done.returncode}, "
              f"expected {expect}:\n{output}"
              + (done.stderr or b"").decode(errors="replace"))
        return output

    def admin(self, *arguments, expect=0, results_only=False):
        return self.run([program("nightsafe-admin"), *arguments],
                        expect=expect, results_only=results_only)

    def set_up(self):
        self.run([program("nightsafe-admin"), "setup", self.data,
                  "--nightsafed", program("nightsafed"),
                  "--address", f"127.0.0.1:{self.port}",
                  "--enrol-address", f"127.0.0.1:{self.enrol_port}",
                  "--listen", f"127.0.0.1:{self.port}",
                  "--enrol-listen", f"127.0.0.1:{self.enrol_port}",
                  "--metrics-listen", f"127.0.0.1:{self.metrics_port}"])
        self.recovery_key = os.path.join(self.admin_directory, "recovery.key")
        # Tests make days of snapshots in a minute.
        return self.configure(snapshots_per_day=0)

    def configure(self, **settings):
        """Changes nightsafed.yaml; counts from the next start on."""
        path = os.path.join(self.data, "nightsafed.yaml")
        with open(path) as file:
            text = file.read()
        for key, value in settings.items():
            text, count = re.subn(rf"(?m)^{key}: .*$", f"{key}: {value}", text)
            check(count == 1, f"no setting {key} in {path}")
        with open(path, "w") as out:
            out.write(text)
        return self

    def start_server(self, *arguments, wait=True, kill_point=None):
        with open(self.log, "ab") as log:
            self.log_begin = log.tell()
            self.server = subprocess.Popen(
                [program("nightsafed"), "serve", self.data, *arguments],
                env=armed(self.environment, kill_point), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)
        if wait:
            self.wait_for_server()
        return self

    def wait_for_server(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            check(self.server.poll() is None,
                  f"nightsafed ended with {self.server.returncode}: "
                  + self.log_text()[-3000:])
            if "ready\n" in self.log_text():
                return
            time.sleep(0.02)
        raise Failure("nightsafed is not ready")

    def log_text(self):
        """Of the server that was started last."""
        with open(self.log, "rb") as log:
            log.seek(self.log_begin)
            return log.read().decode(errors="replace")

    def metric(self, name):
        """Sum over all labels; 0 if the server has no such series yet."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines
                   if re.match(re.escape(name) + r"[{ ]", line))

    def stop_server(self, expect=0):
        self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(120)
        self.server = None
        allowed = expect if isinstance(expect, (tuple, list)) else (expect,)
        check(code in allowed, f"nightsafed ended with {code} after SIGTERM")

    def kill_server(self):
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def enrol(self, name, *arguments, reader=False):
        machine = Machine(self, name)
        path = os.path.join(machine.directory, "enrolment")
        self.admin("reader" if reader else "host", "add", name,
                   "--output", path, *arguments)
        machine.run("enrol", path)
        machine.enrolment = path
        return machine

    def host(self, name, *arguments):
        return self.enrol(name, *arguments)

    def reader(self, name="operator", quick=False):
        """`quick`: without a passphrase, whose hash costs half a second and
        256 MiB at each restore."""
        machine = self.enrol(name, reader=True)
        machine.run("key", "derive", "read", machine.path("read.key"),
                    "--vault-file",
                    os.path.join(self.admin_directory, "main.vault"),
                    "--recovery", self.recovery_key)
        if quick:
            self.run([program("plain_read_key"), machine.path("read.key")])
        return machine

    def snapshots(self, *arguments):
        return json.loads(self.admin("snapshot", "list", "--json", *arguments,
                                     results_only=True))

    def packs(self):
        found = []
        for folder, _, names in os.walk(os.path.join(self.data, "vaults")):
            found += [os.path.join(folder, n) for n in names
                      if n.endswith(".pack")]
        return sorted(found)


def same_tree(one, other):
    """What rsync would have to change; nothing for equal trees."""
    done = subprocess.run(
        ["rsync", "-aHAXn", "--delete", "--itemize-changes", one + "/",
         other + "/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False)
    return done.stdout.decode(errors="replace") + (
        "" if done.returncode == 0 else f"rsync ended with {done.returncode}")


def digest_of_tree(root):
    """SHA-256 over every path, type, target and content."""
    import hashlib
    total = hashlib.sha256()
    for folder, names, files in os.walk(os.fsencode(root)):
        names.sort()
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            total.update(os.path.relpath(path, os.fsencode(root)) + b"\0")
            if os.path.islink(path):
                total.update(b"l" + os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as content:
                    total.update(hashlib.file_digest(content, "sha256")
                                 .digest() if hasattr(hashlib, "file_digest")
                                 else hashlib.sha256(content.read()).digest())
    return total.hexdigest()


def make_tree(root, rng, files=200, big=1):
    """A small tree of random text, random bytes, links and odd names."""
    os.makedirs(root, exist_ok=True)
    folders = [root]
    for i in range(max(2, files // 20)):
        folder = os.path.join(rng.choice(folders), f"dir{i}")
        os.makedirs(folder, exist_ok=True)
        folders.append(folder)
    names = []
    for i in range(files):
        path = os.path.join(rng.choice(folders), f"file {i}-\u00e9")
        size = int(rng.expovariate(1 / 6000))
        with open(path, "wb") as out:
            if rng.random() < 0.5:
                out.write(rng.randbytes(size))
            else:
                out.write((f"line {i} of text\n" * (size // 16)).encode())
        names.append(path)
    for i in range(big):
        with open(os.path.join(root, f"big{i}"), "wb") as out:
            out.write(rng.randbytes(3 << 20))
    os.symlink("dir0/nowhere", os.path.join(root, "link"))
    os.link(names[0], os.path.join(root, "hard link"))
    return names
