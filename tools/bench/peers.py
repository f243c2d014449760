"""The runtimes that can be measured: what each needs installed, and how patient to be with it."""

from __future__ import annotations

from dataclasses import dataclass

ONNX = "onnx==1.23.2"
NUMPY = "numpy==2.4.6"


@dataclass(frozen=True)
class Peer:
    """`runtime`: the module of `worker/runtimes`, or a Python file. `requirements` are pinned: they make the
    environment, which is made again when they change; empty means the environment aicc itself runs in.
    `index` is a package index to ask when the usual one lacks them. `compiles`: whether compiling is a step
    of its own, whose result is kept for any number of threads. `slow`: takes part in few rounds only, because
    it takes long to load or to run. `rethreads`: a loaded model can change its number of threads.
    """

    name: str
    runtime: str
    requirements: tuple[str, ...] = ()
    index: str = ""
    compiles: bool = False
    slow: bool = False
    rethreads: bool = False


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("aicc", "aicc"),
        Peer("onnxruntime", "onnxruntime", ("onnxruntime==1.32.0", NUMPY)),
        Peer("openvino", "openvino", ("openvino==2026.4.1", NUMPY)),
        Peer(
            "iree",
            "iree",
            ("iree-base-compiler[onnx]==3.13.0", "iree-base-runtime==3.13.0", ONNX, NUMPY),
            compiles=True,
            slow=True,
        ),
        Peer("tvm", "tvm", ("apache-tvm==0.27.0.post1", ONNX, NUMPY), compiles=True, slow=True),
        Peer(
            "torchinductor",
            "torchinductor",
            ("torch==2.13.0+cpu", "onnxscript==0.7.2", "setuptools==84.0.0", ONNX, NUMPY),
            index="https://download.pytorch.org/whl/cpu",
            compiles=True,
            slow=True,
            rethreads=True,
        ),
    )
}
AICC = PEERS["aicc"]
RIVALS = tuple(name for name in PEERS if name != "aicc")
