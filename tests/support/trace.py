"""What a traced program did to files, from the output of `strace -f -y`."""

import os
import re

CALLS = ("open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,"
         "truncate,ftruncate,fallocate,rmdir,link,linkat")

WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
CALL = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s*= (\S+)")
# With the directory that the call names before it, if any.
QUOTED = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")


class Deed:
    """One call that changes names or lengths, or opens for writing."""

    def __init__(self, call, paths, arguments):
        self.call = call
        self.paths = paths  # absolute; of a rename: from, to
        self.arguments = arguments

    def __repr__(self):
        return f"{self.call} {self.paths} ({self.arguments})"


def lines_of(path):
    """Calls in one line each, also those that another thread interrupted."""
    unfinished = {}
    with open(path, errors="replace") as log:
        for line in log:
            line = line.rstrip("\n")
            thread = line.split(" ", 1)[0]
            if line.endswith("<unfinished ...>"):
                unfinished[thread] = line[:-len("<unfinished ...>")].rstrip()
                continue
            resumed = re.match(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$", line)
            if resumed and resumed[1] in unfinished:
                line = unfinished.pop(resumed[1]) + resumed[2].lstrip()
            yield line


def deeds(path):
    """Those that succeeded, in order; and how many calls were looked at."""
    found = []
    seen = 0
    for line in lines_of(path):
        match = CALL.match(line)
        if match is None:
            continue
        seen += 1
        call, arguments, result = match.groups()
        if result.startswith("-"):
            continue
        if call in ("ftruncate", "fallocate"):
            descriptor = DESCRIPTOR.match(arguments)
            paths = [descriptor[1]] if descriptor else []
        else:
            paths = [os.path.normpath(os.path.join(directory, name))
                     for directory, name in QUOTED.findall(arguments)]
        if call in ("open", "openat", "openat2") and \
                not WRITES.search(arguments):
            continue
        found.append(Deed(call, paths, arguments))
    return found, seen
