"""Logic on bools, broadcasting."""

from __future__ import annotations

import numpy as np

from aicc.dialects.elementwise import binary, unary
from aicc.dialects.types import BOOL

And = binary("and", "`a && b`.", np.logical_and, BOOL)
Or = binary("or", "`a || b`.", np.logical_or, BOOL)
Xor = binary("xor", "`a != b`.", np.logical_xor, BOOL)
Not = unary("not", "`!x`.", np.logical_not, BOOL)
