"""Minimum cut of a directed graph (Dinic's algorithm)."""

from __future__ import annotations

from collections import deque

INFINITE = 1 << 60


class FlowGraph:
    """Nodes are numbers from `node()`; `SOURCE` and `SINK` exist from the start."""

    SOURCE = 0
    SINK = 1

    def __init__(self) -> None:
        self._edges: list[list[int]] = [[], []]
        self._to: list[int] = []
        self._capacity: list[int] = []

    def node(self) -> int:
        """A new node."""
        self._edges.append([])
        return len(self._edges) - 1

    def edge(self, start: int, end: int, capacity: int) -> None:
        """Cutting `start` (on the source's side) from `end` (on the sink's) costs `capacity`."""
        if start == end or capacity == 0:
            return
        self._edges[start].append(len(self._to))
        self._to.append(end)
        self._capacity.append(capacity)
        self._edges[end].append(len(self._to))
        self._to.append(start)
        self._capacity.append(0)

    def source_side(self) -> set[int]:
        """The nodes on the source's side of a cheapest cut, as few as possible."""
        while True:
            levels = self._levels()
            if levels[self.SINK] < 0:
                return {n for n, level in enumerate(levels) if level >= 0}
            position = [0] * len(self._edges)
            while self._augment(levels, position):
                pass

    def _levels(self) -> list[int]:
        levels = [-1] * len(self._edges)
        levels[self.SOURCE] = 0
        queue = deque([self.SOURCE])
        while queue:
            n = queue.popleft()
            for e in self._edges[n]:
                if self._capacity[e] and levels[self._to[e]] < 0:
                    levels[self._to[e]] = levels[n] + 1
                    queue.append(self._to[e])
        return levels

    def _augment(self, levels: list[int], position: list[int]) -> bool:
        """Pushes flow along one path of the level graph; False when there is none."""
        path: list[int] = []
        n = self.SOURCE
        while n != self.SINK:
            edges = self._edges[n]
            while position[n] < len(edges):
                e = edges[position[n]]
                if self._capacity[e] and levels[self._to[e]] == levels[n] + 1:
                    break
                position[n] += 1
            else:
                if not path:
                    return False
                levels[n] = -1
                n = self._to[path.pop() ^ 1]
                continue
            path.append(e)
            n = self._to[e]
        flow = min(self._capacity[e] for e in path)
        for e in path:
            self._capacity[e] -= flow
            self._capacity[e ^ 1] += flow
        return True
