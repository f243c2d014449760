"""The process that worker processes are forked from: it has everything imported, and no threads.

Run as `python -m aicc.codegen.zygote`, with a Unix socket as standard input. For each file descriptor that
arrives on it, one worker is forked; its process number is the answer. The zygote ends when the socket closes.

A worker reads jobs from its descriptor and answers each with a result (see `workers.py` for the frames).
Ordinary `multiprocessing` would import the user's main module again in each process, and would take 0.4 s for
each; a fork takes 10 ms.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
from typing import NoReturn

from aicc.codegen.frames import receive, send


def main() -> None:
    """Serves fork requests until the parent closes its end."""
    _preload()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers: the kernel reaps them
    control = socket.socket(fileno=os.dup(0))
    control.sendall(b"ready\n")
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        except OSError:
            return
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            _worker(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(f"{pid}\n".encode())


def _preload() -> None:
    """Imports what a build needs, and makes what is made once per process."""
    import aicc.codegen.kernel_build  # noqa: F401
    from aicc.bindings import ir
    from aicc.passes.schedules import registry

    for kind, names in registry.SCHEDULES.items():
        for name in names:
            with contextlib.suppress(Exception):
                registry.get(name, kind)
    with ir.Context():
        pass


def _worker(jobs: int, errors: int) -> NoReturn:
    """Answers jobs until the parent closes its end. What LLVM prints before it aborts goes to `errors`."""
    os.dup2(errors, 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    from aicc.codegen.kernel_build import answer

    stream = socket.socket(fileno=jobs)
    try:
        while (attempt := receive(stream)) is not None:
            send(stream, answer(attempt))
    except (OSError, EOFError):
        pass
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
