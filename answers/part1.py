"""Your written answers for Part 1.

Write Markdown between the triple quotes; mathematics goes between dollar signs, as in $x^2$, or between
double ones on lines of their own. Keep the r in front, so that a backslash stays a backslash. The notebook
shows an answer with display_answer("p1.q1").
"""

# BEGIN ANSWER p1.q1
part1_q1 = r"""
Write $D = 1024$ for the input features and $C = 512$ for the output features. The layer computes

$$Y_{ij} = \sum_{k=1}^{D} X_{ik}\,W_{jk} + b_j , \qquad i = 1 \dots N, \quad j = 1 \dots C .$$

**Shapes.** A Jacobian has one entry per pair (entry of the output, entry of what we differentiate by):

| | shape | with our numbers | entries | as float32 |
| --- | --- | --- | --- | --- |
| $\partial Y / \partial X$ | $(N, C, N, D)$ | $(64, 512, 64, 1024)$ | $2^{31} = 2\,147\,483\,648$ |8 GiB|
| $\partial Y / \partial W$ | $(N, C, C, D)$ | $(64, 512, 512, 1024)$ | $2^{34} = 17\,179\,869\,184$ |64 GiB|

One float32 takes 4 bytes. For comparison, $X$ itself takes 256 KiB and $W$ takes 2 MiB.

**Which entries are zero.** We differentiate the sum; only a term that contains the variable survives:

$$\frac{\partial Y_{ij}}{\partial X_{kl}} = [i = k]\; W_{jl} , \qquad
  \frac{\partial Y_{ij}}{\partial W_{kl}} = [j = k]\; X_{il} ,$$

where $[\cdot]$ is 1 if the statement is true and 0 otherwise.

- $\partial Y / \partial X$ is zero wherever $i \ne k$: the output of a sample depends on that sample alone,
  never on another one in the batch. Seen as an $N \times N$ grid of blocks of shape $(C, D)$ it is
  block-diagonal, and every block on the diagonal is the same matrix $W$. At most one entry in $N = 64$
  differs from zero.
- $\partial Y / \partial W$ is zero wherever $j \ne k$: output feature $j$ uses row $j$ of $W$ and no other.
  For each sample it is block-diagonal over the features, and the block for feature $j$ is row $i$ of $X$,
  the same for every $j$. At most one entry in $C = 512$ differs from zero.

So each holds at most $N\,C\,D = 2^{25} = 33\,554\,432$ entries that are not zero, all of them copies of
entries of $W$ or of $X$ (whose own zeros, if there are any, are the only further ones).

**Why nobody builds them.** Back-propagation never asks for a Jacobian. It asks for the product of the
incoming gradient $\delta Y = \partial L / \partial Y$, of shape $(N, C)$, with it. The chain rule sums over
every entry of $Y$, and the bracket removes one of the sums before anything is stored:

$$\delta X_{kl} = \sum_{i,j} \delta Y_{ij}\,\frac{\partial Y_{ij}}{\partial X_{kl}}
  = \sum_{i,j} \delta Y_{ij}\,[i = k]\,W_{jl} = \sum_{j} \delta Y_{kj}\,W_{jl} = (\delta Y\,W)_{kl} ,$$

$$\delta W_{kl} = \sum_{i,j} \delta Y_{ij}\,\frac{\partial Y_{ij}}{\partial W_{kl}}
  = \sum_{i,j} \delta Y_{ij}\,[j = k]\,X_{il} = \sum_{i} \delta Y_{ik}\,X_{il} = (\delta Y^\top X)_{kl} .$$

That is two ordinary matrix products,

$$\underbrace{\delta X}_{(N, D)} = \underbrace{\delta Y}_{(N, C)}\;\underbrace{W}_{(C, D)} , \qquad
  \underbrace{\delta W}_{(C, D)} = \underbrace{\delta Y^\top}_{(C, N)}\;\underbrace{X}_{(N, D)} ,$$

each of $N\,C\,D = 2^{25}$ multiplications: exactly one for every entry that can differ from zero, and none
for the others. The memory is that of the operands: $\delta Y$ (128 KiB), $W$ and $X$, which the layer has
anyway, and the results, of the size of $X$ and of $W$. The sum over samples in $\delta W$ is also why
gradients of a batch add up.
"""
# END ANSWER

# BEGIN ANSWER p1.q2
part1_q2 = r"""
**No.** Descent needs a direction in which the loss falls, most often minus the gradient
$g = \nabla_\theta L(\theta) \in \mathbb{R}^P$. The update $\theta \leftarrow \theta - \eta\,g$ does not
care where $g$ came from. Back-propagation is *one algorithm that computes* $g$; gradient descent is *one
that uses it*. Any other source of $g$, or of an estimate of it, serves descent just as well and differs
only in what it costs and how exact it is.

| where the gradient comes from | price of one gradient | exact? |
| --- | --- | --- |
| back-propagation (reverse mode) | 1 forward, 1 backward of about twice its work | yes, up to rounding |
| forward-mode differentiation | $P$ passes, each gives one derivative $g \cdot v$ | yes, up to rounding |
| central finite differences | $2P$ values of the loss | no: $O(h^2)$, and rounding grows as $1/h$ |
| random directions (SPSA, evolution strategies) | 2 values per direction $v$ | on average, as $h \to 0$ |
| a formula derived by hand | whatever the formula costs | yes |

Three of them at work:

- *By hand.* For linear regression with loss $\tfrac{1}{2N}\lVert X\theta - t\rVert^2$ the gradient is
  $\tfrac1N X^\top (X\theta - t)$. People ran gradient descent on it long before there were neural networks,
  and no graph is traversed.
- *Forward mode with random directions.* Draw $v$ with independent entries of mean 0 and variance 1. Then
  $\mathbb{E}[(g \cdot v)\,v] = \mathbb{E}[v v^\top]\,g = g$, so a single forward pass that carries one
  derivative along gives an unbiased estimate of the whole gradient: stochastic descent without a backward
  pass. Its variance grows with $P$.
- *SPSA.* Replace $g \cdot v$ by $\bigl(L(\theta + h v) - L(\theta - h v)\bigr) / 2h$. Now the network may
  be a black box that cannot be differentiated through at all; two evaluations give a (noisy) step.

**Why everybody uses back-propagation all the same.** A loss is one number that depends on $P$ parameters.
Reverse mode gets all $P$ derivatives at once for a small constant multiple of the cost of one forward pass,
whatever $P$ is; forward mode and finite differences pay in proportion to $P$, which is millions, and random
directions pay the same in variance. The price of reverse mode is memory: the values of the forward pass
have to be kept until the backward pass has used them. So back-propagation is not required; at the size of a
deep network it is what makes gradients affordable.
"""
# END ANSWER
