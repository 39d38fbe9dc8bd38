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
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from kill_scenes import CLIENT_AREAS, OWN_WORLD, REGRESSIONS, SCENARIOS, \
    Scene, kill_at
from kills import Tally, area, chosen_points, kill_points, poll
from ledger import bound_in_words
from world import World, argument, check, program, seed_from_arguments

MOMENTS = ["load"] * 8 + ["ack"] * 2 + ["start"] * 2 + ["stop", "rebuild"]


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
            scene = Scene(world, random.Random(seed))
            try:
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
