"""What the schedules `rows` and `window` share: reductions of any dimensions, read into trees, emitted in passes."""
