#!/usr/bin/env python3
"""Scrub and status against a real server: what rots is found, said in words,
heals with the next backup, and a scrub goes on after a kill.

    scrub.py [--seed N] [--measure]

--measure also times a scrub, and a backup with and without one beside it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import flip_bit, says, wait_for
from packs import read_pack
from world import World, check, make_tree, program, seed_from_arguments


def status(world, expect=0):
    return json.loads(world.admin("status", "--json", expect=expect,
                                  results_only=True))


def vault_status(world, expect=0):
    return status(world, expect)["vaults"][0]


def data_objects(world):
    return [o for pack in world.packs() for o in read_pack(pack)
            if o.kind == "data"]


def restart(world, settings=None):
    world.stop_server()
    if settings:
        path = os.path.join(world.data, "nightsafed.yaml")
        with open(path) as file:
            lines = [line for line in file
                     if line.split(":")[0] not in settings]
        with open(path, "w") as out:
            out.writelines(lines)
            out.writelines(f"{key}: {value}\n"
                           for key, value in settings.items())
    world.start_server()


def found_said_and_healed(world, host, tree, rng):
    says(world.admin("status"), "nothing needs attention", "none yet")
    says(world.admin("scrub"), "0 not as they should be")
    world.stop_server()
    victim = rng.choice(data_objects(world))
    flip_bit(victim.pack, victim.offset + victim.length // 2, 3)
    world.start_server()
    says(world.admin("scrub", expect=7), victim.id,
         os.path.basename(victim.pack), "wrong", "web1/files of")
    says(world.admin("status", expect=9), "ATTENTION", "1 finding",
         "web1/files of", "lacks 1 object", victim.id)
    figures = vault_status(world, expect=9)
    check(figures["open_findings"] == 1 and figures["hit_snapshots"] == 1
          and figures["findings"][0]["object"] == victim.id, figures)
    check(world.metric("nightsafe_findings_open") == 1, "metrics differ")
    check(world.metric("nightsafe_snapshots_hit") == 1, "metrics differ")
    restart(world)
    check(vault_status(world, expect=9)["open_findings"] == 1,
          "a finding was forgotten")
    host.run("backup", tree)
    figures = vault_status(world)
    check(figures["open_findings"] == 0 and figures["healed"] == 1
          and figures["hit_snapshots"] == 0, figures)
    check(world.metric("nightsafe_findings_healed_total") == 1, "metrics")
    says(world.admin("scrub"), "0 not as they should be")


def pack_that_goes_away_while_it_runs(world, host, tree):
    restart(world)
    victim = max((o.pack for o in data_objects(world)), key=os.path.getsize)
    os.remove(victim)
    says(world.admin("scrub", expect=7), "missing", os.path.basename(victim))
    host.run("backup", tree)
    check(vault_status(world)["hit_snapshots"] == 0, "not healed")
    # The next start sees that it is lost, and status says so from then on.
    restart(world)
    says(world.log_text(), "LOST", os.path.basename(victim))
    restart(world)
    says(world.admin("status"), "1 lost", os.path.basename(victim))


def scrub_that_is_stopped(world):
    """By Ctrl-C and by kill -9; goes on after both."""
    restart(world, {"scrub_interval_days": 0})
    slow = subprocess.Popen(
        [program("nightsafe-admin"), "scrub", "--rate", "4M"],
        env=world.environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    wait_for(lambda: vault_status(world)["scrub"]["bytes"] > 0, "progress")
    says(world.admin("scrub", expect=1), "under way")
    slow.send_signal(signal.SIGINT)
    said = slow.communicate(timeout=60)[0].decode()
    says(said, "--resume")
    wait_for(lambda: vault_status(world)["scrub"]["interrupted"], "the end")
    before = vault_status(world)["scrub"]
    world.kill_server()
    world.start_server()
    after = vault_status(world)["scrub"]
    check(after["interrupted"] and after["bytes"] == before["bytes"],
          f"{before} became {after}")
    finished = after["last_finished_unix_ns"]
    read = world.metric("nightsafe_scrub_checked_bytes_total")
    check(read == 0, "read before it was asked")
    says(world.admin("scrub", "--resume"), "0 not as they should be")
    read = world.metric("nightsafe_scrub_checked_bytes_total")
    scrub = vault_status(world)["scrub"]
    check(scrub["last_finished_unix_ns"] > finished, scrub)
    check(0 < read < scrub["last_bytes"],
          f"{read} bytes read of {scrub['last_bytes']}: it began anew")
    print(f"resumed after {before['bytes']} of {scrub['last_bytes']} bytes")


def scheduled(world):
    finished = vault_status(world)["scrub"]["last_finished_unix_ns"]
    restart(world, {"scrub_interval_days": 0.00001})
    wait_for(lambda: status(world, expect=(0, 9))["vaults"][0]["scrub"]
             ["last_finished_unix_ns"] > finished, "a scheduled scrub")
    restart(world, {"scrub_interval_days": 7})


def seconds_of(work):
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def measure(world, host):
    """A backup of new data alone and beside scrubs in a loop."""
    tree = os.path.join(world.directory, "measured")
    base = os.path.join(tree, "base")
    os.makedirs(base)
    for i in range(24):
        with open(os.path.join(base, f"f{i}"), "wb") as out:
            out.write(random.randbytes(32 << 20))
    host.run("backup", "--set", "measured", tree)
    restart(world)
    stored = vault_status(world)["stored_bytes"]
    took = seconds_of(lambda: world.admin("scrub"))
    print(f"scrub: {stored / took / 1e6:.0f} MB/s of {stored / 1e6:.0f} MB")

    def backup(name):
        folder = os.path.join(tree, name)
        os.makedirs(folder)
        for i in range(8):
            with open(os.path.join(folder, f"f{i}"), "wb") as out:
                out.write(random.randbytes(32 << 20))
        return seconds_of(lambda: host.run("backup", "--set", "measured",
                                           tree))
    alone = [backup(f"alone{i}") for i in range(3)]
    loop = subprocess.Popen(
        ["sh", "-c", f"while {program('nightsafe-admin')} scrub; do :; done"],
        env=world.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True)
    beside = [backup(f"beside{i}") for i in range(3)]
    os.killpg(loop.pid, signal.SIGTERM)
    loop.wait()
    print(f"backup of 268 MB: {sorted(alone)[1]:.2f} s alone, "
          f"{sorted(beside)[1]:.2f} s beside an unlimited scrub")


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        tree = os.path.join(world.directory, "tree")
        make_tree(tree, rng, files=100, big=8)
        host.run("backup", tree)
        found_said_and_healed(world, host, tree, rng)
        pack_that_goes_away_while_it_runs(world, host, tree)
        scrub_that_is_stopped(world)
        scheduled(world)
        if "--measure" in sys.argv:
            measure(world, host)
        world.stop_server()
    print("4 passed, 0 failed")


if __name__ == "__main__":
    main()
