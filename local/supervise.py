"""Run one command and kill it, with its children, when the parent program ends.

    python supervise.py WORKDIR COMMAND...

Standard input closes when the parent closes it, exits or is killed. Then the command's process group is killed, because
it has no state to save, and WORKDIR, which this program creates, is removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_REMOVE_SECONDS = 5


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # already empty (macOS: only zombies left)
        os.killpg(group, signal.SIGKILL)


def _kill_when_parent_ends(group: int) -> None:
    os.read(sys.stdin.fileno(), 1)
    _kill_group(group)


def _remove(workdir: str) -> None:
    """Retry, because killed processes may still be writing."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while os.path.lexists(workdir) and time.monotonic() < deadline:
        shutil.rmtree(workdir, ignore_errors=True)
        time.sleep(0.01)


def main() -> int:
    workdir, *command = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # children inherit SIG_IGN, but no handler
    Path(workdir).mkdir(mode=0o700)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=workdir, process_group=0)
    threading.Thread(target=_kill_when_parent_ends, args=(child.pid,), daemon=True).start()
    code = child.wait()
    _kill_group(child.pid)
    _remove(workdir)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
