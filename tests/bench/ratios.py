"""Ratios that say how sure they are, and percentiles."""

import random
import statistics
from collections.abc import Sequence

RESAMPLES = 2000


def ratio_of_medians(times: Sequence[float], base: Sequence[float], chance: random.Random) -> dict[str, float]:
    """With its 95 % interval by bootstrap. The pairs stay together: both ran at the same time.

    >>> ratio_of_medians([2.0] * 9, [1.0] * 9, random.Random(1))
    {'ratio': 2.0, 'low': 2.0, 'high': 2.0}
    >>> found = ratio_of_medians([10, 11, 12, 13, 14], [10, 11, 12, 13, 14], random.Random(1))
    >>> found["ratio"], found["low"] <= 1 <= found["high"]
    (1.0, True)
    """
    pairs = list(zip(times, base, strict=True))

    def ratio(sample: Sequence[tuple[float, float]]) -> float:
        return statistics.median(one for one, _ in sample) / statistics.median(other for _, other in sample)

    resampled = sorted(ratio(chance.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES))
    return {
        "ratio": ratio(pairs),
        "low": resampled[round(0.025 * (RESAMPLES - 1))],
        "high": resampled[round(0.975 * (RESAMPLES - 1))],
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed.

    >>> percentile([4, 1, 3, 2], 50), percentile(range(1, 101), 99), percentile([7], 99)
    (2, 99, 7)
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
