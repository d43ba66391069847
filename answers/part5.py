"""Your choices and written answers for Part 5.

How to write an answer is explained in answers/part1.py.
"""

from collections.abc import Sequence
from typing import Any


def part5_hp(experiment: str, filters_per_layer: Sequence[int], layers_per_block: int) -> dict[str, Any]:
    """Return how one run of an experiment is trained.

    Args:
        experiment: "exp1_1" to "exp1_4", or "exp2".
        filters_per_layer: K, the filters of each block.
        layers_per_block: L, how many convolutions with so many filters each block has.

    Returns:
        Arguments of ``hw.experiments.cnn_experiment``, at least ``seed`` and ``pool_every``.
    """
    # TODO: choose pool_every so that something is left of the feature map, and whatever else you like.
    # BEGIN SOLUTION p5.results
    num_convs = len(filters_per_layer) * layers_per_block
    # Pool early, since that is cheap, but four times at most: a map of 32x32 ends at 2x2 or larger.
    pool_every = next(p for p in range(1, num_convs + 1) if num_convs // p <= 4)
    # Some networks are in both of the first two experiments: how far their results differ is luck.
    seed = 43 if experiment == "exp1_2" else 42
    common = {"seed": seed, "pool_every": pool_every, "hidden_dims": [128]}
    if experiment == "exp1_4":
        return {**common, "batchnorm": True}
    if experiment == "exp2":
        descent = {"optimizer": "sgd", "lr": 0.1, "reg": 5e-4, "schedule": "one-cycle"}
        # The learning rate is high until near the end, and so is the loss: stopping early makes no sense.
        return {**common, **descent, "epochs": 12, "early_stopping": None, "augment": True, "hidden_dims": []}
    return common
    # END SOLUTION


# BEGIN ANSWER p5.q1
part5_q1 = r"""
**Depth helps as long as the network trains.** On digits32, two convolutions reach 79.0 % ($K = 32$) and
76.1 % ($K = 64$) on the test images, four reach 87.5 % and 88.1 %, with a sixth to a quarter of the
parameters: 46 442 against 273 706, and 146 762 against 564 426. Both have a pooling layer after each
convolution, so four convolutions end at maps of 2x2 where two end at 8x8. The deeper network sees more of the
image in each feature, and its first fully connected layer is far smaller. The shallow ones overfit: their
training accuracy ends near 96 %, twenty points above their validation accuracy. So $L = 4$ is the best depth
for both $K$, by 8 and 12 points, where two seeds of one network differ by 4.5 at most.

**At $L = 8$ and $L = 16$ training stops before it has begun**: 9.4 to 9.9 % for either $K$, and a loss that
stays at $\ln 10 = 2.303$, which is what guessing gives. The picture of the gradients says why. In a new plain
network, each convolution makes the differences between images smaller on the way forward, and the gradient
smaller on the way back, by a factor that is nearly the same in every layer. With $L$ layers it is that factor
to the power $L$. The last layer then sees the same features whatever the image is; it can learn how frequent
each class is, and nothing else.

Then regularisation finishes it off. In the first convolution of a new network with $K = 32$, the gradient of
the loss is 11 times as large as that of the regularisation at $L = 2$, 1.7 times at $L = 4$, 0.04 times at
$L = 8$ and 0.00002 times at $L = 16$ (for 128 images). Adam divides by the size of the sum, so it does not
matter to it that both are small: it follows the larger one, down to weights of zero. With `reg=0` and without
early stopping, the network with $L = 8$ and $K = 32$ sits on the same plateau for eleven epochs, and begins
to learn in the twelfth. With our settings it has none of that time: three epochs bring no progress, and early
stopping ends it after the fourth.

**Two remedies.** Shortcuts: a block that computes $x + f(x)$ has an identity in its Jacobian, so that signal
and gradient get past any number of blocks. Batch norm: it brings every channel back to variance 1, so that
the factor per layer is about 1. (An initialisation that keeps variances, as He et al. proposed for ReLU, does
this at the start of training, too.)
"""
# END ANSWER

# BEGIN ANSWER p5.q2
part5_q2 = r"""
TO COMPLETE: K = 64, 128 and 256. With $K = 32$, going from two to four convolutions brings 7.8 points (77.6 %
to 85.4 %).

Between layers of equal width, $K$ filters have $9 K^2$ weights, so that twice the width costs four times the
parameters and the work, and twice the depth only twice. At $L = 2$ most parameters are not in the
convolutions at all but in the first fully connected layer, whose input is $8 \cdot 8 \cdot K$ numbers.
"""
# END ANSWER

# BEGIN ANSWER p5.q3
part5_q3 = r"""
TO COMPLETE: all of experiment 1.3.
"""
# END ANSWER

# BEGIN ANSWER p5.q4
part5_q4 = r"""
TO COMPLETE: all of experiment 1.4.

**Why.** The Jacobian of a block is that of its shortcut plus that of its main path. Where the shortcut is the
identity, a gradient arrives at the first block whatever the main paths do. And a block that has nothing to
add needs weights near zero, which is where weights start and where regularisation pulls them. A plain layer
would have to learn the identity to do the same.
"""
# END ANSWER

# BEGIN ANSWER p5.q5
part5_q5 = r"""
**What was changed.**

- *Units in the order norm, ReLU, convolution* (He et al., 2016), with the shortcut around them left bare:
  nothing stands between the image and the last layer but additions and poolings.
- *The last convolution of each unit starts at zero.* At first a unit changes nothing, so a network of 36
  convolutions begins as one with a few, and grows deeper while it is trained.
- *Batch norm* in each unit keeps the size of features, whatever the learning rate does.
- *Global average pooling* in place of a large fully connected layer: fewer parameters, and a feature counts
  wherever it is in the image.
- *Training*: SGD with Nesterov's momentum under a one-cycle schedule, and images shifted at random, so that
  no epoch shows the same image twice in the same place. The learning rate is high until near the end, and
  the validation accuracy only settles there, so there is no early stopping.

**What the curves show.** TO COMPLETE: all of experiment 2.
"""
# END ANSWER
