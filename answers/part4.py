"""Your hyperparameters and written answers for Part 4.

A hyperparameter function returns a dictionary; replace the line that raises. How to write an answer is
explained in answers/part1.py.
"""

from typing import Any

from torch import nn


def part4_optim_hp() -> dict[str, Any]:
    """Choose the loss with which a CNN learns any fifty images by heart, and how ``torch.optim.SGD`` uses it.

    Returns:
        loss_fn: A module from scores (N, 10) and labels (N,) to a scalar.
        lr: Learning rate.
        weight_decay: Strength of the L2 regularisation.
        momentum: Share of the last step that goes into the next.
    """
    # TODO: find values with which 25 epochs of 25 batches are enough.
    # BEGIN SOLUTION p4.overfit
    return {"loss_fn": nn.CrossEntropyLoss(), "lr": 0.01, "weight_decay": 0.0, "momentum": 0.0}
    # END SOLUTION


# BEGIN ANSWER p4.q1
part4_q1 = r"""
Both blocks take and give 256 channels, and both keep height and width.

**1. Parameters.** A convolution with a $k \times k$ kernel from $C_{in}$ to $C_{out}$ channels has
$k^2 C_{in} C_{out}$ weights and $C_{out}$ biases. Neither shortcut has any parameters.

| block | layer | weights | biases | together |
| --- | --- | --- | --- | --- |
| regular | 3x3, 256 to 256 | $9 \cdot 256 \cdot 256 = 589\,824$ | 256 | 590 080 |
| | 3x3, 256 to 256 | $9 \cdot 256 \cdot 256 = 589\,824$ | 256 | 590 080 |
| | **sum** | | | **1 180 160** |
| bottleneck | 1x1, 256 to 64 | $256 \cdot 64 = 16\,384$ | 64 | 16 448 |
| | 3x3, 64 to 64 | $9 \cdot 64 \cdot 64 = 36\,864$ | 64 | 36 928 |
| | 1x1, 64 to 256 | $64 \cdot 256 = 16\,384$ | 256 | 16 640 |
| | **sum** | | | **70 016** |

The bottleneck has 16.9 times fewer. It saves twice: a 1x1 kernel has a ninth of the weights, and the only
3x3 kernel works between 64 channels, which is a sixteenth of $256 \cdot 256$.

**2. Operations.** Each weight is used once for each place of the output. With $H \times W$ places a
convolution takes $k^2 C_{in} C_{out} H W$ multiplications, each with its addition. On maps of 32 x 32 these
are $2 \cdot 589\,824 \cdot 1024 = 1\,207\,959\,552$ for the regular block and $69\,632 \cdot 1024 =
71\,303\,168$ for the bottleneck: 16.9 times fewer again, because all layers work on maps of the same size,
so that operations are proportional to weights. The rest is small change. Adding the biases takes $C_{out} H
W$ additions a layer; the shortcut adds 256 numbers at each place, the same for both; a ReLU costs one
comparison a number, and inside the bottleneck there are 64 channels to bend, not 256.

The same holds for *memory* in training: between its layers the regular block keeps 256 maps, the bottleneck
64 and 64. Time on a real device need not fall by 16.9, since small layers use it less well, and reading and
writing the 256 maps of input and output remains.

**3. Combining features.**

*Within a map* (over places). Two 3x3 convolutions in a row see 5 x 5 pixels of the block's input, and there
is a nonlinearity between them. The bottleneck has one 3x3 convolution: its 1x1 layers look at one place at
a time, so it sees 3 x 3 pixels. The regular block is the stronger one here, by far: it filters each of 256
maps with kernels of their own, where the bottleneck does so for 64 mixtures only.

*Across maps* (over channels). Both can let every output map depend on every input map. In the regular block
each of the two layers does it in full, as a 256 x 256 matrix at each of nine offsets. In the bottleneck all
that passes from one end to the other must fit through 64 channels: whatever the main path adds to the
shortcut lies, at each place, in a subspace of 64 dimensions (shifted by the biases). In return there are
three layers that mix channels, with two nonlinearities between them instead of one, and the 1x1 layers do
nothing else: they learn which combinations of the 256 maps are worth filtering, and how to spread the
result. The shortcut carries all 256 maps past the narrow place, so nothing that comes in is lost; the block
only has to compute a *change* to them.

So for the price of one regular block we can have sixteen bottlenecks in a row, with 16 layers of 3x3
kernels and 48 nonlinearities. That is what very deep networks do.
"""
# END ANSWER
