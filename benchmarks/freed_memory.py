"""What it saves to keep freed memory, in the training of a convolutional network on a CPU.

    python benchmarks/freed_memory.py [--rounds 5]

Each epoch is trained in a process of its own, with and without ``keep_freed_memory`` in turn. The figures are
seconds of the second epoch of two, medians, and page faults of the whole process.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

NETS = {"K=32, L=4, P=1": (32, 4, 1), "K=64, L=8, P=2": (64, 8, 2)}


def train(keep: bool, filters: int, layers: int, pool_every: int) -> None:
    """Train two short epochs in this process; print their seconds and the page faults."""
    import torch

    from cs_helpers.devices import keep_freed_memory
    from hw.experiments import cnn_experiment

    torch.set_num_threads(1)
    if keep:
        keep_freed_memory()
    sizes = {"filters_per_layer": [filters], "layers_per_block": layers, "pool_every": pool_every}
    with tempfile.TemporaryDirectory() as folder:
        settings = {"device": "cpu", "data": "digits32", "print_every": 0, "batches": 15, "epochs": 2}
        cnn_experiment("run", folder, seed=42, hidden_dims=[128], **settings, **sizes)
        (file,) = Path(folder).glob("*.json")
        seconds = json.loads(file.read_text())["time"]["epochs"][-1]
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_minflt)


def measured(keep: bool, net: tuple[int, int, int]) -> tuple[float, int]:
    """Return seconds and page faults of ``train`` in a fresh process."""
    command = [sys.executable, __file__, "--train", str(int(keep)), *map(str, net)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, faults = done.stdout.split()
    return float(seconds), int(faults)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train", type=int, nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        keep, *net = options.train
        train(bool(keep), *net)
        return
    for name, net in NETS.items():
        pairs = [(measured(False, net), measured(True, net)) for _ in range(options.rounds)]
        before, after = (statistics.median(pair[i][0] for pair in pairs) for i in (0, 1))
        faults = [pairs[-1][i][1] for i in (0, 1)]
        print(
            f"{name}: {before:.2f} -> {after:.2f} s, {after / before:.2f} of the time, page faults {faults}"
        )


if __name__ == "__main__":
    main()
