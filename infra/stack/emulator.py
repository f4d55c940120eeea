"""MiniStack in a process of its own, on loopback and a free port, with authorization on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

# A region that version 1 of the AWS command line has no old address of SQS for: it would prefer that to the endpoint.
REGION = "eu-central-2"
ACCOUNT = "000000000000"
# Whoever signs with these is the account's root; the function gets credentials of its own role.
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
READY_WITHIN_S = 60
# In the kernel's table of sockets.
LISTENING = "0A"
LOOPBACK = "0100007F"
# Where `rebalance` is.
BUILT = Path(__file__).resolve().parents[2] / "target/debug"


class Emulator:
    """Starts with the `with` block and ends with it."""

    def __init__(self, log: Path):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = log

    def __enter__(self) -> "Emulator":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=self._own_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own, so that the functions that it starts end with it.
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def environment(self) -> dict[str, str]:
        """For commands of this machine that shall speak to the emulator, as root."""
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(BUILT), os.environ["PATH"]]),
            "HOME": os.environ.get("HOME", "/"),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            # Neither profiles nor the address of a machine in the cloud.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            **ROOT,
        }

    def listens_on(self) -> set[str]:
        """Addresses, as the kernel has them: of every socket on which the emulator waits for others."""
        descriptors = Path(f"/proc/{self.process.pid}/fd").iterdir()
        own = {os.readlink(descriptor) for descriptor in descriptors if descriptor.exists() or descriptor.is_symlink()}
        found = set()
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == LISTENING and f"socket:[{rest[5]}]" in own:
                    found.add(local.split(":")[0])
        return found

    def _own_environment(self) -> dict[str, str]:
        return {
            **self.environment(),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            # The repetitions of an event that failed, which are a minute apart on AWS.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the emulator ended with {self.process.returncode}; see {self.log}")
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                    json.load(answer)
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the emulator was not ready within {READY_WITHIN_S} s; see {self.log}")

    def _stop(self) -> None:
        # The group is this process's own: nothing else is in it but what the emulator started.
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sent)
                self.process.wait(timeout=10)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
