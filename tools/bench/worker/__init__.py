"""What runs in the environment of the runtime that is measured: NumPy, that runtime, and nothing of aicc.

The folder is loaded as a package of its own name (see `aicc.tools.bench.process`), so nothing in it may import
aicc, except the runtime that is aicc.
"""
