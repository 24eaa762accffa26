"""Train a small classifier on handwritten digits, then ask what only derivatives can tell.

The data are scikit-learn's bundled digits: 1,797 images of 8 × 8 pixels.  The model and its loss are plain NumPy;
`value_and_grad` differentiates them with respect to a pytree of parameters, and Adam, written out below, does the rest.
Then, at the trained parameters:

* `vmap(grad(loss))` gives a gradient for each test image; the images with the largest are the hardest ones;
* `jvp(grad(loss))` multiplies vectors by the Hessian, which a power iteration turns into its top eigenvalue;
* `make_jaxpr` prints the program that one small training step is.

    python examples/digits.py [--out digits.png] [--epochs 40]

It is deterministic, takes seconds, saves a picture, and exits with status 1 below 95 % test accuracy.
"""

import argparse
import sys
import time

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import covector as cv

SEED = 0
HIDDEN = 48
BATCH = 64
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-4
REQUIRED_ACCURACY = 0.95


def load():
    """Images scaled to [0, 1] and one-hot labels, split three to one."""
    images, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images / 16, np.eye(10)[labels], test_size=0.25, random_state=SEED, stratify=labels
    )
    return (x_train, y_train), (x_test, y_test)


def init_params(rng):
    """A pytree: two layers, each with a matrix scaled for its fan-in and a vector."""

    def layer(n_in, n_out):
        return {"W": rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)), "b": np.zeros(n_out)}

    return {"hidden": layer(64, HIDDEN), "output": layer(HIDDEN, 10)}


def logits(params, images):
    """Works on one image (64,) and on a batch (n, 64) alike."""
    hidden = np.tanh(images @ params["hidden"]["W"] + params["hidden"]["b"])
    return hidden @ params["output"]["W"] + params["output"]["b"]


def loss(params, images, targets):
    """Mean cross-entropy, and a little weight decay."""
    z = logits(params, images)
    z = z - np.max(z, axis=-1, keepdims=True)
    log_probabilities = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    decay = sum(np.sum(layer["W"] ** 2) for layer in params.values())
    return WEIGHT_DECAY * decay - np.mean(np.sum(targets * log_probabilities, axis=-1))


def accuracy(params, data):
    images, targets = data
    return float(np.mean(np.argmax(logits(params, images), axis=-1) == np.argmax(targets, axis=-1)))


def adam(params, gradient, state, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """One step of Adam (Kingma and Ba, 2015); the state is (step, mean of gradients, mean of their squares)."""
    step, mean, square = state
    step += 1
    mean = cv.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, mean, gradient)
    square = cv.tree.map(lambda s, g: beta2 * s + (1 - beta2) * g**2, square, gradient)
    rate = LEARNING_RATE * np.sqrt(1 - beta2**step) / (1 - beta1**step)
    params = cv.tree.map(lambda p, m, s: p - rate * m / (np.sqrt(s) + epsilon), params, mean, square)
    return params, (step, mean, square)


def train(params, train_data, test_data, epochs, rng):
    """The trained parameters, the loss of every step and the test accuracy of every epoch."""
    images, targets = train_data
    step_loss_and_gradient = cv.value_and_grad(loss)
    zeros = cv.tree.map(np.zeros_like, params)
    state = (0, zeros, zeros)
    losses, accuracies = [], [accuracy(params, test_data)]
    batches = len(images) // BATCH
    with tqdm(total=epochs * batches, desc="training", unit="step", mininterval=1.0) as bar:
        for _ in range(epochs):
            order = rng.permutation(len(images))[: batches * BATCH].reshape(batches, BATCH)
            for batch in order:
                value, gradient = step_loss_and_gradient(params, images[batch], targets[batch])
                params, state = adam(params, gradient, state)
                losses.append(float(value))
                bar.update()
            accuracies.append(accuracy(params, test_data))
            bar.set_postfix(loss=f"{losses[-1]:.3f}", test=f"{accuracies[-1]:.1%}", refresh=False)
    return params, losses, accuracies


def gradient_norms(params, data):
    """The norm of the gradient of each example's own loss."""
    per_example = cv.vmap(cv.grad(loss), in_axes=(None, 0, 0))(params, *data)
    return np.sqrt(sum(np.sum(leaf**2, axis=tuple(range(1, leaf.ndim))) for leaf in cv.tree.leaves(per_example)))


def top_hessian_eigenvalue(params, data, rng, max_products=500, tolerance=1e-5):
    """The eigenvalue of the loss's Hessian that is largest in size, by power iteration on Hessian-vector products.

    Returns the eigenvalue, the number of products and the relative residual |Hv - λv| / |λ|.
    """
    flat_params, unravel = cv.ravel_pytree(params)
    gradient = cv.grad(lambda flat: loss(unravel(flat), *data))
    vector = rng.normal(size=flat_params.shape)
    products, residual = 0, np.inf
    while residual > tolerance and products < max_products:
        vector = vector / np.linalg.norm(vector)
        _, product = cv.jvp(gradient, (flat_params,), (vector,))
        products += 1
        eigenvalue = float(vector @ product)
        residual = float(np.linalg.norm(product - eigenvalue * vector)) / abs(eigenvalue)
        vector = product
    return eigenvalue, products, residual


def save_picture(path, losses, accuracies, params, test_data, norms, rows=3, columns=6):
    """The learning curve on the left, the hardest digits on the right."""
    images, targets = test_data
    truth, guess = np.argmax(targets, axis=-1), np.argmax(logits(params, images), axis=-1)
    figure = Figure(figsize=(13, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))

    axes = left.subplots()
    axes.plot(np.arange(1, len(losses) + 1), losses, color="tab:blue", linewidth=0.8)
    axes.set(xlabel="step", ylabel="loss of the mini-batch", yscale="log", title="Learning curve")
    axes.yaxis.label.set_color("tab:blue")
    twin = axes.twinx()
    twin.plot(np.linspace(0, len(losses), len(accuracies)), 100 * np.array(accuracies), color="tab:orange")
    twin.set_ylim(0, 101)
    twin.set_ylabel("test accuracy, %", color="tab:orange")

    right.suptitle("Hardest test digits by gradient norm (wrong guesses in red)")
    for cell, i in zip(right.subplots(rows, columns).flat, np.argsort(-norms), strict=False):
        cell.imshow(images[i].reshape(8, 8), cmap="gray_r")
        color = "black" if truth[i] == guess[i] else "red"
        cell.set_title(f"{truth[i]} as {guess[i]}\n|g| = {norms[i]:.1f}", fontsize=8, color=color)
        cell.set_axis_off()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description="train a classifier of handwritten digits with covector, and look into it")
    parser.add_argument("--out", default="digits.png", help="where to save the picture")
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    if args.epochs < 1:
        parser.error("--epochs must be at least 1")
    start = time.perf_counter()
    rng = np.random.default_rng(SEED)

    train_data, test_data = load()
    params = init_params(rng)
    size = sum(leaf.size for leaf in cv.tree.leaves(params))
    print(f"{len(train_data[0])} training and {len(test_data[0])} test images; a network with {size} parameters")

    print("\nThe gradient of the loss on a batch of two images is this program:")
    print(cv.make_jaxpr(cv.grad(loss))(params, train_data[0][:2], train_data[1][:2]))
    print(flush=True)

    params, losses, accuracies = train(params, train_data, test_data, args.epochs, rng)
    print(f"Trained for {len(losses)} steps in {time.perf_counter() - start:.1f} s: mean loss of the last epoch", end=" ")
    print(f"{np.mean(losses[-len(losses) // args.epochs :]):.4f}, test accuracy {accuracies[-1]:.2%}.")

    norms = gradient_norms(params, test_data)
    print(f"Per-example gradient norms on the test images: median {np.median(norms):.3g}, largest {norms.max():.3g}.")

    eigenvalue, products, residual = top_hessian_eigenvalue(params, train_data, rng)
    print(f"Top eigenvalue of the Hessian of the training loss: {eigenvalue:.4f}", end=" ")
    print(f"({products} Hessian-vector products, residual {residual:.1e}).")

    save_picture(args.out, losses, accuracies, params, test_data, norms)
    print(f"Saved the learning curve and the hardest digits to {args.out}; {time.perf_counter() - start:.1f} s in all.")

    if accuracies[-1] < REQUIRED_ACCURACY:
        print(f"The test accuracy is below {REQUIRED_ACCURACY:.0%}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
