#!/usr/bin/env python3
"""Recovery keys come and go by signed orders; every replay tells the same.

    tests/integration/recovery_keys.py [--seed S]
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from cases import says
from rescue import Rescue
from world import Machine, World, check, make_tree, program, \
    seed_from_arguments


def key_id(world, path):
    shown = world.run([program("nightsafe"), "key", "show", path])
    return re.search(r"key id +([0-9a-f]{64})", shown).group(1)


def recovery(world, *arguments, expect=0):
    return world.admin("vault", "recovery", *arguments, expect=expect)


def listed(world, *arguments):
    keys = json.loads(world.admin("vault", "recovery", "list", "--json",
                                  *arguments, results_only=True))
    return {key["recovery_key_id"]: key["proven_unix_ns"] for key in keys}


def opens(world, data, key, vault_id, expect=0):
    """Whether `key` and a copy of the data directory suffice."""
    person = Machine(world, "person")
    with Rescue(world, data) as rescue:
        return person.run("snapshots", "--server", "unix:" + rescue.socket,
                          "--key", key, "--vault-id", vault_id, expect=expect)


def vault_id_of(world):
    with open(os.path.join(world.admin_directory, "main.vault")) as file:
        return json.load(file)["vault_id"]


def add_a_key(world, second):
    first = world.recovery_key
    first_id, second_id = key_id(world, first), key_id(world, second)
    check(set(listed(world)) == {first_id}, "a vault begins with one key")
    # Neither a key that does not open it nor another admin's may do it.
    says(recovery(world, "add", second, "--recovery", second, expect=5),
         "not sealed to recovery key")
    other = os.path.join(world.directory, "other-admin.key")
    stranger = World()
    with stranger:
        stranger.set_up()
        shutil.copy(os.path.join(stranger.admin_directory, "admin.key"), other)
    says(recovery(world, "add", second, "--recovery", first, "--admin-key",
                  other, expect=5), "no admin key")
    check(set(listed(world)) == {first_id}, "a refused order stored a keyring")
    says(recovery(world, "add", second, "--recovery", first, "--reason",
                  "for the club"), second_id, "sheet", "key check")
    check(set(listed(world)) == {first_id, second_id}, "it is not there")
    says(recovery(world, "add", second, "--recovery", first, expect=1),
         "is sealed to recovery key")
    says(world.admin("audit", "--kind", "store keyring"), "for the club")
    return first_id, second_id


def wrong_names(world, second):
    says(recovery(world, "list", "--vault", "none", expect=4), "no vault")
    says(recovery(world, "list", "--vault-id", "00" * 32, expect=5),
         "do not trust it")
    says(recovery(world, "list", "--vault-id", "zz", expect=2), "64 hex")
    says(recovery(world, "add", "nothing", "--recovery", second, expect=4),
         "neither a recovery key file nor")
    admin_key = os.path.join(world.admin_directory, "admin.key")
    says(recovery(world, "add", admin_key, expect=2), "not a recovery key")
    says(recovery(world, "remove", "abc", "--recovery", second, expect=2),
         "at least 8 digits")
    says(recovery(world, "remove", "0" * 64, "--recovery", second, expect=4),
         "is not sealed to")


def prove(world, host, root, second, first_id, second_id):
    def metric():
        return world.metric("nightsafe_recovery_key_proven_timestamp_seconds")

    def check_key(*arguments, expect=0):
        return world.admin("key", "check", *arguments, expect=expect)

    says(world.admin("status"), "2 recovery keys, never tried")
    check(metric() == 0, "proven before anybody tried")
    says(check_key("--recovery", second), second_id, "web1/files@", "recorded")
    first = metric()
    check(first > 1.7e9, f"proven at {first}")
    says(world.admin("status"), "2 recovery keys, last proven")
    proven = listed(world)
    check(proven[first_id] == 0 and proven[second_id] > 0, "the wrong key")
    # Neither a stranger's key, nor a wrong passphrase or admin, counts.
    stranger = os.path.join(world.directory, "stranger.key")
    world.run([program("nightsafe"), "key", "create", stranger])
    says(check_key("--recovery", stranger, expect=5), "not sealed to")
    wrong = os.path.join(world.directory, "wrong")
    with open(wrong, "w") as file:
        file.write("not the passphrase\n")
    says(check_key("--recovery-passphrase-file", wrong, expect=5), "passphrase")
    says(check_key("--recovery", os.path.join(world.directory, "none"),
                   expect=4), "--recovery")
    says(check_key("--recovery", second, "--admin-key",
                   os.path.join(world.directory, "other-admin.key"), expect=5),
         "no admin key")
    check(listed(world) == proven, "a refused check was recorded")
    host.run("backup", root)
    says(check_key(), first_id, "web1/files@")
    check(metric() >= first and listed(world)[first_id] > proven[second_id],
          "the second proof is not there")
    says(world.admin("audit", "--kind", "recovery key proven"), second_id[:8])


def remove_a_key(world, second, first_id, second_id):
    first = world.recovery_key
    says(recovery(world, "remove", first, "--recovery", first, expect=1),
         "with one that stays")
    says(recovery(world, "remove", first_id[:12], "--recovery", second),
         "warning", "old copy", "those to come")
    check(set(listed(world)) == {second_id}, "it is still there")
    says(recovery(world, "remove", second_id, "--recovery", second, expect=1),
         "the only one")
    says(recovery(world, "add", first, "--recovery", first, expect=5),
         "not sealed to recovery key")


def restore_from_a_file(world, vault_id, second, first_id, second_id):
    """As after somebody replaced the server's keyring by a useless one."""
    file = os.path.join(world.admin_directory, "main.vault")
    before = os.path.join(world.directory, "before.vault")
    shutil.copy(file + ".old", before)
    first = world.recovery_key
    says(recovery(world, "restore", first, "--recovery", first, expect=2),
         first)
    says(recovery(world, "restore", before, "--recovery", first, "--reason",
                  "it did not open"), "recovery list")
    check(set(listed(world)) == {first_id, second_id}, "it was not restored")
    # The server is not believed about which vault that is.
    shutil.move(file, before)
    says(recovery(world, "restore", before, "--recovery", second, expect=2),
         "--vault-id")
    says(recovery(world, "restore", before, "--recovery", first, "--vault-id",
                  vault_id, expect=5), "not sealed to")
    says(recovery(world, "restore", before, "--recovery", second, "--vault-id",
                  vault_id), "recovery list")
    check(set(listed(world)) == {second_id}, "it is not that of the file")


def main():
    rng = random.Random(seed_from_arguments())
    with World() as world:
        world.set_up().start_server()
        host = world.host("web1")
        reader = world.reader()
        root = os.path.join(world.directory, "tree")
        make_tree(root, rng, files=20)
        host.run("backup", root)
        vault_id = vault_id_of(world)
        second = os.path.join(world.directory, "second.key")
        world.run([program("nightsafe"), "key", "create", second])

        first_id, second_id = add_a_key(world, second)
        wrong_names(world, second)
        prove(world, host, root, second, first_id, second_id)
        # A reader with the new key; a restart changes nothing.
        says(reader.run("snapshots", "--key", second), "web1/files")
        world.stop_server()
        old = os.path.join(world.directory, "old")
        shutil.copytree(world.data, old, symlinks=True)
        world.start_server()
        check(set(listed(world)) == {first_id, second_id}, "a restart forgets")
        says(world.admin("status"), "last proven")
        # The vault file went along.
        world.run([program("nightsafe"), "key", "derive", "read",
                   os.path.join(world.directory, "read2.key"), "--vault-file",
                   os.path.join(world.admin_directory, "main.vault"),
                   "--recovery", second])

        remove_a_key(world, second, first_id, second_id)
        says(reader.run("snapshots", "--key", world.recovery_key, expect=5),
             "not sealed to recovery key")
        says(reader.run("snapshots", "--key", second), "web1/files")
        world.kill_server()
        for key, expect in ((world.recovery_key, 5), (second, 0)):
            opens(world, world.data, key, vault_id, expect)
            opens(world, old, key, vault_id)
        subprocess.run(["rm", "-r", os.path.join(world.data, "index")],
                       check=True)
        world.start_server()
        check(set(listed(world)) == {second_id}, "a kill brings it back")
        check(world.metric("nightsafe_vault_forged_records") == 0, "forged")
        restore_from_a_file(world, vault_id, second, first_id, second_id)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
