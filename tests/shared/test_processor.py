from maskwright.shared.outputs import write_json
from maskwright.shared.parallel import available_cores
from maskwright.shared.processor import Processor, stored_processor, this_processor

X86 = """processor\t: 0
model name\t: Some Processor @ 2.00GHz
flags\t\t: fpu sse2 avx2 avx512f amx_bf16 amx_tile
"""
ARM = """processor\t: 0
Features\t: fp asimd sve bf16
"""


def test_what_linux_says(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(X86)
    threads = available_cores()
    assert this_processor(cpuinfo) == Processor("Some Processor @ 2.00GHz", ("amx_bf16", "avx512f", "avx2"), threads)
    cpuinfo.write_text(ARM)
    assert this_processor(cpuinfo).instructions == ("bf16", "sve", "asimd")
    assert this_processor(cpuinfo).model


def test_elsewhere(tmp_path):
    here = this_processor(tmp_path / "nothing")
    assert here.model
    assert here.instructions == ()
    assert str(here).endswith(f"no known instruction set, {available_cores()} threads")


def test_stored_and_read_again(tmp_path):
    write_json(tmp_path / "processor.json", this_processor()._asdict())
    assert stored_processor(tmp_path / "processor.json") == this_processor()
    assert stored_processor(tmp_path / "nothing.json") is None
    (tmp_path / "damaged.json").write_text("[1")
    assert stored_processor(tmp_path / "damaged.json") is None
