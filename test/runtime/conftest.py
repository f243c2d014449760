"""Hand-written models (models/*.c) that stand in for generated code, linked with the runtime."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aicc import runtime

HERE = Path(__file__).parent
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]

Fake = Callable[..., Path]


def cc(*arguments: object, env: dict[str, str] | None = None) -> None:
    """Runs the C compiler; its messages are the assertion's."""
    done = subprocess.run(["cc", *map(str, arguments)], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def runtime_objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runtime compiled as the linker step compiles it, with warnings as errors."""
    folder = tmp_path_factory.mktemp("runtime")
    objects = []
    for source in [*runtime.runtime_sources(), *runtime.part_sources("images")]:
        objects.append(folder / f"{source.stem}.o")
        cc(
            *runtime.CFLAGS,
            *WARNINGS,
            "-Wpedantic",
            f"-I{runtime.include_dir()}",
            "-c",
            source,
            "-o",
            objects[-1],
        )
    return objects


@pytest.fixture(scope="session")
def fake(runtime_objects: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """`fake("affine", "BATCH=4")` is the path of a library built from models/affine.c, built once."""
    folder = tmp_path_factory.mktemp("models")
    built: dict[tuple[str, ...], Path] = {}

    def build(name: str, *defines: str) -> Path:
        key = (name, *defines)
        if key not in built:
            target = folder / f"lib{name}{len(built)}.so"
            source = HERE / "models" / f"{name}.c"
            flags = [*runtime.CFLAGS, *WARNINGS, f"-I{runtime.include_dir()}", *(f"-D{d}" for d in defines)]
            script = f"-Wl,--version-script={runtime.version_script()}"
            cc(
                *flags,
                "-shared",
                source,
                *runtime_objects,
                script,
                "-Wl,-z,defs",
                "-o",
                target,
                *runtime.LDFLAGS,
            )
            built[key] = target
        return built[key]

    return build
