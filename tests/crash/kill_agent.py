#!/usr/bin/env python3
"""kill -9 of the agent: at random, and at every named kill point.

    tests/crash/kill_agent.py [--random N] [--points N|all|NAME[:HIT]] [--seed S]

    --random N     N kills that hit a running backup (default 3)
    --points all   every kill point of backup, enrolment and restore
                   (NS_KILL_POINT in the source), at its first, second and third
                   hit; N: so many of them by chance (default 5)

The goal figures: --random 230 --points all (some 300 kills).

After each kill of a backup the next one must succeed, and there must be exactly
the snapshots that belong there: none of a run that died before its commit was
noted, one of a run that died after it was sent, never two; no fork, no gap, no restart
of the chain. Each restores to a tree that was there when it was made
(tests/support/ledger.py). An interrupted enrolment goes on with the same file. An
interrupted restore leaves no file that has its attributes and not its content,
and is not continued by accident.
"""

import json
import os
import random
import stat
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
sys.path.insert(0, os.path.dirname(__file__))
from cases import flip_bit
from kill_scenes import CLIENT_AREAS, Damaged
from kills import ANYHOW, Source, Tally, area, chosen_points, kill_points
from ledger import Ledger, bound_in_words, tree_digest
from packs import read_pack
from world import Machine, World, argument, armed, check, seed_from_arguments

# Snapshots that are new when a run died there and the next one has ended.
ONLY_THE_NEXT = {
    "agent.strays-removed", "agent.offer-sent", "agent.before-put",
    "agent.put-sent", "agent.index-buffer", "agent.index-written",
    "agent.before-first-state", "file.temporary-written:1"}
# The commit was noted, but not everything was sent.
PERHAPS_INCOMPLETE = {"agent.pending-saved:1", "file.renamed:1"}
# What is sent by a thread of its own, perhaps after the commit was noted.
PERHAPS_NOTED = {"agent.offer-sent", "agent.before-put", "agent.put-sent"}


class Scene:
    """A server, a host with a tree, and the ledger of what it was told."""

    def __init__(self, world, rng):
        self.world = world
        self.rng = rng
        world.set_up()
        world.configure(reserve_bytes=0, reserve_share=0)
        world.start_server()
        self.source = Source(world, "web1", rng)
        self.ledger = Ledger(world, world.reader(quick=True), rng)
        self.serial = 0
        begin = time.monotonic()
        self.backup()
        self.longest = max(0.3, time.monotonic() - begin)

    def backup(self, set_name="files"):
        attempt = self.ledger.backup(self.source.host, self.source.root,
                                     set_name)
        self.ledger.check_listed()
        return attempt

    def dying_backup(self, point, set_name="files"):
        """Whether it died."""
        self.source.rng = self.rng
        self.source.change()
        host = self.source.host
        usual = host.environment
        host.environment = armed(usual, point)
        attempt = self.ledger.start(host, self.source.root, set_name)
        host.environment = usual
        attempt.wait()
        self.ledger.check_listed()
        return attempt.code == -9

    def count(self):
        return len(self.world.snapshots())

    def check_chain(self):
        snapshots = self.world.snapshots()
        flagged = [s for s in snapshots if s["flags"]]
        check(not flagged, f"flagged: {flagged}")
        listing = json.loads(self.ledger.reader.run("snapshots", "--json",
                                                    results_only=True))
        warned = [s for s in listing if s["warnings"] or not s["verified"]]
        check(not warned, f"the reader is warned: {warned}")
        check(len(listing) == len(snapshots), "the reader sees another list")
        acknowledged = [a.snapshot for a in self.ledger.acknowledged()]
        check(len(set(acknowledged)) == len(acknowledged),
              "two backups were told the same snapshot")
        check(len(snapshots) <= len(self.ledger.attempts),
              "more snapshots than backups")

    def fresh(self, what):
        self.serial += 1
        return f"{what}{self.serial}"


def backup_point(scene, name, hit):
    set_name = scene.fresh("set") if name == "agent.before-first-state" \
        else "files"
    before = scene.count()
    resent = name.startswith("agent.resent")
    if resent:
        check(scene.dying_backup("agent.commit-sent:1"), "not prepared")
    died = scene.dying_backup(f"{name}:{hit}", set_name)
    after_kill = scene.count()
    last = scene.backup(set_name)
    new = scene.count() - before
    only = name in ONLY_THE_NEXT or f"{name}:{hit}" in ONLY_THE_NEXT
    expected = {1} if died and only else {2 + (resent and not died)}
    if f"{name}:{hit}" in PERHAPS_INCOMPLETE:
        expected.add(1)
    if died and name in PERHAPS_NOTED:
        expected.add(2)
    check(new in expected, f"{new} new snapshots, {expected} were expected; "
          f"{after_kill - before} of them at once")
    scene.check_chain()
    check(scene.ledger.restored(last.name, last.snapshot, last.root)
          == last.digest, "the backup after the kill restores to something "
          "else")
    return died


def credential_point(scene, name, hit):
    machine = Machine(scene.world, scene.fresh("extra"))
    file = os.path.join(machine.directory, "enrolment")
    scene.world.admin("host", "add", machine.name, "--output", file)
    enrolling = machine.start("enrol", file, kill_point=f"{name}:{hit}")
    enrolling.communicate()
    died = enrolling.returncode == -9
    output = machine.run("enrol", file, expect=(0, 1))
    check("enrolled" in output, output)
    scene.ledger.backup(machine, scene.source.root)
    return died


def restore_point(scene, name, hit):
    last = scene.backup()
    target = os.path.join(scene.ledger.reader.directory, scene.fresh("cut"))
    command = ["restore", f"{last.name}@{last.snapshot}", "--target", target]
    restoring = scene.ledger.reader.start(*command, kill_point=f"{name}:{hit}")
    restoring.communicate()
    died = restoring.returncode == -9
    check_partial(scene.source.root, target)
    if died and os.listdir(target):
        output = scene.ledger.reader.run(*command, expect=1)
        check("not empty" in output, output)
    check(scene.ledger.restored(last.name, last.snapshot, last.root)
          == last.digest, "the restore after the kill is wrong")
    return died


def check_partial(root, target):
    """A file that has its name and its attributes has its content."""
    for folder, _, names in os.walk(target + root):
        for name in names:
            if name.startswith(".nightsafe-partial-"):
                continue
            path = os.path.join(folder, name)
            status = os.lstat(path)
            source = os.path.join(root, os.path.relpath(path, target + root))
            if not stat.S_ISREG(status.st_mode) \
                    or status.st_mtime_ns != os.lstat(source).st_mtime_ns:
                continue
            with open(path, "rb") as one, open(source, "rb") as other:
                check(one.read() == other.read(), f"{path} looks whole and is "
                      "not")


def heal_point(name, hit, rng):
    """The agent dies while it makes lost objects again."""
    with World() as world:
        damaged = Damaged(world, rng)
        objects = [o for pack in world.packs() for o in read_pack(pack)
                   if o.kind == "data"]
        for one in rng.sample(objects, 2):
            flip_bit(one.pack, one.offset + one.length // 2)
        world.start_server()
        world.admin("scrub", expect=ANYHOW)
        host = damaged.source.host
        running = host.start("backup", damaged.source.root,
                             kill_point=f"{name}:{hit}")
        running.communicate()
        damaged.heals()
        flagged = [s for s in world.snapshots() if s["flags"]]
        check(not flagged, f"flagged: {flagged}")
        return running.returncode == -9


def kill_at(scene, name, hit):
    if name == "agent.remade":
        return heal_point(name, hit, scene.rng)
    return {"agent": backup_point, "file": backup_point,
            "credential": credential_point,
            "restore": restore_point}[area(name)](scene, name, hit)


def kill_at_random(scene):
    """Whether it hit a running backup."""
    scene.source.rng = scene.rng
    scene.source.change()
    attempt = scene.ledger.start(scene.source.host, scene.source.root)
    time.sleep(scene.rng.uniform(0, scene.longest))
    hit = attempt.running()
    attempt.process.kill()
    attempt.wait()
    scene.longest = (min(3, 1.1 * scene.longest) if hit
                     else max(0.1, 0.8 * scene.longest))
    scene.ledger.check_listed()
    if scene.rng.random() < 0.5:  # else the next round meets what is left
        scene.backup()
        scene.check_chain()
    scene.ledger.check_restores(count=1)
    return hit


def agent_points():
    return [n for n in kill_points()
            if area(n) in CLIENT_AREAS or area(n) == "file"]


def main():
    seed = seed_from_arguments()
    rng = random.Random(seed)
    goal = argument("--random", 3)
    pairs = chosen_points(agent_points(), rng, [], smoke=5)
    me = sys.argv[0]
    begin = time.monotonic()
    tally = Tally()
    passed = failed = hits = missed = 0
    words = []

    def note_failure(error, replay):
        nonlocal failed
        failed += 1
        traceback.print_exception(error, file=sys.stdout)
        print(f"replay: {me} {replay} --seed {seed}", flush=True)

    while pairs or hits < goal:
        replay = f"--random {goal} --points 0"
        with World() as world:
            try:
                scene = Scene(world, random.Random(seed))
                while pairs:
                    name, hit = pairs.pop(0)
                    replay = f"--random 0 --points {name}:{hit}"
                    scene.rng = random.Random(f"{seed}/{name}:{hit}")
                    tally.note(name, hit, kill_at(scene, name, hit))
                    passed += 1
                replay = f"--random {goal} --points 0"
                while hits < goal:
                    scene.rng = random.Random(f"{seed}/{hits + missed}")
                    hit = kill_at_random(scene)
                    hits += hit
                    missed += not hit
                    passed += hit
                    check(missed <= 2 * goal + 30, "the backups end before "
                          "they can be killed")
                scene.backup()
                scene.check_chain()
                words.append(scene.ledger.finish())
            except Exception as error:  # pylint: disable=broad-except
                note_failure(error, replay)
                if hits < goal and not pairs:
                    goal = hits  # random rounds are not begun again
    print("\n".join(words))
    print(f"{hits} agents killed at random while they ran, {missed} had ended")
    if tally.hit or tally.not_reached:
        try:
            print(tally.report())
        except AssertionError as error:
            failed += 1
            print(error)
    total = hits + len(tally.hit)
    print(f"{total} kills in {time.monotonic() - begin:.0f} s")
    print(bound_in_words(failed, total))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
