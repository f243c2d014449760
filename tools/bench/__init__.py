"""Timing runtimes against each other fairly: separate processes, pinned, measured in turn."""
