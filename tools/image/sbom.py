#!/usr/bin/env python3
"""The software bill of materials of the operator, as CycloneDX, from the list of dependencies that is embedded in the program.

usage: sbom.py BINARY            prints it
       sbom.py BINARY --check    compares the list with what Cargo.lock resolves to; run in the checkout that the program was built from
"""

import hashlib
import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Where cargo auditable puts it.
SECTION = b".dep-v0"


def embedded(program):
    """The packages: name, version, source, kind ("build" if they are not in the program), dependencies as places in the list."""
    if program[:6] != b"\x7fELF\x02\x01":
        sys.exit("sbom.py: not a 64-bit little-endian ELF program")
    table, entry, count, names = struct.unpack_from("<Q", program, 40)[0], *struct.unpack_from("<HHH", program, 58)
    sections = [struct.unpack_from("<IIQQQQ", program, table + entry * index) for index in range(count)]
    strings = sections[names][4]
    for name, _, _, _, offset, size in sections:
        start = strings + name
        if program[start : program.index(b"\0", start)] == SECTION:
            return json.loads(zlib.decompress(program[offset : offset + size]))["packages"]
    sys.exit("sbom.py: no list of dependencies is embedded: build it with tools/image/static.sh")


def named(packages):
    """Name and version of each."""
    return {(package["name"], package["version"]) for package in packages}


def inside(packages):
    """Without what only the build needed. Some procedural macros stay: cargo auditable does not recognise all of them."""
    return [package for package in packages if package.get("kind") != "build"]


def document(program, packages):
    """CycloneDX 1.5."""
    checksums = locked_checksums()

    def purl(package):
        return f"pkg:cargo/{package['name']}@{package['version']}"

    def component(package):
        found = {"type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"], "purl": purl(package)}
        found |= {"scope": "excluded" if package.get("kind") == "build" else "required"}
        checksum = checksums.get((package["name"], package["version"]))
        return found | ({"hashes": [{"alg": "SHA-256", "content": checksum}]} if checksum else {})

    root = next(package for package in packages if package.get("root"))
    name, version = re.match(r"(\w+)==(\S+)", (HERE / "roots.txt").read_text()).groups()
    roots = {"type": "data", "bom-ref": f"pkg:pypi/{name}@{version}", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
    graph = []
    for package in packages:
        needs = {purl(packages[place]) for place in package.get("dependencies", [])}
        graph.append({"ref": purl(package), "dependsOn": sorted(needs | ({roots["bom-ref"]} if package is root else set()))})
    digest = {"alg": "SHA-256", "content": hashlib.sha256(program).hexdigest()}
    libraries = [component(package) for package in packages if package is not root]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(root) | {"type": "application", "hashes": [digest]}},
        "components": sorted(libraries + [roots], key=lambda found: found["purl"]),
        "dependencies": sorted(graph, key=lambda found: found["ref"]) + [{"ref": roots["bom-ref"], "dependsOn": []}],
    }


def locked_checksums():
    """Of the packages of Cargo.lock that have one."""
    lock = (HERE / "../../Cargo.lock").read_text()
    return {(name, version): checksum for name, version, checksum in re.findall(r'name = "(.*)"\nversion = "(.*)"\nsource = .*\nchecksum = "(.*)"', lock)}


def resolved(edges):
    """What Cargo.lock resolves to for the program on this machine, along these kinds of dependencies."""
    host = re.search(r"^host: (\S+)$", subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout, re.M)[1]
    command = ["cargo", "tree", "--locked", "--package", "switchboard", "--edges", edges, "--target", host, "--prefix", "none", "--format", "{p}"]
    output = subprocess.run(command, cwd=HERE / "../..", capture_output=True, text=True, check=True)
    return {tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in output.stdout.splitlines() if line}


def check(packages):
    """Leaves if the list misses something that is linked, or has something that the lock file does not have, or has for the build only."""
    listed, linked = named(inside(packages)), resolved("normal,no-proc-macro")
    locked = set(re.findall(r'name = "(.*)"\nversion = "(.*)"', (HERE / "../../Cargo.lock").read_text()))
    wrong = {
        "in the program, and not in its list": linked - listed,
        "in the list, and no dependency of the program": listed - resolved("normal"),
        "in the list, and not in Cargo.lock": named(packages) - locked,
    }
    for what, found in wrong.items():
        if found:
            sys.exit(f"sbom.py: {what}: {sorted(found)}")
    print(f"The list in the program agrees with Cargo.lock: {len(linked)} packages are linked, {len(packages) - len(linked)} were needed to build it")


def main():
    program = Path(sys.argv[1]).read_bytes()
    packages = embedded(program)
    if sys.argv[2:] == ["--check"]:
        check(packages)
    elif len(sys.argv) == 2:
        json.dump(document(program, packages), sys.stdout, indent=2)
        print()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
