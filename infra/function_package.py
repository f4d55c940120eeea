"""Makes the package of a binary for AWS Lambda, and refuses one that would not run there.

The same binary gives the same bytes: nothing of this machine, and no time, is in the zip.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

# Amazon Linux 2023, which `provided.al2023` is, has this one.
NEWEST_GLIBC = (2, 34)
# The shared libraries of glibc and of the compiler, as old there as anything needs them.
LIBRARIES = re.compile(r"(ld-linux-.*|lib(c|m|dl|rt|pthread|gcc_s))\.so\.\d+")
# In the first bytes of an ELF file: its class and byte order, and the processor that it is for.
ELF_64_LITTLE = b"\x7fELF\x02\x01"
MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
# The earliest time that a zip can state.
NO_TIME = (1980, 1, 1, 0, 0, 0)
EXECUTABLE = 0o100755


class Unfit(Exception):
    """The binary is none that Lambda would run, or the package is too large; the message says which and what to do."""


def machine(binary: bytes) -> str:
    """The processor that it is for, in Lambda's words."""
    if not binary.startswith(ELF_64_LITTLE):
        raise Unfit("not a 64-bit ELF binary: name what cargo built for Linux")
    return MACHINES.get(int.from_bytes(binary[18:20], "little"), "another processor")


def newest_glibc(symbols: str) -> tuple[int, int]:
    """The newest version that `objdump -T` shows to be needed; (0, 0) for a static binary."""
    found = re.findall(r"GLIBC_(\d+)\.(\d+)", symbols)
    return max(((int(major), int(minor)) for major, minor in found), default=(0, 0))


def foreign_libraries(headers: str) -> list[str]:
    """The shared libraries that `objdump -p` shows to be needed and Lambda may have an older one of, or none."""
    needed = re.findall(r"^ +NEEDED +(\S+)$", headers, re.MULTILINE)
    return [library for library in needed if not LIBRARIES.fullmatch(library)]


def objdump(option: str, binary: Path) -> str:
    done = subprocess.run(["objdump", option, str(binary)], capture_output=True, text=True, check=False)
    if done.returncode != 0 and "not a dynamic object" not in done.stderr:
        raise Unfit(f"objdump {option} {binary}: {done.stderr.strip()}")
    return done.stdout


def check(binary: Path, architecture: str) -> tuple[int, int]:
    """Processor, shared libraries and C library. The version of glibc that it needs."""
    found = machine(binary.read_bytes()[:20])
    if found != architecture:
        raise Unfit(f"{binary} is for {found}, and the template says {architecture}")
    foreign = foreign_libraries(objdump("-p", binary))
    if foreign:
        raise Unfit(f"{binary} needs {', '.join(foreign)}: link it statically")
    needed = newest_glibc(objdump("-T", binary))
    if needed > NEWEST_GLIBC:
        raise Unfit(
            f"{binary} needs GLIBC_{needed[0]}.{needed[1]}, and Lambda has {NEWEST_GLIBC[0]}.{NEWEST_GLIBC[1]}:"
            " build on Debian 12 or older, or with cargo-zigbuild"
        )
    return needed


def write(binary: Path, package: Path) -> None:
    """One file named bootstrap, executable."""
    entry = zipfile.ZipInfo("bootstrap", NO_TIME)
    entry.create_system = 3  # Unix, or the mode is not looked at
    entry.external_attr = EXECUTABLE << 16
    package.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(entry, binary.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def make(binary: Path, package: Path, architecture: str, most_bytes: int) -> str:
    """Checks, packs, and says what came of it. What is too large is not left behind."""
    needed = check(binary, architecture)
    write(binary, package)
    size = package.stat().st_size
    if size >= most_bytes:
        package.unlink()
        raise Unfit(f"{package} would have {size:,} bytes, and {most_bytes:,} are too many: find out what came in")
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    library = "no glibc" if needed == (0, 0) else f"GLIBC_{needed[0]}.{needed[1]}"
    return (
        f"{package}: {size:,} bytes of {binary.stat().st_size:,}, {architecture}, needs {library}\n"
        f"sha256 {digest}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the package of a binary for AWS Lambda")
    parser.add_argument("binary", type=Path)
    parser.add_argument("package", type=Path)
    parser.add_argument("--architecture", choices=sorted(MACHINES.values()), default="x86_64")
    parser.add_argument("--most-bytes", type=int, required=True)
    given = parser.parse_args()
    try:
        print(make(given.binary, given.package, given.architecture, given.most_bytes))
    except (Unfit, OSError) as problem:
        print(f"package: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
