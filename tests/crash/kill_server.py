#!/usr/bin/env python3
"""kill -9 of the server: at random, and at every named kill point.

    tests/crash/kill_server.py [--random N] [--points N|all|NAME[:HIT]] [--seed S]

    --random N     N kills that fell into something: mostly into backups of two
                   hosts, some into a start, a stop or a rebuild (default 3)
    --points all   every kill point of the server (NS_KILL_POINT in the source),
                   at its first, second and third hit; N: so many of them by
                   chance (default 2, and those that once found a defect);
                   NAME:HIT: that one; NAME or AREA,...: those

The goal figures: --random 330 --points all (some 500 kills).

After each kill the server must start without hand work and list every snapshot
that was acknowledged, and the next backup of each host must succeed; one
snapshot is restored, at the end all are, with contents and metadata
(tests/support/ledger.py). What the kill interrupted must work when it is asked
for again: enrolment with the same file, `vault add`, a revocation, `init`,
`rebuild`, a scrub. A point that its scenario never reaches is a failure.
"""

import collections
import os
import random
import shutil
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import flip_bit
from kills import ANYHOW, Source, Tally, area, chosen_points, kill_points, \
    poll
from ledger import Ledger, bound_in_words, tree_digest
from packs import read_pack
from world import Machine, World, argument, armed, check, free_port, \
    program, seed_from_arguments

PACK_BYTES = 2 << 20  # so that packs fill within a backup
MOMENTS = ["load"] * 8 + ["ack"] * 2 + ["start"] * 2 + ["stop", "rebuild"]


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
        self.world.kill_server()
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

    def admin(self, *arguments):
        """Of a command during which the server may die: whether it did."""
        self.world.admin(*arguments, expect=ANYHOW)
        return self.died()

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
        machine.run("enrol", file, expect=ANYHOW)
        return self.died()

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
    "vault": Scene.adding_vaults,
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
        for one in rng.sample(objects, 4):
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


def server_points():
    names = [n for n in kill_points() if area(n) not in CLIENT_AREAS]
    for name in names:
        check(any(key in table for key in (name, area(name))
                  for table in (SCENARIOS, OWN_WORLD)),
              f"no scenario leads to the kill point {name}")
    return names


class RandomKills:
    """Kills at moments drawn by chance; those that hit nothing do not count."""

    def __init__(self, scene, seed):
        self.scene = scene
        self.seed = seed
        self.number = 0
        self.longest = 0.4  # seconds; follows how long the backups take
        self.counts = collections.Counter()

    def one(self):
        scene = self.scene
        self.number += 1
        rng = scene.rng = random.Random(f"{self.seed}/{self.number}")
        moment = rng.choice(MOMENTS)
        scene.begin_backups()
        if moment == "ack":
            poll(lambda: not all(a.running() for a in scene.attempts))
        elif moment != "stop":
            time.sleep(rng.uniform(0.01, self.longest))
        hit = any(a.running() for a in scene.attempts)
        if moment == "stop":
            scene.end_backups()
            scene.world.server.terminate()
            time.sleep(rng.uniform(0, 0.08))
            hit = not scene.died()
        self.kill(moment, hit)
        if moment == "load":
            self.longest = (min(2, 1.1 * self.longest) if hit
                            else max(0.05, 0.8 * self.longest))
        if moment == "start":
            scene.world.start_server(wait=False)
            time.sleep(rng.expovariate(1 / 0.04))
            self.kill("start (recovery)",
                      "ready\n" not in scene.world.log_text())
        elif moment == "rebuild":
            self.kill_rebuild(rng)
        scene.recover()

    def kill(self, moment, hit):
        self.counts["in " + moment if hit else "too late"] += 1
        self.scene.end()

    def kill_rebuild(self, rng):
        world = self.scene.world
        with open(world.log, "ab") as log:
            world.server = subprocess.Popen(
                [program("nightsafed"), "rebuild", world.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        time.sleep(rng.expovariate(1 / 0.05))
        self.kill("rebuild itself", not self.scene.died())

    @property
    def kills(self):
        return sum(self.counts.values()) - self.counts["too late"]


def report_failure(error, replay):
    traceback.print_exception(error, file=sys.stdout)
    print(f"replay: {replay}", flush=True)


def run_in_scenes(seed, tasks):
    """Calls each (task, replay) with a scene; a failed one ends its scene.
    Yields whether each passed, and the words of each scene's ledger."""
    waiting = list(tasks)
    while waiting:
        with World() as world:
            try:
                scene = Scene(world, random.Random(seed))
                while waiting:
                    task, replay = waiting.pop(0)
                    task(scene)
                    yield True, None
                replay = "the whole command"
                yield None, scene.ledger.finish()
            except Exception as error:  # pylint: disable=broad-except
                report_failure(error, replay)
                yield False, None


def main():
    seed = seed_from_arguments()
    rng = random.Random(seed)
    goal = argument("--random", 3)
    pairs = chosen_points(server_points(), rng, REGRESSIONS, smoke=2)
    me = sys.argv[0]
    begin = time.monotonic()
    tally = Tally()
    passed = failed = 0
    random_kills = {}

    def task_of(pair):
        name, hit = pair

        def task(scene):
            scene.rng = random.Random(f"{seed}/{name}:{hit}")
            tally.note(name, hit, kill_at(scene, name, hit))
            scene.world.stop_server()
            scene.world.start_server()
        return task, f"{me} --random 0 --points {name}:{hit} --seed {seed}"

    own = [p for p in pairs if p[0] in OWN_WORLD or area(p[0]) in OWN_WORLD]
    for name, hit in own:
        scenario = OWN_WORLD.get(name) or OWN_WORLD[area(name)]
        try:
            tally.note(name, hit, scenario(
                name, hit, random.Random(f"{seed}/{name}:{hit}"), seed))
            passed += 1
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            report_failure(error, f"{me} --random 0 --points {name}:{hit} "
                           f"--seed {seed}")

    def randomly(scene):
        kills = random_kills.setdefault("kills", RandomKills(scene, seed))
        kills.scene = scene
        before = kills.kills
        for _ in range(30):  # the first ones may come too late
            kills.one()
            if kills.kills > before:
                return
        check(False, "30 kills in a row hit nothing")

    tasks = [task_of(p) for p in pairs if p not in own]
    tasks += [(randomly, f"{me} --random {goal} --points 0 --seed {seed}")
              ] * goal
    for verdict, words in run_in_scenes(seed, tasks):
        passed += verdict is True
        failed += verdict is False
        if words:
            print(words)
    kills = random_kills.get("kills")
    if kills:
        print(f"{kills.kills} kills at random: {dict(kills.counts)}")
    if pairs:
        try:
            print(tally.report())
        except AssertionError as error:
            failed += 1
            print(error)
    total = len(tally.hit) + (kills.kills if kills else 0)
    print(f"{total} kills in {time.monotonic() - begin:.0f} s")
    print(bound_in_words(failed, total))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
