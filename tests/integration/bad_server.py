#!/usr/bin/env python3
"""A server that is down, dies, is full, or whose data was tampered with."""

import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import Sample, flip_bit, run_cases, says, wait_for
from packs import read_pack
from world import World, check, digest_of_tree, program, seed_from_arguments


def serve(sample, *arguments, expect):
    """Output of a server that must not get as far as serving."""
    return sample.world.run(
        ["timeout", "60", program("nightsafed"), "serve", sample.world.data,
         *arguments], expect=expect)


def restore_names(sample, needle, name="web1/files"):
    """A restore that says what is damaged and restores the rest."""
    target = sample.fresh("restored")
    output = sample.reader.run("restore", name, "--target", target, expect=7)
    says(output, needle)
    return target, output


def server_that_is_down(sample):
    world = sample.world
    world.stop_server()
    for command in (["backup", sample.tree], ["refusals"]):
        says(sample.host.run(*command, expect=6), str(world.port),
             "nightsafed")
    says(sample.reader.run("snapshots", expect=6), str(world.port),
         "nightsafed")
    says(world.admin("host", "list", expect=6), "admin.sock", "nightsafed")
    says(sample.host.run("status"), "web1")
    world.start_server()
    sample.host.run("backup", sample.tree)


def pack_bytes(world):
    return sum(os.path.getsize(path) for path in world.packs())


def half_way(sample, agent_dies):
    """A backup that meets a killed server, and what it sent in all."""
    world = sample.world
    host = world.host("alive1" if agent_dies else "alive2")
    root = sample.new_tree(files=20, big=40)
    before = world.metric("nightsafe_received_bytes_total")
    running = host.start("backup", root)
    wait_for(lambda: world.metric("nightsafe_received_bytes_total") - before
             > 40 << 20, "the first 40 MiB")
    world.kill_server()
    stored = pack_bytes(world)
    if agent_dies:
        running.kill()
        running.wait()
    world.start_server()
    output = (host.run("backup", root) if agent_dies
              else running.communicate(timeout=300)[0].decode())
    check(agent_dies or running.returncode == 0, "it gave up: " + output)
    received = world.metric("nightsafe_received_bytes_total")
    grown = pack_bytes(world) - stored
    print(f"  {stored >> 20} MiB were stored at the kill, {int(received) >> 20} "
          f"MiB were received after it, {grown >> 20} MiB of them new")
    # All that is received is new, but for one object cut by the kill.
    check(received <= grown + (4 << 20), "what was stored was sent again")
    check(sample.reader.restored_digest(host.name, root)
          == digest_of_tree(root), "differs")


def server_dies_half_way(sample):
    half_way(sample, agent_dies=False)


def server_and_agent_die_half_way(sample):
    half_way(sample, agent_dies=True)


def server_that_stays_dead(sample):
    """Six tries, a minute in all, then an exit code."""
    host = sample.host
    running = host.start("backup", "--stdin", "--set", "dead",
                         stdin=subprocess.PIPE)
    running.stdin.write(sample.rng.randbytes(4 << 20))
    running.stdin.flush()
    wait_for(lambda: sample.world.metric("nightsafe_sessions_open") > 0,
             "the session")
    sample.world.kill_server()
    output = running.communicate(timeout=300)[0].decode()
    check(running.returncode == 6, f"ended with {running.returncode}: {output}")
    says(output, str(sample.world.port), "nightsafed")
    sample.world.start_server()
    host.run("backup", "--stdin", "--set", "dead", stdin=b"x")


def reserve_reached(sample):
    world = sample.world
    free = shutil.disk_usage(world.data).free
    settings = os.path.join(world.data, "nightsafed.yaml")
    with open(settings) as file:
        before = file.read()
    world.stop_server()
    with open(settings, "w") as out:
        out.write(re.sub(r"reserve_bytes: \d+", f"reserve_bytes: {free * 2}",
                         before))
    world.start_server()
    root = sample.new_tree(files=40)
    says(sample.host.run("backup", root, expect=8), "space", "earlier")
    sample.intact()
    world.stop_server()
    with open(settings, "w") as out:
        out.write(before)
    world.start_server()
    sample.host.run("backup", root)
    check(sample.reader.restored_digest("web1/files", root)
          == digest_of_tree(root), "differs")


def disk_that_is_full(sample):
    """A small file system of its own, without a reserve, grown at the end."""
    world = sample.world
    world.stop_server()
    disk = sample.fresh("disk")
    os.mkdir(disk)
    used = sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(world.data) for name in names)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + (40 << 20)}",
                    "none", disk], check=True)
    old_data = world.data
    try:
        shutil.copytree(world.data, disk + "/server", symlinks=True)
        # The admin socket's path is the same, so nothing else has to change.
        os.rename(world.data, world.data + ".away")
        os.symlink(disk + "/server", world.data)
        settings = os.path.join(world.data, "nightsafed.yaml")
        with open(settings) as file:
            text = file.read()
        with open(settings, "w") as out:
            out.write(re.sub(r"reserve_share: \S+", "reserve_share: 0",
                             re.sub(r"reserve_bytes: \d+", "reserve_bytes: 0",
                                    text)))
        world.start_server()
        root = sample.new_tree(files=10, big=20)
        output = sample.host.run("backup", root, expect=8)
        says(output, "space", "earlier")
        sample.intact()
        world.stop_server(expect=(0, 1, 8))
        subprocess.run(["mount", "-o", f"remount,size={used + (300 << 20)}",
                        disk], check=True)
        world.start_server()
        sample.intact()
        sample.host.run("backup", root)
        check(sample.reader.restored_digest("web1/files", root)
              == digest_of_tree(root), "differs")
        world.admin("scrub")
        sample.intact()
        world.stop_server()
    finally:
        world.kill_server()
        if os.path.islink(old_data):
            os.unlink(old_data)
            os.rename(old_data + ".away", old_data)
        subprocess.run(["umount", disk], check=True)
    # The host has committed what this copy of the server does not know.
    world.start_server()


def two_servers_on_one_directory(sample):
    says(serve(sample, expect=1), sample.world.data, "in use")
    says(sample.world.run([program("nightsafed"), "rebuild",
                           sample.world.data], expect=1), "in use")
    sample.world.admin("host", "list")
    sample.host.run("backup", sample.tree)


def two_servers_on_one_port(sample):
    world = sample.world
    other = sample.fresh("other")
    world.run([program("nightsafed"), "init", other, "--admin-key", "ab" * 32,
               "--listen", f"127.0.0.1:{world.port}", "--enrol-listen",
               "127.0.0.1:0", "--metrics-listen", ""])
    says(world.run([program("nightsafed"), "serve", other], expect=1),
         str(world.port))
    sample.host.run("backup", sample.tree)


def directory_of_another_version(sample):
    world = sample.world
    world.stop_server()
    version = os.path.join(world.data, "VERSION")
    with open(version) as file:
        old = file.read()
    with open(version, "w") as out:
        out.write("999\n")
    before = digest_of_tree(world.data)
    for command in ("serve", "rebuild", "rescue"):
        says(world.run([program("nightsafed"), command, world.data], expect=1),
             "version 999", "version 1")
    check(digest_of_tree(world.data) == before, "something was changed")
    with open(version, "w") as out:
        out.write(old)
    world.start_server()
    sample.intact()


def directory_that_is_none(sample):
    world = sample.world
    empty = sample.fresh("empty")
    says(world.run([program("nightsafed"), "serve", empty], expect=4), empty,
         "init")
    os.mkdir(empty)
    with open(os.path.join(empty, "mine"), "w") as out:
        out.write("mine")
    says(world.run([program("nightsafed"), "init", empty, "--admin-key",
                    "ab" * 32], expect=1), empty, "not empty")
    says(world.run([program("nightsafe-admin"), "setup", empty,
                    "--nightsafed", program("nightsafed")], expect=1), "exist")
    check(os.listdir(empty) == ["mine"], "something was written")


def settings_that_are_wrong(sample):
    world = sample.world
    world.stop_server()
    settings = os.path.join(world.data, "nightsafed.yaml")
    with open(settings) as file:
        text = file.read()
    for wrong, needle in {text + "colour: blue\n": "colour",
                          "max_threads: many\n": "max_threads",
                          "a: [\n": "nightsafed.yaml"}.items():
        with open(settings, "w") as out:
            out.write(wrong)
        says(serve(sample, expect=2), "nightsafed.yaml", needle)
    with open(settings, "w") as out:
        out.write(text)
    says(serve(sample, "--listen", "here", expect=2), "here")
    world.start_server()


def listings(sample):
    return (sample.world.snapshots(),
            sample.reader.run("snapshots", "--json", results_only=True),
            sample.reader.run("ls", "-l", f"web1/files@{sample.first}",
                              results_only=True))


def pack_that_is_gone(sample):
    world = sample.world
    root = sample.new_tree(files=100, big=3)
    sample.host.run("backup", root)
    digest = digest_of_tree(root)
    world.stop_server()
    saved = sample.server_copy()
    objects = {path: read_pack(path) for path in world.packs()}
    # The newest pack with contents holds what was backed up just now.
    victim = max((path for path in objects
                  if any(o.kind == "data" for o in objects[path])),
                 key=os.path.getmtime)
    os.remove(victim)
    world.start_server()
    says(world.log_text(), "LOST", os.path.basename(victim), "missing",
         "web1/files")
    target, output = restore_names(sample, root + "/big0")
    restored = target + root
    for folder, _, names in os.walk(restored):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                continue
            with open(path, "rb") as one, \
                    open(path[len(target):], "rb") as other:
                check(one.read() == other.read(),
                      f"{path} was restored to something else")
    says(sample.reader.run("verify", "web1/files", expect=7), root + "/big0")
    says(sample.host.run("backup", root), "lacked")
    check(sample.reader.restored_digest("web1/files", root) == digest,
          "the next backup did not heal")
    world.stop_server()
    sample.put_back(saved)
    world.start_server()
    sample.intact()


def index_that_is_gone(sample):
    world = sample.world
    before = listings(sample)
    for rebuild in (True, False):
        world.stop_server()
        shutil.rmtree(os.path.join(world.data, "index"))
        if rebuild:
            says(world.run([program("nightsafed"), "rebuild", world.data]),
                 "indexed")
        world.start_server()
        check(listings(sample) == before, "listings differ")
        sample.intact()
        world.admin("scrub")
    sample.host.run("backup", sample.tree)


def index_that_is_damaged(sample):
    world = sample.world
    before = listings(sample)
    world.stop_server()
    index = os.path.join(world.data, "index")
    saved = sample.server_copy()
    for suffix in (".sst", "CURRENT", "MANIFEST", ".log"):
        hit = [n for n in os.listdir(index) if suffix in n
               and os.path.getsize(os.path.join(index, n)) > 0]
        for name in hit:
            path = os.path.join(index, name)
            flip_bit(path, os.path.getsize(path) // 2, 3)
        if not hit:
            continue
        try:
            world.start_server()
            sample.intact()  # what was hit did not matter, or it was noticed
            world.stop_server()
        except AssertionError as error:
            says(str(error), "index", "nightsafed rebuild")
            world.kill_server()
            world.run([program("nightsafed"), "rebuild", world.data])
            world.start_server()
            check(listings(sample) == before, f"{name}: listings differ")
            sample.intact()
            world.admin("scrub")
            world.stop_server()
    sample.put_back(saved)
    world.start_server()


def journals(data):
    found = []
    for folder, _, names in os.walk(data):
        if os.path.basename(folder) == "journal":
            found += [os.path.join(folder, name) for name in names]
    return sorted(found)


def journal_that_is_damaged(sample):
    world = sample.world
    world.stop_server()
    kept = [os.path.join(world.data, name) for name in ("server", "vaults")]
    before = [digest_of_tree(path) for path in kept]
    tried = 0
    for path in journals(world.data):
        used = len(open(path, "rb").read().rstrip(b"\0"))
        if used < 400:  # a header alone
            continue
        for offset in (used // 2, 100):
            flip_bit(path, offset, 5)
            for command in ("serve", "rebuild"):
                output = world.run(
                    [program("nightsafed"), command, world.data], expect=7)
                says(output, os.path.basename(path))
            flip_bit(path, offset, 5)
            tried += 1
    check(tried > 2, f"only {tried} places tried")
    check([digest_of_tree(path) for path in kept] == before,
          "something was changed")
    world.start_server()
    sample.intact()


CASES = [
    server_that_is_down,
    server_dies_half_way,
    server_and_agent_die_half_way,
    reserve_reached,
    two_servers_on_one_directory,
    two_servers_on_one_port,
    directory_of_another_version,
    directory_that_is_none,
    settings_that_are_wrong,
    pack_that_is_gone,
    index_that_is_gone,
    index_that_is_damaged,
    journal_that_is_damaged,
    disk_that_is_full,
    Sample.intact,
]


def main():
    cases = list(CASES)
    if "--slow" in sys.argv:
        cases.append(server_that_stays_dead)
    with World() as world:
        sample = Sample(world, random.Random(seed_from_arguments()))
        run_cases(cases, sample)


if __name__ == "__main__":
    main()
