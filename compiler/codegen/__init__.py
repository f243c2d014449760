"""LLVM text to objects, the object cache, worker processes, linking."""
