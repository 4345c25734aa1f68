"""An order of any length that needs no memory: a keyed permutation, asked one place at a time.

A Feistel network over the next even number of bits, walked until it lands inside (Black & Rogaway,
2002). Which document stands at place 10^12 of epoch 7 costs the same as at place 0, so a run resumes
without a list of what it has read.
"""

from typing import Final

_MASK: Final = (1 << 64) - 1
_ROUNDS: Final = 6


def scramble(*words: int) -> int:
    """64 well-mixed bits of some integers (splitmix64): the same on every machine."""
    state = 0x9E3779B97F4A7C15
    for word in words:
        state = (state + (word & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


class Permutation:
    """Places 0 … length-1 in an order that `key` decides."""

    def __init__(self, length: int, *key: int) -> None:
        self.length = length
        self._half = max(1, ((max(length - 1, 1)).bit_length() + 1) // 2)
        self._low = (1 << self._half) - 1
        self._keys = [scramble(*key, number) for number in range(_ROUNDS)]

    def __getitem__(self, place: int) -> int:
        """What stands at a place."""
        if not 0 <= place < self.length:
            raise IndexError(place)
        value = place
        while True:
            left, right = value >> self._half, value & self._low
            for key in self._keys:
                left, right = right, left ^ (scramble(key, right) & self._low)
            value = (left << self._half) | right
            if value < self.length:
                return value
