"""The arena's placement: buffers alive together never overlap, and dead ones are reused."""

from hypothesis import given
from hypothesis import strategies as st

from aicc.passes.buffers.plan import place

BUFFERS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 10), st.integers(1, 64)).map(
        lambda t: ((t[0], t[0] + t[1]), t[2] * 64)
    ),
    max_size=40,
)


@given(BUFFERS)
def test_buffers_alive_together_do_not_overlap(buffers):
    lives, sizes = [b[0] for b in buffers], [b[1] for b in buffers]
    offsets, total = place(lives, sizes)
    for i in range(len(buffers)):
        assert offsets[i] % 64 == 0
        assert offsets[i] + sizes[i] <= total
        for j in range(i):
            alive_together = lives[i][0] <= lives[j][1] and lives[j][0] <= lives[i][1]
            apart = offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
            assert apart or not alive_together
    assert total <= sum(sizes)


def test_a_chain_needs_two_buffers():
    lives = [(i, i + 1) for i in range(10)]
    _, total = place(lives, [64] * 10)
    assert total == 128
