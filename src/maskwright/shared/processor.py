"""The processor that computes here.

Numbers in bfloat16 depend on it. Those in float32 agreed to the digit on all processors that were tried.
"""

import json
import platform
import re
from pathlib import Path
from typing import NamedTuple

from maskwright.shared.parallel import available_cores

_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "bf16", "sve", "asimd")
"""The instruction sets that decide how TensorFlow multiplies matrices: first those of x86, then those of ARM."""


class Processor(NamedTuple):
    """A processor.

    Attributes:
        model: its name, as the operating system gives it.
        instructions: its instruction sets that matter for the numbers.
        threads: how many threads a computation may use.
    """

    model: str
    instructions: tuple[str, ...]
    threads: int

    def __str__(self) -> str:
        instructions = " ".join(self.instructions) or "no known instruction set"
        return f"{self.model}, {instructions}, {self.threads} threads"


def stored_processor(path: Path) -> Processor | None:
    """Read a processor that was written as JSON; None if the file is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Processor(values["model"], tuple(values["instructions"]), values["threads"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """Return the processor of this computer; `cpuinfo` is where Linux describes it."""
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.is_file() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    model = named[1].strip() if named else platform.processor() or platform.machine() or "unknown"
    return Processor(model, tuple(name for name in _INSTRUCTIONS if name in known), available_cores())
