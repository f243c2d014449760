"""Passes on vectors and loops."""
