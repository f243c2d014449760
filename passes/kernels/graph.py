"""The dependence graph of one block, with ops merged into groups and the groups kept acyclic."""

from __future__ import annotations

from typing import Any

from aicc.passes.kernels.ir_tools import ancestor_in, defining_op, outside_operands


class BlockGraph:
    """Ops of a block by position, their dependences, and the group (node) each belongs to.

    Every op starts as a node of its own. `merge` joins an op to a node; `would_cycle` says whether
    that would make two nodes wait for each other.
    """

    def __init__(self, block: Any) -> None:
        self.block = block
        self.ops: list[Any] = [o.operation for o in block.operations]
        self.position: dict[Any, int] = {o: i for i, o in enumerate(self.ops)}
        self.preds: list[set[int]] = [set() for _ in self.ops]
        self.succs: list[set[int]] = [set() for _ in self.ops]
        for i, op in enumerate(self.ops):
            for _, _, value in outside_operands(op):
                d = self.definition(value)
                if d is not None:
                    self.preds[i].add(d)
                    self.succs[d].add(i)
        self.node: list[int] = list(range(len(self.ops)))
        self.members: dict[int, list[int]] = {i: [i] for i in range(len(self.ops))}

    def definition(self, value: Any) -> int | None:
        """Position of the op that defines a value; None when it is defined outside the block."""
        op = defining_op(value)
        return None if op is None else self.position.get(op)

    def users(self, i: int) -> list[int]:
        """Positions of the ops that use results of op `i` (or contain such a user)."""
        return sorted(self.succs[i])

    def user_of(self, op: Any) -> int | None:
        """Position of the block's op that is or contains `op`."""
        top = ancestor_in(op, self.block)
        return None if top is None else self.position.get(top)

    def merge(self, node: int, i: int) -> None:
        """Adds the single op `i` to `node`."""
        del self.members[self.node[i]]
        self.node[i] = node
        self.members[node] = sorted([*self.members[node], i])

    def node_succs(self, node: int) -> set[int]:
        return {self.node[s] for m in self.members[node] for s in self.succs[m]} - {node}

    def would_cycle(self, node: int, i: int) -> bool:
        """Whether a path between `node` and op `i`, in either direction, runs through a third node."""
        other = self.node[i]
        return self._reaches(node, other) or self._reaches(other, node)

    def _reaches(self, start: int, goal: int) -> bool:
        """A path from start to goal with at least one node between them.

        A node none of whose ops lies before the goal's last op cannot be on such a path unless a group
        spans it, so the search is cut at the last op of the goal and of all groups.
        """
        stack = [n for n in self.node_succs(start) if n != goal]
        seen = set(stack)
        while stack:
            n = stack.pop()
            for s in self.node_succs(n):
                if s == goal:
                    return True
                if s not in seen and s != start:
                    seen.add(s)
                    stack.append(s)
        return False

    def order(self) -> list[int]:
        """Nodes in an order that respects all dependences, close to the original one."""
        import heapq

        waiting = dict.fromkeys(self.members, 0)
        for n in self.members:
            for s in self.node_succs(n):
                waiting[s] += 1
        # a group is ready when its last op is: prefer original order by the last member
        ready = [(self.members[n][-1], n) for n, w in waiting.items() if w == 0]
        heapq.heapify(ready)
        out: list[int] = []
        while ready:
            _, n = heapq.heappop(ready)
            out.append(n)
            for s in self.node_succs(n):
                waiting[s] -= 1
                if waiting[s] == 0:
                    heapq.heappush(ready, (self.members[s][-1], s))
        assert len(out) == len(self.members), "the groups of a block depend on each other"
        return out
