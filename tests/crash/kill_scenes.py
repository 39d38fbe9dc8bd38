"""What leads a server to each of its kill points, and asks again afterwards."""

import os
import shutil
import subprocess

from cases import flip_bit
from kills import ANYHOW, Source, area, poll
from ledger import Ledger, tree_digest
from packs import read_pack
from world import Failure, Machine, World, armed, check, free_port, program

PACK_BYTES = 2 << 20  # so that packs fill within a backup


class Scene:
    """A server, two hosts that back up, and the ledger of what they got."""

    def __init__(self, world, rng):
        self.world = world
        self.rng = rng
        world.set_up()
        world.configure(reserve_bytes=0, reserve_share=0,
                        pack_bytes=PACK_BYTES)
        world.start_server()
        self.sources = [Source(world, name, rng) for name in ("web1", "web2")]
        self.ledger = Ledger(world, world.reader(quick=True), rng)
        self.attempts = []
        self.after = []  # what a kill interrupted, to be asked for again
        self.serial = 0

    def died(self):
        return self.world.server.poll() is not None

    def start(self, point=None):
        """A server that may die before it is ready; whether it lives."""
        self.world.start_server(wait=False, kill_point=point)
        poll(lambda: self.died() or "ready\n" in self.world.log_text())
        return not self.died()

    def begin_backups(self):
        for source in self.sources:
            source.rng = self.rng
            source.change()
        self.attempts = [self.ledger.start(s.host, s.root)
                         for s in self.sources]

    def backups(self, times):
        """Whether the server outlived them."""
        for _ in range(times):
            self.begin_backups()
            poll(lambda: self.died() or not any(a.running()
                                                for a in self.attempts))
            if self.died():
                return False
            self.end_backups()
        return True

    def end_backups(self):
        for source, attempt in zip(self.sources, self.attempts):
            if not attempt.wait():
                self.ledger.backup(source.host, source.root)
        self.attempts = []

    def stop(self):
        self.world.server.terminate()
        poll(self.died)

    def end(self):
        """However it stands, no server runs afterwards."""
        died = self.world.server is not None and self.died() \
            and self.world.server.returncode == -9
        self.ledger.kill_server()
        return died

    def recover(self):
        self.ledger.recover()
        if self.attempts:
            self.end_backups()
        else:
            self.backups(1)
        for again in self.after:
            again()
        self.after = []
        self.ledger.check_listed()
        self.ledger.check_restores(count=1)

    def fresh(self, what):
        self.serial += 1
        return f"{what}{self.serial}"

    def path(self, name):
        return os.path.join(self.world.directory, name)

    def asked(self, ask):
        """Of a command during which the server may die: whether it did."""
        try:
            ask()
        except Failure:
            poll(self.died, seconds=10)
        return self.died()

    def admin(self, *arguments):
        return self.asked(lambda: self.world.admin(*arguments))

    # Scenarios: the server is down before and after; each leads an armed one
    # to the point.

    def load(self, point):
        if self.start(point):
            self.backups(4)

    def stopping(self, point):
        if self.start(point) and self.backups(1):
            self.stop()

    def starting(self, point):
        """After a kill that left packs open, some of them full."""
        for left in ("seal.before-toc:1", "commit.recorded:1"):
            if self.start(left):
                self.backups(1)
            self.end()
            self.let_agents_go()
        self.start(point)

    def abandoning(self, point):
        """After a kill that left packs without a whole object."""
        for _ in range(2):
            if self.start("pack.header-written:1"):
                self.backups(1)
            self.end()
            self.let_agents_go()
        self.start(point)

    def collecting(self, point):
        """What uploads left that were never committed is collected."""
        for _ in range(2):
            name = self.fresh("gone")
            tree = self.path(name)
            os.mkdir(tree)
            with open(os.path.join(tree, "file"), "wb") as file:
                file.write(self.rng.randbytes(3 << 20))
            # Its nodes are marked closed, and no record needs them. The agent
            # never runs again: it would commit what it had sent.
            if self.start("commit.barrier-passed:1"):
                self.attempts = [self.ledger.start(self.world.host(name),
                                                   tree)]
                poll(self.died)
            self.end()
            self.let_agents_go()
        if self.start() and self.backups(1):
            self.stop()  # finishes the packs
        self.end()
        if self.start(point):
            self.admin("collect", "--allow-large")

    def let_agents_go(self):
        for attempt in self.attempts:
            attempt.process.kill()
            attempt.wait()
        self.attempts = []

    def index_behind(self, point):
        """The object index of some backups ago, as after a damaged log."""
        index = os.path.join(self.world.data, "index")
        copy = self.path(self.fresh("index"))
        shutil.copytree(index, copy)
        self.world.start_server()
        self.backups(2)
        self.world.stop_server()
        shutil.rmtree(index)
        os.rename(copy, index)
        self.start(point)

    def index_gone(self, point):
        index = os.path.join(self.world.data, "index")
        shutil.rmtree(index)
        os.mkdir(index)
        self.start(point)

    def rebuilding(self, point):
        with open(self.world.log, "ab") as log:
            self.world.server = subprocess.Popen(
                [program("nightsafed"), "rebuild", self.world.data],
                env=armed(self.world.environment, point),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.world.server.wait()

    def admitting(self, point):
        """Hosts are added, enrolled and revoked."""
        if not self.start(point):
            return
        for _ in range(3):
            name = self.fresh("extra")
            file = self.path(name + ".enrolment")
            if self.admin("host", "add", name, "--output", file):
                self.after.append(lambda: self.admit(name, file + "2", True))
                return
            machine = Machine(self.world, name)
            if self.enrol(machine, file):
                self.after.append(lambda: self.admit(name, file, False))
                return
            if self.admin("host", "revoke", name):
                self.after.append(lambda: self.revoke(machine))
                return

    def enrol(self, machine, file):
        return self.asked(lambda: machine.run("enrol", file))

    def admit(self, name, file, add):
        """Asked for again: the same file works, or a second one does."""
        if add:
            self.world.admin("host", "add", name, "--output", file)
        machine = Machine(self.world, name)
        machine.run("enrol", file)
        self.ledger.backup(machine, self.sources[0].root)
        self.world.admin("host", "revoke", name)

    def revoke(self, machine):
        self.world.admin("host", "revoke", machine.name, expect=(0, 1))
        output = machine.run("backup", self.sources[0].root, expect=5)
        check("revoked" in output, output)

    def adding_vaults(self, point):
        if not self.start(point):
            return
        for _ in range(3):
            name = self.fresh("vault")
            file = self.path(name + ".vault")
            self.create_vault(name, file)
            if self.admin("vault", "add", file):
                self.after.append(lambda: self.add_vault(name, file))
                return

    def create_vault(self, name, file):
        self.world.run([program("nightsafe"), "vault", "create", name,
                        "--recovery", self.world.recovery_key,
                        "--output", file])

    def add_vault(self, name, file):
        """Asked for again, and used. If it is not there yet, another vault of
        that name must not harm the server."""
        known = f'"{name}"' in self.world.admin("vault", "list", "--json")
        if not known:
            other = file + ".other"
            self.create_vault(name, other)
            self.world.admin("vault", "add", other, expect=ANYHOW)
            self.world.stop_server()
            self.world.start_server()
            if f'"{name}"' in self.world.admin("vault", "list", "--json"):
                file = other
            else:
                self.world.admin("vault", "add", file)
        key = file + ".enrol-key"
        self.world.run([program("nightsafe"), "key", "derive", "enrol", key,
                        "--vault-file", file, "--recovery",
                        self.world.recovery_key])
        host = self.world.host(self.fresh("guest"), "--vault", name,
                               "--enrol-key", key)
        host.run("backup", self.sources[0].root)


SCENARIOS = {
    "pack": Scene.load, "commit": Scene.load, "journal": Scene.load,
    "index": Scene.load, "seal": Scene.load, "file": Scene.load,
    "shutdown": Scene.stopping, "startup": Scene.starting,
    "recovery": Scene.starting, "rebuild": Scene.rebuilding,
    "registry": Scene.admitting, "enrol": Scene.admitting,
    "host": Scene.admitting, "order": Scene.admitting,
    "vault": Scene.adding_vaults, "collect": Scene.collecting,
    # Where another one than that of its area is needed.
    "journal.tail-synced": Scene.starting,
    "recovery.index-erased": Scene.index_gone,
    "recovery.behind-raised": Scene.index_behind,
    "recovery.behind-dropped": Scene.index_behind,
    "recovery.before-abandon": Scene.abandoning,
}
REGRESSIONS = [("recovery.loss-dropped", 1), ("vault.made", 1)]


def kill_at(scene, name, hit):
    """One kill at a point, and its aftermath; whether it happened."""
    scene.world.stop_server()
    scenario = SCENARIOS.get(name) or SCENARIOS[area(name)]
    scenario(scene, f"{name}:{hit}")
    died = scene.end()
    scene.recover()
    return died


# Points that need a world of their own.

def kill_init(name, hit, rng, _):
    """`init` dies; then it says what to remove, and works."""
    with World() as world:
        data = os.path.join(world.directory, "new")
        command = [program("nightsafed"), "init", data, "--admin-key",
                   rng.randbytes(32).hex(), "--metrics-listen", "",
                   "--listen", f"127.0.0.1:{free_port()}",
                   "--enrol-listen", f"127.0.0.1:{free_port()}"]
        died = subprocess.run(
            command, env=armed(world.environment, f"{name}:{hit}"),
            capture_output=True, check=False).returncode == -9
        for _ in range(2):
            output = world.run(command, expect=(0, 1))
            if "then try again: " not in output:
                break
            world.run(["sh", "-c", output.split("then try again: ")[1]])
        check("is ready" in output or "is a data directory already" in output,
              output)
        world.data = data
        world.start_server()
        world.stop_server()
        return died


class Damaged:
    """A world whose newest snapshot has an object in every pack."""

    def __init__(self, world, rng):
        self.world = world
        world.set_up()
        world.configure(pack_bytes=PACK_BYTES)
        world.start_server()
        self.source = Source(world, "web1", rng)
        for _ in range(3):  # some more objects
            self.source.change()
        self.reader = world.reader(quick=True)
        self.rng = rng
        self.source.host.run("backup", self.source.root)
        world.stop_server()

    def heals(self):
        """The next backup brings what was lost again, and restores."""
        self.source.host.run("backup", self.source.root)
        target = os.path.join(self.world.directory, "healed")
        self.reader.run("restore", "web1/files", "--target", target)
        check(tree_digest(target + self.source.root)
              == tree_digest(self.source.root), "it did not heal")


def kill_loss(name, hit, rng, _):
    """Two packs are gone. A start dies over it; the next one must still say
    which snapshots that hits."""
    with World() as world:
        damaged = Damaged(world, rng)
        lost = rng.sample(world.packs(), 3)
        for pack in lost:
            os.unlink(pack)
        world.start_server(wait=False, kill_point=f"{name}:{hit}")
        poll(lambda: world.server.poll() is not None
             or "ready\n" in world.log_text())
        died = world.server.poll() == -9
        if died:
            world.start_server()
            for pack in lost:
                # A pack whose loss was journalled was reported to a process
                # that is dead: it must be said again.
                lines = [l for l in world.log_text().splitlines()
                         if os.path.basename(pack) in l]
                check(lines, f"the server does not say that {pack} is lost:\n"
                      + world.log_text())
                check(not any("no snapshot needs it" in l for l in lines),
                      f"wrong: {lines}")
        damaged.heals()
        return died


def kill_quarantine(name, hit, rng, _):
    """A scrub dies over damaged objects; the next one finds them."""
    with World() as world:
        damaged = Damaged(world, rng)
        objects = [o for pack in world.packs() for o in read_pack(pack)
                   if o.kind == "data"]
        for one in rng.sample(objects, min(4, len(objects))):
            flip_bit(one.pack, one.offset + one.length // 2)
        world.start_server(kill_point=f"{name}:{hit}")
        world.admin("scrub", expect=ANYHOW)
        died = poll(lambda: world.server.poll() is not None, seconds=5)
        world.kill_server()
        world.start_server()
        world.admin("scrub", expect=ANYHOW)
        damaged.heals()
        return died


OWN_WORLD = {"init": kill_init, "quarantine": kill_quarantine,
             "recovery.loss-raised": kill_loss,
             "recovery.loss-dropped": kill_loss}
# Kept in kill_agent.py.
CLIENT_AREAS = {"agent", "credential", "restore"}
