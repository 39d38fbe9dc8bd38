"""A host with a tree that changes from backup to backup."""

import os
import random
import shutil

from world import make_tree

KEPT_ROUNDS = 3  # so long a folder stays


class Source:
    def __init__(self, world, name, rng, files=40):
        self.host = world.host(name)
        self.rng = rng
        self.root = os.path.join(world.directory, "tree-" + name)
        self.serial = 0
        make_tree(self.root, rng, files=files, big=1)

    def change(self, big=None):
        """A new folder with `big` large files (else up to two); an old one goes.
        Some files change in place, and some of them keep size and time."""
        self.serial += 1
        make_tree(os.path.join(self.root, f"round{self.serial}"), self.rng,
                  files=12,
                  big=self.rng.randrange(3) if big is None else big)
        shutil.rmtree(os.path.join(self.root,
                                   f"round{self.serial - KEPT_ROUNDS}"),
                      ignore_errors=True)
        files = sorted(os.path.join(folder, name)
                       for folder, _, names in os.walk(self.root)
                       for name in names if name.startswith("file "))
        for path in self.rng.sample(files, 3):
            rewrite(path, self.rng)


def rewrite(path, rng):
    """Other bytes; often of the same length, with the same mtime."""
    status = os.stat(path)
    same = rng.random() < 0.5
    size = status.st_size if same else rng.randrange(20000)
    with open(path, "r+b") as out:
        out.truncate(size)
        out.write(random.Random(rng.random()).randbytes(size))
    if same:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
