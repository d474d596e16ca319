"""The limits that README.md sets the engines against, on two threads: fp32 products (GFLOP/s) and memory reads (GB/s), the best of several.

    python limits.py [--json]
"""

import json
import sys
import time

import torch

torch.set_num_threads(2)


def fastest(times: int, body) -> float:
    """Seconds of the fastest of so many calls."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        body()
        best = min(best, time.perf_counter() - began)
    return best


side = 2048
a, b = torch.randn(side, side), torch.randn(side, side)
gflops = 2 * side**3 / fastest(12, lambda: a @ b) / 1e9
read = torch.randn(2**28)
gigabytes = 4 * read.numel() / fastest(8, read.sum) / 1e9
if "--json" in sys.argv:
    print(json.dumps({"gflops": gflops, "gigabytes": gigabytes}))
else:
    print(f"fp32 products {gflops:.0f} GFLOP/s\nmemory reads {gigabytes:.1f} GB/s")
