"""Shares of what was right, with their intervals."""

import math


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion."""
    z, p = 1.96, right / total
    middle, half = p + z * z / (2 * total), z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return (middle - half) / (1 + z * z / total), (middle + half) / (1 + z * z / total)


def table(results: dict[str, list[bool]]) -> str:
    """A Markdown table, a line for each kind of thing that was measured."""
    lines = ["| measured | right | of | share | 95 % interval |", "|---|---|---|---|---|"]
    for name, all_results in results.items():
        right, total = sum(all_results), len(all_results)
        low, high = wilson(right, total)
        lines.append(f"| {name} | {right} | {total} | {right / total:.1%} | {low:.1%} – {high:.1%} |")
    return "\n".join(lines)
