"""Packages of binaries that every Linux has, and of things that are none."""

import os
import platform
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import function_package as own

BINARY = Path("/bin/true").resolve()
HERE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[HERE]
PLENTY = 10_000_000


class APackage(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.package = self.folder / "bootstrap.zip"

    def test_has_the_same_bytes_whenever_it_is_made(self) -> None:
        made = []
        for time in (1_000_000_000, 1_700_000_000):
            binary = self.folder / f"binary-{time}"
            binary.write_bytes(BINARY.read_bytes())
            os.utime(binary, (time, time))
            binary.chmod(0o700)
            own.make(binary, self.package, HERE, PLENTY)
            made.append(self.package.read_bytes())
        self.assertEqual(made[0], made[1])

    def test_holds_bootstrap_executable_for_all(self) -> None:
        own.make(BINARY, self.package, HERE, PLENTY)
        with zipfile.ZipFile(self.package) as archive:
            (entry,) = archive.infolist()
            self.assertEqual(archive.read(entry), BINARY.read_bytes())
        self.assertEqual((entry.filename, entry.external_attr >> 16), ("bootstrap", 0o100755))

    def test_that_is_too_large_is_refused_and_not_left_behind(self) -> None:
        with self.assertRaisesRegex(own.Unfit, "are too many"):
            own.make(BINARY, self.package, HERE, 100)
        self.assertFalse(self.package.exists())

    def test_for_another_processor_is_refused(self) -> None:
        with self.assertRaisesRegex(own.Unfit, f"is for {HERE}, and the template says {OTHER}"):
            own.make(BINARY, self.package, OTHER, PLENTY)

    def test_of_a_script_is_refused(self) -> None:
        script = self.folder / "script"
        script.write_text("#!/bin/sh\n")
        with self.assertRaisesRegex(own.Unfit, "not a 64-bit ELF"):
            own.make(script, self.package, HERE, PLENTY)

    def test_is_made_by_the_command_or_the_command_says_why_not(self) -> None:
        words = [sys.executable, own.__file__, "--architecture", HERE, str(BINARY), str(self.package), "--most-bytes"]
        done = subprocess.run([*words, str(PLENTY)], capture_output=True, text=True, check=True)
        self.assertIn("sha256 ", done.stdout)
        done = subprocess.run([*words, "10"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, "are too many" in done.stderr), (1, True))


class TheLibrary(unittest.TestCase):
    def test_is_read_as_numbers_and_not_as_text(self) -> None:
        shown = "DF *UND* 0 (GLIBC_2.9) a\nDF *UND* 0 (GLIBC_2.34) b\nDF *UND* 0 (GLIBC_2.2.5) c\n"
        self.assertEqual(own.newest_glibc(shown), (2, 34))
        self.assertEqual(own.newest_glibc("DYNAMIC SYMBOL TABLE:\nno symbols\n"), (0, 0))

    def test_of_another_language_is_named_and_refused(self) -> None:
        shown = "Dynamic Section:\n  NEEDED               libstdc++.so.6\n  NEEDED               libm.so.6\n  SONAME  x\n"
        self.assertEqual(own.foreign_libraries(shown), ["libstdc++.so.6"])
        found, own.LIBRARIES = own.LIBRARIES, re.compile("nothing")
        try:
            with self.assertRaisesRegex(own.Unfit, "needs libc.so.6.*: link it statically"):
                own.check(BINARY, HERE)
        finally:
            own.LIBRARIES = found

    def test_that_lambda_lacks_is_refused(self) -> None:
        needed = own.check(BINARY, HERE)
        newest, own.NEWEST_GLIBC = own.NEWEST_GLIBC, (2, 0)
        try:
            with self.assertRaisesRegex(own.Unfit, f"needs GLIBC_2.{needed[1]}, and Lambda has 2.0"):
                own.check(BINARY, HERE)
        finally:
            own.NEWEST_GLIBC = newest


if __name__ == "__main__":
    unittest.main()
