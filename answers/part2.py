"""Your hyperparameters and written answers for Part 2.

A function returns a dict of numbers; the checks and the notebook train with them. How to write an answer is
explained in answers/part1.py.
"""


def part2_overfit_hp() -> dict[str, float]:
    """Return the hyperparameters with which an MLP learns any twenty images by heart.

    Returns:
        ``wstd``, the standard deviation of the initial weights; ``lr``, the learning rate of VanillaSGD;
        ``reg``, its regularisation.
    """
    # TODO: find values with which 20 epochs of two batches are enough.
    # BEGIN SOLUTION p2.overfit
    return {"wstd": 0.1, "lr": 0.02, "reg": 0.0}
    # END SOLUTION


def part2_optim_hp() -> dict[str, float]:
    """Return the hyperparameters for comparing three optimizers on the same network.

    Returns:
        ``wstd`` and ``reg``, the same for all; and the learning rates ``lr_vanilla``, ``lr_momentum`` and
        ``lr_rmsprop``.
    """
    # TODO: find values with which ten epochs are enough for each, and the last two end above vanilla.
    # BEGIN SOLUTION p2.optim
    return {"wstd": 0.08, "lr_vanilla": 0.015, "lr_momentum": 0.015, "lr_rmsprop": 3e-4, "reg": 1e-3}
    # END SOLUTION


def part2_dropout_hp() -> dict[str, float]:
    """Return the hyperparameters for showing overfitting, and what dropout does against it.

    Returns:
        ``wstd``, the standard deviation of the initial weights; ``lr``, the learning rate of VanillaSGD.
    """
    # TODO: find values with which the network learns 400 images by heart in 30 epochs without dropout.
    # BEGIN SOLUTION p2.dropout
    return {"wstd": 0.02, "lr": 0.005}
    # END SOLUTION


# BEGIN ANSWER p2.q1
part2_q1 = r"""
The numbers are those of the notebook's run on the embedded digits (400 training images, 1000 test images,
30 epochs); on CIFAR-10 accuracies are higher and the picture is the same.

**No dropout against 0.4.** Without dropout the training loss goes to 0.41 and the training accuracy to
99 %: the network has learnt its 400 images by heart. The test curves tell what that is worth. Test
accuracy comes to rest near 20 %, and the test *loss* has its minimum early, at 2.31, and then climbs to
2.52, while the training loss goes on falling. Between the two there is a gap of 2.11. That is overfitting:
every step from there on fits details of these 400 images that no other image shares, and makes wrong
answers on new images more confident.

With 0.4 the training curves are worse in every epoch (loss 0.62, accuracy 91 % at the end) and the test
loss is *better*: it climbs to 2.46 only, so that the gap shrinks to 1.84. The best test
accuracy is 20.8 % against 19.7 %, a difference that is within the noise of a thousand test images
(one standard error is about 1.3 %), so we do not build on it. This agrees with what we expect of
dropout, and the size of the effect is honest, too: dropout slows down learning by heart, it does not
add images.

*Why it acts this way.* A unit that may lose any of its neighbours in the next step cannot rely on one of
them to correct its mistakes; detectors that only work as a conspiracy do not pay off. Seen from another
side, each step trains one of $2^{400}$ thinned networks that share their weights, and test mode uses, in one
pass, an approximation to their average. Averages have less variance. And multiplying activations by
random masks is noise that depends on the size of the activation, which acts like a penalty on large weights
that matter only for a few samples. Part of the gap in *training* accuracy is not learning less, by the way:
the dashed curves are measured with units missing. In test mode the same network knows its training images
better than its curve says.

**Low against high dropout.** With 0.8 only one hidden unit in five takes part, and the picture changes sides.
The training accuracy reaches only 53 % and its loss 1.45 after 30 epochs: the network is held back so
much that it *underfits* in the given time. Its gap is the smallest (0.89), and its test loss ends lowest
(2.33), because a network that has not become sure of anything cannot be confidently wrong. But the best
test accuracy is 19.7 %, no better than the others. So 0.4 keeps nearly all of the ability to learn and
takes some of the overfitting away, whereas 0.8 takes away ability as well; its curves would need many more
epochs, or a wider layer. A small gap alone is no virtue: a network that guesses has none.
"""
# END ANSWER

# BEGIN ANSWER p2.q2
part2_q2 = r"""
**Yes.** The two measure different things, and both can rise over several epochs in a row.

Accuracy asks one question of each sample: is the largest score that of the right class? It is a step
function and sees neither by how much the answer was right nor by how much it was wrong. Cross-entropy asks
how much probability the right class got: $\ell = -\log p_y$. For a sample that is right it can fall to 0 and
no further. For one that is wrong it has no upper bound.

In late epochs of training, scores grow: the training loss falls further if the network becomes surer of what
it knows already. On test images that does two things at once.

- Some images near the border flip from wrong to right, which is what accuracy counts. Each of them gains
  little: from $p_y = 0.45$ to $0.55$ is a change in loss of $-\log 0.55 + \log 0.45 = -0.20$.
- Images that stay wrong become confidently wrong, which accuracy does not see. From $p_y = 0.1$ to $0.001$
  is a change of $+4.6$, and it pays for 23 of the flips above.

An example with 100 test images. Before: 50 right with $p_y = 0.6$ and 50 wrong with $p_y = 0.2$: accuracy
50 %, loss $0.5 \cdot 0.51 + 0.5 \cdot 1.61 = 1.06$. After: 55 right with $p_y = 0.9$ and 45 wrong with
$p_y = 0.01$: accuracy 55 %, loss $0.55 \cdot 0.11 + 0.45 \cdot 4.61 = 2.13$. Accuracy rose by 5 points and
the loss doubled.

This is what our own curves without dropout show: the test loss rises from the middle of the 30 epochs on,
and the test accuracy creeps upwards all the same. It means that the network is *badly calibrated*: its
decisions still improve while its probabilities become worthless. Whether that matters depends on what
they are used for, and so does the choice of the quantity that early stopping watches.
"""
# END ANSWER

# BEGIN ANSWER p2.q3
part2_q3 = r"""
**1. Back-propagation against gradient descent.** Gradient descent is a method of *optimization*: given a
gradient, it moves the parameters against it, $\theta \leftarrow \theta - \eta\,\nabla_\theta L$. It does not
say where the gradient is from. Back-propagation is a method of *differentiation*: it computes
$\nabla_\theta L$ for a graph of known operations, by the chain rule from the loss backwards, and does not
care what happens to it afterwards. Training uses the second to feed the first; each works without
the other.

**2. Gradient descent against SGD.** Write $L = \frac1N \sum_i \ell_i$.

| | gradient descent | SGD with batches of $B$ |
| --- | --- | --- |
| a step uses | all $N$ samples | $B$ of them, drawn at random |
| price of a step | $O(N)$ | $O(B)$: $N / B$ steps for the price of one |
| direction | exact | right on average, with a variance of about $\sigma^2 / B$ |
| memory for activations | grows with $N$, if done in one pass | grows with $B$ |
| loss of the next step | falls, if $\eta$ is below $2 /$ the largest curvature | may rise |
| with a constant $\eta$ | converges to a stationary point | ends in a cloud, wider with $\eta / B$ |
| to converge | nothing more | $\sum \eta_t = \infty$, $\sum \eta_t^2 < \infty$ (Robbins, Monro 1951) |
| strongly convex $L$, error after $k$ steps | $O(\rho^k)$, $\rho < 1$ | $O(1/k)$ |
| samples that resemble each other | are all computed, for nothing | are used when they come |

Per step gradient descent wins, per sample seen SGD does: the standard error of a mean shrinks only with
$\sqrt{B}$, so that a hundred times the work buys a direction that is ten times as exact. Our
one-dimensional picture shows both halves: far away the batches agree, and near the bottom they do not.

**3. Why SGD in deep learning.**

- *Price.* With a million samples, one exact step costs as much as some ten thousand of the small ones. Data
  is redundant, so most of the exactness is wasted, above all at the beginning.
- *Memory.* Back-propagation keeps the activations of every sample until it has passed. A batch fits on a
  device, the data set does not.
- *Generalization is the aim.* The training loss is itself an estimate from a sample. To minimize it to the
  last digit is overfitting; noise of the size of the estimate's own error costs nothing.
- *Noise helps in landscapes that are not convex.* It shakes the point off saddles and out of narrow minima,
  and tends to leave it in wide ones, which generalize better on the whole.
- *Streams.* New or augmented samples can be used as they come; there need not be a whole set.

**4. Many forwards, one backward.** *The gradient is the same.* Let $L_j$ be the summed loss of batch $j$. All
are computed with the same parameters $\theta$, and differentiation is linear:

$$\nabla_\theta \sum_j L_j(\theta) = \sum_j \nabla_\theta L_j(\theta) ,$$

which is the gradient of the loss on the whole training set, as gradient descent uses it (divided by $N$
if the loss is a mean; batches of unequal size must be weighted accordingly). It holds for losses that are
sums over samples; a layer that mixes the samples of a batch, such as batch normalization, breaks it.

*But memory overflows.* To run backward through batch $j$, the activations of its forward pass are needed. As
the only backward pass comes at the very end, the graphs of *all* batches must be kept until then: a sum of
losses holds on to the graph of each of its terms. Only the work of the forward passes was cut into
batches; the memory is that of one pass over the whole set, and grows with every batch until it is full.

*What works.* Run backward right after the forward pass of each batch and let gradients add up, as our layers
do until `zero_grad`; step once at the end. By the same linearity the result is equal, each graph is freed
before the next is built, and the memory is that of one batch plus one gradient. This is known as *gradient
accumulation*.
"""
# END ANSWER
