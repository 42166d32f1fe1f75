"""Run one command and end it, with everything it started, when the program that asked for it is gone.

    python supervise.py WORKDIR COMMAND...

Standard input is the lifeline: it closes when the asker closes it, exits or is killed. What runs here keeps
nothing worth a graceful end, so its process group is killed and WORKDIR, which is made here, removed.
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


def _kill_when_asker_is_gone(group: int) -> None:
    os.read(sys.stdin.fileno(), 1)
    _kill_group(group)


def _remove(workdir: str) -> None:
    """What was just killed may still be writing."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while os.path.lexists(workdir) and time.monotonic() < deadline:
        shutil.rmtree(workdir, ignore_errors=True)
        time.sleep(0.01)


def main() -> int:
    workdir, *command = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the lifeline alone decides; a handler is not inherited, SIG_IGN is
    Path(workdir).mkdir(mode=0o700)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=workdir, process_group=0)
    threading.Thread(target=_kill_when_asker_is_gone, args=(child.pid,), daemon=True).start()
    code = child.wait()
    _kill_group(child.pid)
    _remove(workdir)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
