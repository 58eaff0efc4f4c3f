"""The process in which a worker has a training done: `python -m policies.learning.child PROCESSES CONFIG`.  No Django.

The same as by hand, and calibrated afterwards; but it does not outlive who started it.  With more than one process, torchrun's
launcher starts them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def main(argv: Sequence[str]) -> None:
    processes, config = int(argv[0]), argv[1]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if processes > 1 and "RANK" not in os.environ:
        from torch.distributed.run import main as launch

        launch(["--standalone", f"--nproc-per-node={processes}", "-m", "policies.learning.child", str(processes), config])
    else:
        from policies.learning import calibrate, train
        from policies.learning.config import read_config

        code = train.main([config])
        if code == 0 and os.environ.get("RANK", "0") == "0":
            calibrate.after(read_config(Path(config).read_bytes()))
        train.leave(code)


if __name__ == "__main__":
    main(sys.argv[1:])
