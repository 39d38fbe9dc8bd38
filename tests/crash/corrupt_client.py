"""Damaged files of hosts, readers and admins."""

import os
import re
import shutil
import subprocess
import time
from collections import namedtuple

from damage import DAMAGES
from history import contents_below
from world import Machine, Failure, check, digest_of_tree, program

DOCUMENTED = (0, 1, 2, 3, 4, 5, 6, 7, 8)
NEXT_STEP = re.compile(
    r"run `|nightsafe|enrol|restore|copy|put back|give|ask |remove|replace|"
    r"passphrase|derive|--", re.I)
Context = namedtuple("Context", "sibling older")
SETS = "agent/sets"


class ClientCell:
    """Damages one file, runs the command that needs it, puts it back."""

    def __init__(self, history, damage, rng):
        self.history = history
        self.world = history.world
        self.damage = damage
        self.rng = rng
        self.note = ""

    def command(self, *arguments, machine=None, admin=False):
        """Exit code and output; never a crash, a hang or an unknown code."""
        machine = machine or self.history.host
        command = ([program("nightsafe-admin"), *arguments] if admin
                   else machine.command(*arguments))
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            env=self.world.environment if admin else machine.environment,
            stderr=subprocess.STDOUT, timeout=120, check=False)
        output = done.stdout.decode(errors="replace")
        check(done.returncode in DOCUMENTED
              and "terminate called" not in output,
              f"{' '.join(command)} ended with {done.returncode}: {output}")
        return done.returncode, output

    def damage_it(self, path, sibling):
        self.path = path
        context = Context(sibling if sibling and os.path.exists(sibling)
                          else None, self.history.older_copy_of(path))
        self.done = self.damage(path, context, self.rng)
        return self.done is not None

    def refused(self, code, output):
        self.note = output.strip().splitlines()[-1][:200]
        names = [os.path.basename(self.path), os.path.dirname(self.path)]
        check(any(name in output for name in names),
              f"refused with {code}, without naming {names}: {output}")
        check(NEXT_STEP.search(output),
              "refused without saying what to do: " + output)

    def put_back(self):
        for part in ("machines", "admin"):
            current = os.path.join(self.world.directory, part)
            shutil.rmtree(current)
            subprocess.run(["cp", "-a", os.path.join(self.history.kept, part),
                            current], check=True)

    def run(self):
        self.history.put_back()
        self.world.start_server()
        self.prepare()
        if not self.damage_it(*self.find()):
            return None
        return self.judge()

    def prepare(self):
        pass


class AgentCell(ClientCell):
    """Files that a backup uses."""

    def __init__(self, history, damage, rng, name):
        super().__init__(history, damage, rng)
        self.name = name

    def find(self):
        host = self.history.host
        files = host.state(SETS, "files")
        if self.name == "index":
            def index_of(name):
                folder = host.state(SETS, name)
                return os.path.join(folder, next(
                    n for n in os.listdir(folder) if n.startswith("index-")))
            return index_of("files"), index_of("dump")
        if self.name in ("state", "pending state"):
            return (os.path.join(files, "state"),
                    host.state(SETS, "dump", "state"))
        other = {"credential.json": "key.pem", "key.pem": "certificate.pem",
                 "certificate.pem": "key.pem",
                 "deposit.key": "credential.json"}[self.name]
        sibling = os.path.join(self.history.other.path("host"), self.name) \
            if self.name == "deposit.key" else host.path("host", other)
        return host.path("host", self.name), sibling

    def prepare(self):
        if self.name == "pending state":
            self.make_pending()

    def make_pending(self):
        """An agent that dies while it waits for the answer to its commit."""
        state = self.history.host.state(SETS, "files", "state")
        for _ in range(20):
            running = self.history.host.start("backup", self.history.tree)
            while running.poll() is None:
                try:
                    if os.path.getsize(state) > 400:
                        running.kill()
                        break
                except FileNotFoundError:
                    pass
            running.communicate()
            if os.path.getsize(state) > 400:
                return
        raise Failure("no backup could be stopped at its commit")

    def judge(self):
        history = self.history
        code, said = self.command("status")
        check(code in (0, 1, 2, 4, 5, 7), f"status ended with {code}: {said}")
        code, output = self.command("backup", history.tree)
        if code not in (0, 3):
            self.refused(code, output)
            self.put_back()
            code, output = self.command("backup", history.tree)
            check(code == 0, "refused with the file put back: " + output)
            verdict = "refused"
        else:
            notes = [line for line in output.splitlines() if "note:" in line]
            self.note = "; ".join(notes)
            verdict = "rebuilt" if notes else "fine"
        self.chain()
        check(history.reader.restored_digest("web1/files", history.tree)
              == digest_of_tree(history.tree), "the backup restores to "
              "something else: " + output)
        for taken in history.ledger:
            check(not history.restore(taken), f"{taken.name} lacks something")
        code, again = self.command("backup", history.tree)
        check(code == 0 and "note:" not in again,
              f"the backup after that ended with {code}: {again}")
        return verdict

    def chain(self):
        """A lost or older state is said, where snapshots are listed."""
        listed = self.history.reader.run("snapshots", "web1/files")
        if self.name != "state" or self.note == "":
            return
        if "older" in self.done or "swapped" in self.done:
            return
        check("restarted" in listed,
              f"nothing says that the chain began anew: {listed}")


class EnrolmentCell(ClientCell):
    """An enrolment file on its way to a new machine."""

    def find(self):
        self.machine = Machine(self.world, "fresh")
        path = os.path.join(self.machine.directory, "enrolment")
        self.world.admin("host", "add", "fresh", "--output", path)
        self.intact = path + ".intact"
        shutil.copy(path, self.intact)
        return path, self.history.other.enrolment

    def judge(self):
        code, output = self.command("enrol", self.path, machine=self.machine)
        if code == 0:
            check("swapped" not in self.done, "enrolled with a used token")
            self.machine.run("backup", self.history.other_tree)
            return "fine"
        self.note = output.strip().splitlines()[-1][:200]
        check(NEXT_STEP.search(output), "does not say what to do: " + output)
        self.machine.run("enrol", self.intact)
        self.machine.run("backup", self.history.other_tree)
        return "refused"


class ReaderCell(ClientCell):
    def __init__(self, history, damage, rng, name):
        super().__init__(history, damage, rng)
        self.name = name

    def find(self):
        reader = self.history.reader
        if self.name == "read.key":
            return reader.path("read.key"), reader.path(
                "reader/operator/key.pem")
        other = "key.pem" if self.name != "key.pem" else "certificate.pem"
        return (reader.path("reader/operator", self.name),
                reader.path("reader/operator", other))

    def judge(self):
        taken = self.history.ledger[0]
        target = os.path.join(self.world.directory, "by-reader")
        shutil.rmtree(target, ignore_errors=True)
        code, output = self.command("restore", taken.name, "--target", target,
                                    machine=self.history.reader)
        if code == 0:
            check(contents_below(target + taken.root) == taken.contents,
                  "restored to something else")
            return "fine"
        check(not os.path.exists(target), "a target was made")
        self.refused(code, output)
        self.put_back()
        check(not self.history.restore(taken), "lacking with the file back")
        return "refused"


class AdminCell(ClientCell):
    def __init__(self, history, damage, rng, name):
        super().__init__(history, damage, rng)
        self.name = name

    def find(self):
        folder = self.world.admin_directory
        other = {"admin.key": "enrol-main.key", "enrol-main.key": "admin.key",
                 "recovery.key": "admin.key", "main.vault": "recovery.key"}
        return (os.path.join(folder, self.name),
                os.path.join(folder, other[self.name]))

    def use(self):
        if self.name == "enrol-main.key":
            return self.command("host", "add", "extra", "--output", os.path.join(
                self.world.directory, "extra.enrolment"), admin=True)
        if self.name == "admin.key":
            return self.command("host", "revoke", "db1", "--reason", "gone",
                                admin=True)
        self.derived = os.path.join(self.world.directory, "derived.key")
        if os.path.exists(self.derived):
            os.unlink(self.derived)
        folder = self.world.admin_directory
        return self.command(
            "key", "derive", "enrol", self.derived, "--vault-file",
            os.path.join(folder, "main.vault"), "--recovery",
            os.path.join(folder, "recovery.key"))

    def judge(self):
        extra = os.path.join(self.world.directory, "extra.enrolment")
        if os.path.exists(extra):
            os.unlink(extra)
        code, output = self.use()
        if code == 0:
            return "fine"
        self.refused(code, output)
        check(not os.path.exists(extra), "an enrolment file was made")
        self.put_back()
        code, output = self.use()
        check(code == 0, "refused with the file put back: " + output)
        return "refused"


class SheetCell(ClientCell):
    """What a person types from the recovery sheet into a rescue."""

    def __init__(self, history, change, rng):
        super().__init__(history, None, rng)
        self.change = change

    def run(self):
        history = self.history
        history.put_back()
        socket = os.path.join(self.world.directory, "rescue.sock")
        listed = ""
        log = os.path.join(self.world.directory, "rescue.log")
        with open(log, "wb") as out:
            rescue = subprocess.Popen(
                [program("nightsafed"), "rescue", self.world.data, "--socket",
                 socket], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT)
        try:
            end = time.monotonic() + 60
            while "ready\n" not in open(log).read():
                check(time.monotonic() < end and rescue.poll() is None,
                      "rescue does not start: " + open(log).read())
                time.sleep(0.01)
            person = Machine(self.world, "person")
            how = ["--server", "unix:" + socket, "--key",
                   self.world.recovery_key]
            listed = person.run("snapshots", *how)
            vault_id = re.search(r"[0-9a-f]{64}", listed).group()
            typed = self.change(vault_id, self.rng)
            self.done = f"typed {typed[:12]}... of {len(typed)}"
            code, output = self.command("restore", history.ledger[0].name,
                                        "--target", os.path.join(
                                            self.world.directory, "sheet"),
                                        *how, "--vault-id", typed,
                                        machine=person)
            check(code in (2, 5) and "vault" in output,
                  f"taken, or refused without a reason ({code}): {output}")
            self.note = output.strip().splitlines()[-1][:200]
        finally:
            rescue.terminate()
            rescue.wait(60)
        return "refused"


def other_digit(text, rng):
    at = rng.randrange(len(text))
    digit = rng.choice([d for d in "0123456789abcdef" if d != text[at]])
    return text[:at] + digit + text[at + 1:]


TYPED = {
    "another digit": other_digit,
    "digit short": lambda text, _: text[:-1],
    "digit more": lambda text, _: text + "0",
    "no hex": lambda text, _: "o" + text[1:],
    "another vault": lambda text, rng: "%064x" % rng.getrandbits(256),
}


def cells():
    made = {}
    for kind, prefix, names in (
            (AgentCell, "agent ", ("index", "state", "pending state",
                                   "credential.json", "key.pem",
                                   "certificate.pem", "deposit.key")),
            (ReaderCell, "reader ", ("credential.json", "key.pem",
                                     "certificate.pem", "read.key")),
            (AdminCell, "", ("admin.key", "enrol-main.key", "main.vault",
                             "recovery.key"))):
        for name in names:
            for damage, function in DAMAGES.items():
                made[prefix + name, damage] = (
                    lambda history, rng, kind=kind, function=function,
                    name=name: kind(history, function, rng, name))
    for damage, function in DAMAGES.items():
        made["enrolment file", damage] = (
            lambda history, rng, function=function: EnrolmentCell(
                history, function, rng))
    for typed, change in TYPED.items():
        made["vault id typed", typed] = (
            lambda history, rng, change=change: SheetCell(history, change,
                                                          rng))
    return made
