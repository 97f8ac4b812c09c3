"""How benchmarks tell their figures: a table, or JSON with `--json`."""

import json
import statistics
import sys
from collections.abc import Callable


def in_turns(works: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of what each of `works` returns, each done once a round: the machine may slow
    down or be busy for a while, and then it is so for all.
    """
    figures: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            figures[name].append(work())
    return {name: statistics.median(values) for name, values in figures.items()}


def tell(title: str, figures: dict[str, float], unit: str, against: dict[str, str]) -> None:
    """Prints figures, and for some how many times those of another they are."""
    ratios = {name: round(figures[name] / figures[other], 2) for name, other in against.items()}
    if "--json" in sys.argv:
        told = {"title": title, "unit": unit, "figures": figures, "ratios": ratios}
        print(json.dumps({**told, "against": against}), flush=True)
        return
    print(f"\n{title}")
    for name, figure in figures.items():
        ratio = f"{ratios[name]:6.2f} x {against[name]}" if name in ratios else ""
        print(f"  {name:42} {figure:12,.1f} {unit:14} {ratio}", flush=True)
