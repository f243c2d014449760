"""One module per runtime, each with a class `Peer`. Packages are imported when they are needed."""
