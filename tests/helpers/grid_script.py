"""A grid of a few tiny networks, run as ``python -m hw.experiments run-grid tiny ARGUMENTS`` would.

    python tests/helpers/grid_script.py LAYERS EPOCHS ARGUMENTS...

LAYERS is the depths, such as 1,2. The commands that it starts are the real ``run-exp``.
"""

import sys

import answers.part5
from cs_helpers import grids
from cs_helpers.experiment_cli import main

layers = tuple(int(layer) for layer in sys.argv[1].split(","))
epochs = int(sys.argv[2])
grids.EXPERIMENTS["tiny"] = grids.Experiment("Tiny", "cnn", (((4,), layers),))
answers.part5.part5_hp = lambda name, filters, layers: {
    "seed": 7,
    "pool_every": 1,
    "hidden_dims": [8],
    "data": "digits",
    "bs_train": 32,
    "batches": 4,
    "epochs": epochs,
    "early_stopping": None,
    "reg": 0.0,
}
sys.exit(main(["run-grid", "tiny", *sys.argv[3:]]))
