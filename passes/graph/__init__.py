"""Passes on the aicc dialect."""
