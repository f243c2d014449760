"""Fusion into kernels, outlining, merging of identical kernels, choice of schedules."""
