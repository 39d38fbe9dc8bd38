"""Some days in the life of a server and two hosts, to be damaged.

The end is a server that was killed: finished and open packs, journals of
several segments, an object index with a log that was not folded in. It can be
put back at any time. `older` is the same tree of files some snapshots earlier.
"""

import os
import shutil
import subprocess

from cheap_key import make_cheap
from world import PASSPHRASE, check, make_tree

KEPT = ("server", "admin", "machines")


def contents_below(root):
    """SHA-256 of every regular file, links and directories by type."""
    import hashlib
    found = {}
    for folder, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(folder, name)
            key = os.path.relpath(path, root)
            if os.path.islink(path):
                found[key] = "link to " + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[key] = hashlib.sha256(file.read()).hexdigest()
            else:
                found[key] = "directory"
    return found


class Taken:
    """An acknowledged snapshot and what it was made of."""

    def __init__(self, name, snapshot, root, contents):
        self.name = f"{name}@{snapshot}"
        self.snapshot = snapshot
        self.root = root
        self.contents = contents


def snapshot_in(output):
    return next(line.split()[1] for line in output.splitlines()
                if line.startswith("snapshot "))


class History:
    def __init__(self, world, rng):
        self.world = world
        self.rng = rng
        self.tree = os.path.join(world.directory, "tree")
        self.other_tree = os.path.join(world.directory, "other-tree")
        self.ledger = []
        world.set_up().start_server()
        self.host = world.host("web1")
        self.reader = world.reader()
        make_cheap(self.reader.path("read.key"), PASSPHRASE)
        for name in ("admin.key", "enrol-main.key", "recovery.key"):
            make_cheap(os.path.join(world.admin_directory, name), PASSPHRASE)
        make_tree(self.tree, rng, files=60)
        self.back_up()
        self.back_up_stream(b"first dump\n" * 3000)
        self.restart()
        self.other = world.host("db1")
        make_tree(self.other_tree, rng, files=10, big=0)
        self.make_nodes()
        self.back_up(self.other, self.other_tree)
        self.change()
        self.back_up()
        self.restart()
        world.enrol("second", reader=True)
        self.older = self.copy("older")
        self.change()
        self.back_up()
        self.back_up_stream(b"second dump\n" * 5000)
        world.kill_server()
        self.kept = self.copy("kept")

    def make_nodes(self):
        """Enough empty files for an inner node."""
        many = os.path.join(self.other_tree, "many")
        os.makedirs(many)
        for i in range(400):
            with open(os.path.join(many, f"{i:04}"), "wb"):
                pass

    def restart(self):
        self.world.stop_server()
        self.world.start_server()

    def change(self):
        """A file more, one less, one that is other."""
        names = sorted(n for n in os.listdir(self.tree)
                       if n.startswith("file") or n.startswith("new"))
        if names:
            os.unlink(os.path.join(self.tree, self.rng.choice(names)))
        for name in ("always other", f"new{len(self.ledger)}"):
            with open(os.path.join(self.tree, name), "wb") as out:
                out.write(self.rng.randbytes(20000))

    def back_up(self, host=None, root=None):
        host, root = host or self.host, root or self.tree
        output = host.run("backup", root)
        self.ledger.append(Taken(f"{host.name}/files", snapshot_in(output),
                                 root, contents_below(root)))
        return output

    def back_up_stream(self, content):
        import hashlib
        output = self.host.run("backup", "--stdin", "--set", "dump",
                               stdin=content)
        self.ledger.append(Taken(
            f"{self.host.name}/dump", snapshot_in(output), "",
            {"stdin": hashlib.sha256(content).hexdigest()}))

    def copy(self, name):
        target = os.path.join(self.world.directory, name)
        os.makedirs(target)
        for part in KEPT:
            subprocess.run(["cp", "-a", os.path.join(self.world.directory,
                                                     part), target],
                           check=True)
        return target

    def put_back(self):
        self.world.kill_server()
        for part in KEPT:
            current = os.path.join(self.world.directory, part)
            shutil.rmtree(current)
            subprocess.run(["cp", "-a", os.path.join(self.kept, part),
                            current], check=True)

    def older_copy_of(self, path):
        return os.path.join(self.older,
                            os.path.relpath(path, self.world.directory))

    def kept_copy_of(self, path):
        return os.path.join(self.kept,
                            os.path.relpath(path, self.world.directory))

    def restore(self, taken):
        """What a restore lacks of `taken`; a wrong or unnamed one fails."""
        target = os.path.join(self.world.directory, "restored")
        shutil.rmtree(target, ignore_errors=True)
        done = subprocess.run(
            self.reader.command("restore", taken.name, "--target", target),
            env=self.reader.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
            check=False)
        output = done.stdout.decode(errors="replace")
        check(done.returncode in (0, 4, 7),
              f"restore {taken.name} ended with {done.returncode}: {output}")
        got = contents_below(target + taken.root) \
            if os.path.isdir(target + taken.root) else {}
        for path, content in got.items():
            check(taken.contents.get(path) == content,
                  f"{taken.name}: {path} was restored to something else")
        lacking = sorted(set(taken.contents) - set(got))
        check(bool(lacking) == (done.returncode != 0),
              f"restore {taken.name} ended with {done.returncode} and lacks "
              f"{lacking}: {output}")
        if done.returncode == 7 and "the snapshot's tree" not in output \
                and "entries from here on" not in output:
            for path in lacking:
                check(f"{taken.root}/{path}:" in output,
                      f"{taken.name}: {path} is lacking and not named: "
                      + output)
        return lacking
