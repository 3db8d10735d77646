"""The recipes of the paper's networks, as far as the paper and pylearn2's example give them."""

from dataclasses import replace

from advtutor.claims.trained import Recipe

# Linear models, and the shallow RBF network.
SOFTMAX = Recipe("SoftmaxRegression", epochs=5, lr=0.1)
LOGISTIC = Recipe("LogisticRegression", epochs=10, lr=0.1, classes=(3, 7))
RBF = Recipe(
    "RBF", epochs=3, lr=1e-2, objective="yes or no", optimizer="one_cycle_adam", batch_size=128
)
# What the training's length does, and what the RBF network's form does.
LOGISTIC_LENGTHS = {"logistic": LOGISTIC, "logistic, 40 epochs": replace(LOGISTIC, epochs=40)}
SOFTMAX_LENGTHS = {
    "softmax": SOFTMAX,
    "softmax, 1 epoch": replace(SOFTMAX, epochs=1),
    "softmax, 20 epochs": replace(SOFTMAX, epochs=20),
}
RBF_FORMS = {
    "RBF, 1 epoch": replace(RBF, epochs=1),
    "RBF, 2 epochs": replace(RBF, epochs=2),
    "RBF": RBF,
    "RBF, 5 epochs": replace(RBF, epochs=5),
    "RBF, 20 epochs": replace(RBF, epochs=20),
    "RBF, one width": replace(RBF, model="IsotropicRBF"),
    "RBF, rank 20": replace(RBF, model="LowRankRBF", lr=3e-3),
    "RBF, shared softmax": replace(RBF, model="SoftmaxRBF", objective="clean"),
}

# The maxout network: 240 units with five pieces, dropout, SGD; not clipped. The paper says neither
# for how long it was trained nor at which rate.
MAXOUT = Recipe("Maxout", epochs=12, lr=0.3, options={"units": 240, "pieces": 5})
MAXOUT_ADVERSARIAL = replace(MAXOUT, objective="adversarial")
# It gains from twice the length, which the usual objective does not need.
MAXOUT_LONGER = replace(MAXOUT_ADVERSARIAL, epochs=24)
MAXOUT_SIGN_NOISE = replace(MAXOUT, objective="sign noise")
MAXOUT_UNIFORM_NOISE = replace(MAXOUT, objective="uniform noise")
MAXOUT_SIGMOIDS = replace(
    MAXOUT, objective="yes or no", options={**MAXOUT.options, "sigmoids": True}
)
# A longer training, stopped by the adversarial error on held-out digits.
MAXOUT_STOPPED = replace(
    MAXOUT_ADVERSARIAL, epochs=30, examples=50_000, held_out=10_000, stop_on="FGSM error"
)
# The length that it chose, on all 60,000 digits.
MAXOUT_RETRAINED = replace(MAXOUT_ADVERSARIAL, epochs=30)
# The same networks, trained in four fifths of the light, as pylearn2's example trains its own.
BRIGHTER = {
    name: replace(recipe, model="BrighterMaxout")
    for name, recipe in {
        "maxout": MAXOUT,
        "adversarial": MAXOUT_LONGER,
        "sign noise": MAXOUT_SIGN_NOISE,
        "uniform noise": MAXOUT_UNIFORM_NOISE,
        "sigmoids": MAXOUT_SIGMOIDS,
    }.items()
}
# Some of them, trained for longer as well.
LONGER = {
    name: replace(BRIGHTER[name], epochs=60 if name == "adversarial" else 48)
    for name in ("maxout", "adversarial", "sign noise", "uniform noise")
}
# The usual and the adversarial training, of smaller and larger networks; the largest ones for half
# as long, with others of that length to compare them with.
SIZES = {
    f"{name}, {units} units{remark}": replace(
        recipe, epochs=recipe.epochs // part, options={"units": units, "pieces": 5}
    )
    for sizes, part, remark in (
        ((60, 120, 480), 1, ""),
        ((240, 480, 1600), 2, ", half as long"),
    )
    for units in sizes
    for name, recipe in (("maxout", MAXOUT), ("adversarial", MAXOUT_LONGER))
}
MAXOUT_SHORT = replace(MAXOUT, epochs=5)
MAXOUT_L1 = replace(MAXOUT_SHORT, objective="L1 decay", penalty=0.0025)
MAXOUT_LESS_L1 = replace(MAXOUT_L1, penalty=0.00025)
MAXOUT_LEAST_L1 = replace(MAXOUT_L1, penalty=0.000025)

# The large one, 1,600 units, in as many epochs as two cores do in a quarter of an hour. bfloat16
# would take 0.6 of the time, but does not learn: the clean error stays at 90 %.
LARGE = replace(MAXOUT, epochs=6, options={"units": 1600, "pieces": 5})
LARGE_ADVERSARIAL = replace(LARGE, objective="adversarial")
LARGE_STOPPED = replace(LARGE_ADVERSARIAL, examples=50_000, held_out=10_000, stop_on="FGSM error")

# CIFAR-10's network, in a training that a GPU does in minutes. It has not been tried on the data.
CIFAR = Recipe(
    "ConvMaxout", epochs=30, lr=1e-3, optimizer="one_cycle_adam", batch_size=128, data="cifar10"
)
