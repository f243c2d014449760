"""Runtimes to measure without installing any: Python files as a worker loads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aicc.tools.bench.environments import bench_folder
from aicc.tools.bench.peers import Peer

HEAD = """
import os, sys, time
import numpy as np

class Peer:
    version = "1.0"
    def compile(self, job):
        with open(job.folder + "/made", "w") as file:
            file.write("x")
        with open(job.model + ".compilations", "a") as file:
            file.write("x")
    def load(self, job):
        self.inputs = dict(job.inputs)
    def run(self):
        return [2 * next(iter(self.inputs.values()))]
    def rethread(self, threads):
        self.threads = threads
    def profile(self, runs):
        return {}
"""
FAULTS = {
    "good": "",
    "wrong": "    def run(self):\n        return [3 * next(iter(self.inputs.values()))]\n",
    "broken": "    def load(self, job):\n        raise ValueError('no such operator: Foo')\n",
    "crashing": "    def run(self):\n        print('about to die', file=sys.stderr, flush=True)\n        os.abort()\n",
    "hanging": "    def run(self):\n        time.sleep(60)\n",
    "uncompiled": "    def compile(self, job):\n        raise ValueError('cannot compile')\n",
    "endless": "    def compile(self, job):\n        time.sleep(60)\n",
    "counting": "    def load(self, job):\n        open(job.model + '.loads', 'a').write('x')\n"
    "        raise ValueError('no')\n",
    "threads": "    def load(self, job):\n        self.inputs, self.threads = dict(job.inputs), job.threads\n"
    "    def run(self):\n        return [2 * self.inputs['x'] + np.float32(self.threads)]\n",
    "loaded": "    def load(self, job):\n        assert os.path.exists(job.folder + '/made')\n"
    "        self.inputs = dict(job.inputs)\n",
}


def fake(folder: Path, name: str, fault: str = "good", compiles: bool = False, slow: bool = False) -> Peer:
    """A runtime that doubles its first input, or does what `fault` says."""
    path = folder / f"{name}_{fault}.py"
    path.write_text(HEAD + FAULTS[fault])
    return Peer(name, str(path), compiles=compiles, slow=slow)


def stand_in(peer: Peer) -> None:
    """Makes this interpreter the environment of a runtime that is installed here: tests install nothing."""
    folder = bench_folder() / "environments" / peer.name
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    folder.with_suffix(".json").write_text(json.dumps({"requirements": peer.requirements, "versions": []}))
