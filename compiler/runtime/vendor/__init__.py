"""C sources of what calls of vendors' libraries share, a part of the runtime that only models with such calls have."""
