"""Elementary functions as straight-line arithmetic, one file per family; `functions.py` lists them all.

Accuracy and special values are those of C's <math.h>; each function's docstring gives its largest error in
ulp over the whole range, with fused multiply-adds, as test/passes/loops measures it (without: half an ulp
more). Coefficients are minimax polynomials of our own
(test/passes/loops/minimax.py). Nothing reads memory or calls a library.
"""
