"""lit: every `.mlir` file under test/ is a test of IR, run with aicc-opt and FileCheck; test/codegen/targets
looks at machine code.

Tools run by this very interpreter, so that the tests see the package that is installed with it, whatever
PATH says. `config` is given by lit.
"""

import importlib.util
import os
import sys

import lit.formats

config.name = "aicc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["Inputs", "Output"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.test_source_root, os.pardir, "build", "lit")


def tool(name: str, module: str) -> tuple[str, str]:
    """Substitutes the word `name` of a RUN line, and not a part of some path."""
    return rf"(?<![\w./-]){name}(?![\w./-])", f"{sys.executable} -m {module}"


config.substitutions += [
    tool("aicc", "aicc.tools.aicc"),
    tool("aicc-opt", "aicc.tools.aicc_opt"),
    tool("aicc-run", "aicc.tools.aicc_run"),
    tool("(?i:filecheck)", "filecheck"),
    tool("hot-loops", "test.hot_loops"),
    ("%python", sys.executable),
]

for name in ("PYTHONPATH", "HOME", "TMPDIR", "AICC_CACHE_DIR", "XDG_CACHE_HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.environment["PYTHONDONTWRITEBYTECODE"] = "1"
# Tests that write models, and tools of the tests, import `test`.
_root = os.path.dirname(config.test_source_root)
config.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), _root]))

# For `REQUIRES: onnxruntime` and the like.
config.available_features |= {m for m in ("onnxruntime", "ziglang") if importlib.util.find_spec(m)}
if os.path.exists("/dev/nvidiactl"):
    config.available_features.add("cuda")
