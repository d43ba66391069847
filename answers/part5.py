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
**Width helps little, and only at the right depth.** At $L = 4$, 32, 64, 128 and 256 filters reach 85.4,
90.1, 90.1 and 90.7 %. Even the first step is no more than a hint: with the seed of experiment 1.1, 32 and
64 filters reach 87.5 and 88.1 %. At $L = 8$ no width trains: 9.0 to 9.4 %, which is guessing. And at
$L = 2$ width does harm: 77.6 and 80.6 % with 32 and 64 filters, but 59.2 and 66.8 % with 128 and 256.

**Why wide shallow networks fail** can be seen in the first steps. Adam moves every weight by about the
learning rate, 0.001, however small its gradient is. In a sum over $n$ inputs these steps add up, so that
the same learning rate is a larger change for a wider layer. The first fully connected layer behind two
convolutions has $8 \cdot 8 \cdot K$ inputs, 16 384 for $K = 256$. Its loss goes from 2.31 to 4.06 in the
first step, and after thirty steps 99 % of the filters of the second convolution are zero everywhere on 512
validation images: their ReLU is dead. With $K = 128$ it is 98 %, with $K = 32$ only 6 %. What the curves
show is a network that learns with the few filters it has left, and so slowly that its training accuracy is
66 % after 16 epochs with $K = 128$ and 81 % after 44 epochs with $K = 256$, where $K = 32$ has 95 % after
eleven, and overfits. At $L = 4$, four poolings leave 2x2 maps, the same layer has only $4 K$ inputs, and
the widest network learns as fast as the others. A smaller learning rate for wider networks is the remedy.

**Depth or width?** Between layers of equal width, $K$ filters have $9 K^2$ weights, so that twice the width
costs four times the parameters and the work, and twice the depth only twice. From $K = 32$, $L = 2$ (77.6
%, 273 706 parameters), twice the depth brings 7.8 points (8.5 with the other seed) and *saves* five sixths
of the parameters, since more poolings make the fully connected layer smaller; twice the width brings 3.0
points (-2.9 with the other seed) for twice the parameters. From $L = 4$ to $L = 8$, depth costs everything.
So depth is worth more, as long as the network trains; what then helps is not width but whatever lets it
train.
"""
# END ANSWER

# BEGIN ANSWER p5.q3
part5_q3 = r"""
**Depth ends the training, sooner than before.** Three convolutions ($L = 1$) reach 88.1 % on the test
images. Six, nine and twelve ($L = 2, 3, 4$) all stay at 9.5 %, the accuracy of guessing, with a loss of
$\ln 10$ from the first epoch to the last. In experiments 1.1 and 1.2, four convolutions trained and eight
did not; here six are too many already.

**Why growing width is no help.** What decides is the number of convolutions in a row, $3 L$ here. PyTorch
draws the weights of a layer with $n$ inputs uniformly from $\pm 1 / \sqrt{n}$, with a variance of
$1 / (3 n)$. If the inputs have a mean square of $q$, the sums have a variance of
$n \cdot q / (3 n) = q / 3$, and the ReLU keeps half of that mean square. So every layer multiplies the
signal by about $\sqrt{1/6} = 0.41$, and the gradient by a similar factor on its way back. The $n$ has
cancelled out: that factor is the same for 64 filters as for 256. After three layers 0.07 of the signal is
left, after six 0.005, after twelve 0.00002, and regularisation takes the rest, as in question 1.

**What it is good for.** Where the network trains, growing width is no worse than equal width: three
convolutions reach what the four of $K = 64$ reach in experiment 1.1 (88.1 %). It spends its filters where
maps are small: 128 filters on 64 maps of 16x16 are as many multiplications as 256 filters on 128 maps of
8x8. Experiments 1.4 and 2 use it together with what lets depth train.
"""
# END ANSWER

# BEGIN ANSWER p5.q4
part5_q4 = r"""
**Every depth trains now.** With $K = 32$ the test accuracies are 95.3, 95.5 and 94.9 % for 8, 16 and 32
convolutions, where the networks without shortcuts stayed at 9.5 and 9.4 % for 8 and 16. With
$K = [64, 128, 256]$ they are 94.2, 96.4 and 94.8 % for 6, 12 and 24 convolutions. In
experiment 1.3, of the same filters without shortcuts only three convolutions learned anything.

But more depth brings no more, either: the three networks with $K = 32$ lie within 0.6 points, which is less
than luck. All of them end at 96 to 99 % on the training images, so what separates them from 100 % on others
is no longer that they cannot be trained. Depth still costs: with 24 convolutions, two epochs bring 9.7 and
14.6 % on the validation images before the loss leaves $\ln 10$, and with six convolutions the first one
brings 25.8 %. One reason is how these networks are cut into blocks. A block ends at each pooling layer, and
there are four at most, so the blocks of the deepest two are chains of five and seven convolutions with a
single shortcut around them. Inside such a block, a ResNet is a plain network with batch norm.

**Why.** The Jacobian of a block is that of its shortcut plus that of its main path. Where the shortcut is
the identity, a gradient arrives at the first block whatever the main paths do. And a block that has nothing
to add needs weights near zero, which is where weights start and where regularisation pulls them. A plain
layer would have to learn the identity to do the same.

**A reservation.** Two things changed from experiment 1.1 to this one: shortcuts, and batch norm in every
block. Which of them did how much, these runs do not tell. That would take two more experiments, each with
one of the two.
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

**What the curves show.** 97.6, 97.6, 98.2 and 98.1 % on the test images at $L = 3, 6, 9, 12$: better at
every depth than anything in experiment 1, whose best is 96.4 % (the ResNet with $K = [64, 128, 256]$ and
$L = 4$). The smallest of the four does it with a sixth of the parameters, 492 970 against 2 870 410.

All four learn from the first epoch on, and the deepest fastest: 36 convolutions end that epoch at 63.3 % on
the training images, nine at 48.2 %. So nothing collapses with depth; but from 9 to 36 convolutions there
are only 0.5 points to win, and 0.5 % of the test set are five images. While the learning rate is high, the
validation accuracy falls now and then, by up to two points. As the learning rate goes down, it settles:
92.5 to 95.0 % after five epochs, 97.4 to 98.7 % after twelve. The curves of experiment 1.4 do not settle
like this: with a constant learning rate their validation accuracy moves up and down by several points until
early stopping ends them, up to seven points below their best.

On the training images the accuracy ends at 99.6 to 99.8 %, although no two epochs show the same images.
What is left is overfitting, and stronger augmentation would be the next thing to try.

**On photographs.** The same choices were trained on CIFAR-10, on a copy of it that was stored as JPEG:
79.7, 81.0, 80.9 and 81.2 % on the 10 000 test images, where one standard error is 0.4 %. So no depth
collapses here either, and more than 18 convolutions bring nothing in the given time. What is missing is not
depth but training: after twelve epochs of 100 batches, the accuracy on the training images is 80.2 to 81.7
%, hardly above the validation accuracy, so nothing was learnt by heart yet. The run called `long` gives the
*smallest* network 24 epochs of all its 45 000 training images, seven times as many as before in all. It
reaches 86.5 % on the test images, far above the deepest in the short time, after 28 minutes on one core of
a CPU. Its training accuracy ends at 90.9 %, four points above that on the validation images, and now depth
would be worth a try.
"""
# END ANSWER
