"""What `maskwright evaluate` prints."""

from typing import Any

from maskwright.shared.experiment import Evaluation
from maskwright.shared.terminal import tell


def print_evaluation(found: Evaluation) -> None:
    """Print the numbers that stand first, and a line for each variant: means, with both intervals behind them."""
    over_test = found.details.get("test_intervals", {})
    for key, value in found.metrics.items():
        if isinstance(value, int | float):
            number = f"{value:.4f}" if isinstance(value, float) else str(value)
            low, high = over_test.get(key, (None, None))
            tell(f"{key:28} {number}" + ("" if low is None else f"  (test {low:.4f} to {high:.4f})"))
    for variant, values in found.details.items():
        if isinstance(values, dict):
            shown = [f"{key} {_with_intervals(value)}" for key, value in values.items() if _is_interval(value)]
            if shown:
                tell(f"{variant:15} " + "  ".join(shown))


def _is_interval(value: Any) -> bool:
    return isinstance(value, dict) and {"mean", "low", "high"} <= set(value)


def _with_intervals(value: dict[str, float]) -> str:
    """Write a mean with its intervals: over the seeds, and over the test examples where it has one."""
    seeds = f"{value['low']:.3f} to {value['high']:.3f}"
    test = f"; test {value['test_low']:.3f} to {value['test_high']:.3f}" if "test_low" in value else ""
    return f"{value['mean']:.3f} ({seeds}{test})"
