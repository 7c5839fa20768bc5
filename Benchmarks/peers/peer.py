"""One case, answering line by line so that importing and setting up are not timed: peer.py CASE FOLDER THREADS

Prints {"ready", "sample", "note"} after a warm-up, {"seconds", "processor"} for each line that is read, {"peak"} at the end of the input.
"""
import json
import os
import sys
import time

name, folder, threads = sys.argv[1:]
os.environ["OMP_NUM_THREADS"] = os.environ["PEER_THREADS"] = threads

import torch  # noqa: E402  (reads the environment)

import work  # noqa: E402


def say(**values):
    print(json.dumps(values), flush=True)


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


torch.set_num_threads(int(threads))
case = work.CASES[name](folder)
try:
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
except OSError:
    pass
case.run()
say(ready=True, sample=case.sample(), note=getattr(case, "note", ""), version=f"PyTorch {torch.__version__}")
for _ in sys.stdin:
    start, processor = time.perf_counter(), time.process_time()
    case.run()
    say(seconds=time.perf_counter() - start, processor=time.process_time() - processor)
say(peak=peak())
