"""How a kernel becomes loops: one class per schedule, one folder per target."""
