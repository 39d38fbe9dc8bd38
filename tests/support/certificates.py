"""Certificates of a world's own CA, with dates of the caller's choice."""

import os
import subprocess

FORMAT = "%Y%m%d%H%M%SZ"


def name_in(path):
    """The URI in a certificate."""
    text = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"],
        check=True, capture_output=True).stdout.decode()
    return text.split("URI:")[1].split()[0]


def reissue(machine, role, start, end):
    """The machine's certificate again, for its key, valid between two dates."""
    folder = machine.path(role)
    files = {
        "new.conf": "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\n"
                    "serial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                    "policy=p\nx509_extensions=e\n[p]\n[e]\n"
                    "basicConstraints=critical,CA:FALSE\n"
                    "keyUsage=critical,digitalSignature\n"
                    "extendedKeyUsage=clientAuth\nsubjectAltName=URI:"
                    + name_in(os.path.join(folder, "certificate.pem"))
                    + "\n[req]\ndistinguished_name=n\n[n]\n",
        "index.txt": "", "serial": "01\n"}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    ca = os.path.join(machine.world.data, "pki", "ca")

    def run(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True,
                       capture_output=True)
    run("req", "-new", "-config", "new.conf", "-key", "key.pem", "-subj", "/",
        "-out", "new.csr")
    run("ca", "-batch", "-config", "new.conf", "-cert", ca + ".crt",
        "-keyfile", ca + ".key", "-in", "new.csr", "-out", "certificate.pem",
        "-notext", "-startdate", start, "-enddate", end)
