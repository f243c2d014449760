"""Lowerings from the aicc dialect to linalg, one file per op family."""
