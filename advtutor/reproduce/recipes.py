"""The recipes of the paper's networks, as far as the paper and pylearn2's example give them."""

from dataclasses import replace

from advtutor.reproduce.networks import Recipe

# The maxout network: 240 units with five pieces, dropout, SGD; not clipped. The paper does not say
# for how long it was trained.
MAXOUT = Recipe("Maxout", epochs=24, lr=0.1, options={"units": 240, "pieces": 5})
MAXOUT_ADVERSARIAL = replace(MAXOUT, objective="adversarial")
MAXOUT_SIGN_NOISE = replace(MAXOUT, objective="sign noise")
MAXOUT_UNIFORM_NOISE = replace(MAXOUT, objective="uniform noise")
MAXOUT_SIGMOIDS = replace(
    MAXOUT, objective="yes or no", options={**MAXOUT.options, "sigmoids": True}
)
# The length of the training: the epoch with the lowest adversarial error on held-out digits.
MAXOUT_STOPPED = replace(MAXOUT_ADVERSARIAL, examples=50_000, held_out=10_000, stop_on="FGSM error")
