"""Your hyperparameters and written answers for Part 3.

A hyperparameter function returns a dictionary; replace the line that raises. Answers are Markdown between
the triple quotes; mathematics goes between dollar signs. The notebook shows one with display_answer("p3.q1").
"""

from typing import Any

from torch import nn


def part3_arch_hp() -> dict[str, Any]:
    """Choose the network of the first classifier.

    Returns:
        n_layers: Number of hidden layers.
        hidden_dims: Units of each hidden layer, one number.
        activation: Name of the nonlinearity after each hidden layer, as for ``hw.mlp.MLP``.
        out_activation: Name of the one after the last layer, which gives the two class scores.
    """
    # BEGIN SOLUTION p3.train
    return {"n_layers": 2, "hidden_dims": 16, "activation": "tanh", "out_activation": "none"}
    # END SOLUTION


def part3_optim_hp() -> dict[str, Any]:
    """Choose the loss, and how ``torch.optim.SGD`` makes it small.

    Returns:
        loss_fn: A module from scores (N, 2) and labels (N,) to a scalar.
        lr: Learning rate.
        weight_decay: Strength of the L2 regularisation.
        momentum: Share of the last step that goes into the next.
    """
    # BEGIN SOLUTION p3.train
    return {"loss_fn": nn.CrossEntropyLoss(), "lr": 0.05, "weight_decay": 1e-3, "momentum": 0.9}
    # END SOLUTION


# BEGIN ANSWER p3.q1
part3_q1 = r"""
**Optimization error: low.** The training loss falls from about 0.38 to about 0.2 within five epochs and
then stays there; the training accuracy settles near 92 %. A flat curve alone proves little, since descent
can be stuck anywhere. But the networks of the last section, which are larger, start elsewhere and use
another optimizer setting, end at the same boundary and at much the same accuracy. If there were much more
to be had on the training set, one of them would have found it. What remains is mostly noise: the moons
overlap, so no classifier reaches 100 %. The small jitter of the curve comes from steps of constant length
($\eta$ is not lowered towards the end).

**Generalization error: noticeable, and the largest of the three.** The validation accuracy is about 85 %
at the end and has been anywhere between 76 % and 89 % on the way, while the training accuracy hardly
moved: a gap of roughly three to fifteen points. The validation loss (0.25 to 0.5) does not fall with the
training loss either. This is not the ordinary overfitting of a network that memorises its samples: 354
parameters cannot memorise 5333 noisy points, and the boundary is smooth. It is a *shift*. All of the
validation set is rotated by 50°, three quarters of the training set by only 10°, so the two come from
different distributions. More epochs do not help. What would: training samples of both kinds in the right
proportion (shuffle before splitting), augmentation by random rotations, or, cheaply, another threshold,
as we see below.

**Approximation error: low.** Two layers of 16 tanh units draw a boundary that bends twice and follows
both moons. Most training samples on the wrong side are there for lack of a better place: at the right end
of the orange arm, around $(1, 0.5)$, the training set contradicts itself, with about 200 orange samples
of the first kind and about 100 blue ones of the second in the same spot. No boundary can serve both,
whatever network draws it. A straight line (no hidden layer, or 4 x 2 in the grid) does worse by far: an
end of each moon lies on its wrong side, and that is what a high approximation error looks like.
"""
# END ANSWER

# BEGIN ANSWER p3.q2
part3_q2 = r"""
**The false negative rate is far higher**: about 26 % of the positive (blue) validation samples are called
negative, but only about 3 % of the negative ones are called positive.

The reason is the rotation. Most training samples belong to moons that are rotated by 10°, all validation
samples to moons rotated by 50°. Turning the picture by 40° counter-clockwise moves the two moons *in
opposite ways relative to the learned boundary*:

- The **blue** moon swings up on the right. Its right-hand half comes to lie on the spot, around $(1,
  0.5)$, at which the *orange* arm of the first kind ends. There the training set holds about twice as many
  orange samples as blue ones, so the boundary leaves the spot to orange, and cuts a piece out of the
  middle of the blue moon. These are the false negatives: half of them have $x_1 > 0.8$. They are a
  connected piece and not scattered noise.
- The left end of the **orange** moon swings down, from about $(-1, -0.2)$ to about $(-0.6, -0.8)$. The
  boundary runs down on its right-hand side, and nearly all of that end stays on the orange side. Orange
  samples move *within* orange territory, so there are few false positives.

The blue samples of the second kind in the training set are why the probability in that spot is not zero
but somewhat below a half, and why a lower threshold can win these samples back. On the training set
itself both rates are small, about 5 % and 9 %, and lean the same way: three quarters of its false
negatives are of the second kind, too.

Since the rates depend on where exactly the boundary ends up in an area with contradicting samples, they
change from epoch to epoch; the direction does not.
"""
# END ANSWER

# BEGIN ANSWER p3.q3
part3_q3 = r"""
Let $\pi$ be the share of ill people, and let $c_{FP}$ and $c_{FN}$ be what a false alarm and a missed
case cost. The expected cost per person is

$$(1 - \pi)\; c_{FP}\; \text{FPR}(\tau) \;+\; \pi\; c_{FN}\; \text{FNR}(\tau) ,$$

and the threshold should minimise *that*. The distance to $(0, 1)$ weighs both rates alike, so it is right
only if the two factors happen to be of one size. For well-calibrated probabilities the best threshold can
be written down: declare a person ill when $p\,c_{FN} \ge (1 - p)\,c_{FP}$, that is from $\tau = c_{FP} /
(c_{FP} + c_{FN})$ on.

**1. Harmless if found late: a high threshold.** A missed case costs next to nothing: the symptoms will
tell, and treatment is as good then as now, so $c_{FN} \approx 0$. A false alarm sends a healthy person to
an expensive and risky examination. As nearly everybody is healthy, even a small FPR means many such
people. So $\tau$ goes up towards 1 and we move to the *lower left* of the curve: hardly any false
positives, at the price of a low true positive rate. The point closest to $(0, 1)$ would examine far too
many. In the extreme one should ask whether to screen for this disease at all.

**2. Lethal if found late: a low threshold.** Now a missed case may cost a life, and nothing but this test
will reveal it in time; a false alarm costs an examination. $c_{FN} \gg c_{FP}$, so $\tau$ goes down
towards 0 and we move to the *upper right*: a true positive rate near 1, and as many false positives as
the doctors and the risk of the examination allow. The low share $\pi$ of ill people and the harm that the
examination may do keep it above 0: at $\tau = 0$ everybody is examined, and the classifier is of no use.
Again the point closest to the corner is not the right one, this time because it misses too many.

In both cases I would fix what is not negotiable first (at most so many examinations a month; at least 99
% of the cases found) and take the best point of the ROC curve that satisfies it, read off on validation
data with the same share and kind of patients as in practice.
"""
# END ANSWER

# BEGIN ANSWER p3.q4
part3_q4 = r"""
| test accuracy (parameters) | width 2 | width 8 | width 32 | width 128 |
| --- | --- | --- | --- | --- |
| depth 1 | 78.7 % (12) | 88.5 % (42) | 88.4 % (162) | 89.0 % (642) |
| depth 2 | 89.2 % (18) | 88.9 % (114) | 90.1 % (1218) | 89.0 % (17 154) |
| depth 4 | 84.8 % (30) | 89.7 % (258) | 90.3 % (3330) | 89.8 % (50 178) |

(One run each. Another machine or seed moves them by about a point, and those of width 2 by much more.)

**1. Fixed depth, growing width.** The step from 2 to 8 is the one that counts, at depth 1 most of all
(about ten points). Two tanh units make two soft edges, and the S between the moons needs about three.
With 8 units the shape is there, and after that the accuracy stays within 88 % to 90 %: 128 units draw the
same S as 8. What limits us then is not the network but the data, its noise and the rotation between the
sets. More width does no harm either: with 5333 samples, ten epochs and smooth units, even 17 154
parameters do not overfit visibly.

**2. Fixed width, growing depth.** From width 8 on, depth brings about a point (88.5, 88.9, 89.7 at width
8; 88.4, 90.1, 90.3 at width 32), little more than the difference between two seeds. Width 2 is a case of
its own. The second layer helps a lot, as it bends the plane once more: 18 parameters reach 89 %. Four
layers of width 2 fall back, to a boundary that is nearly a straight line. That network *could* do all
that 2 x 2 does, so this is an optimization error, not an approximation error: each layer is a bottleneck
of two numbers, tanh flattens the signal at each, and ten epochs from this start do not find the way out.
(With other seeds the same network gets to 90 %.)

**3. Equal numbers of units.** The pairs have equal numbers of hidden *units*, not of parameters: 1 x 32
has 162 parameters and 4 x 8 has 258: 88.4 % against 89.7 %. 1 x 128 has 642 and 4 x 32 has 3330: 89.0 %
against 90.3 %. Both times the deeper one is ahead by about a point, at 1.6 and 5 times the parameters.
Composition pays a little: a unit of a later layer starts from bent coordinates, a unit of a wide single
layer only adds one more edge to a sum. But the problem is so simple that a single layer is nearly as
good; the step is of the size of the noise between seeds, so I would not bet on it without more runs.

**4. The threshold.** It helped in nine of the twelve networks, on a test set that had no part in the
choice, by one to five points as a rule and by far more for the two weakest (72 % to 79 % for 1 x 2, 69 %
to 85 % for 4 x 2); 1 x 8 stayed as it was, 2 x 8 gained next to nothing, and 1 x 128 lost a fraction of a
point. All chosen thresholds are below one half, most of them between 0.1 and 0.25, for one reason: all
networks were trained mostly on moons rotated by 10° and miss blue samples where the blue moon has moved
(Question 2). The validation set (50°) shows this, the test set (40°) suffers from it as well, so what is
learned from one carries over to the other. It need not be so: had the test set been rotated the other
way, the same threshold would have hurt. And the point closest to $(0, 1)$ balances two rates; it is not
chosen for the largest accuracy, so a small loss like that of 1 x 128 is to be expected.
"""
# END ANSWER
