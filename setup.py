"""Maps the folders of the repository, which follow the pipeline, into the one import package `aicc`.

Everything else about the distribution is in pyproject.toml. Packages are found here, so that a new
subfolder with an `__init__.py` is installed without an edit.
"""

from setuptools import find_packages, setup

TREES = {"aicc": "compiler", "aicc.dialects": "dialects", "aicc.passes": "passes", "aicc.tools": "tools"}

packages = [
    package
    for name, folder in TREES.items()
    for package in (name, *(f"{name}.{child}" for child in find_packages(folder)))
]

setup(packages=packages, package_dir=TREES)
