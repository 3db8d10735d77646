# %% [markdown]
# # Start here
#
# **Can a change that nobody can see fool a real network? Try it, on this machine.**
#
# *18 minutes. You need Python and a little PyTorch. After this notebook you can*
#
# - *change a photo by less than two grey levels and make an ImageNet network misread it;*
# - *test whether the same amount of noise does the same;*
# - *use the course's predictions, exercises and claims.*
#
# Everything runs on this computer. Nothing is downloaded.

# %%
import torch
import torch.nn.functional as F

from advtutor import checks, data, models, plots, progress
from advtutor.claims import claim
from advtutor.claims.weights import pretrained
from advtutor.predictions import predict
from advtutor.widgets import DrawDigit, photo_explorer

network = models.imagenet_classifier()
names = data.imagenet_classes()
photo = data.photo("coffee")
network, photo.shape

# %% [markdown]
# ## 1. What does the network see?
#
# The network is EfficientNet-Lite0, trained on ImageNet: over a million photos in 1,000 classes. The photo shows a cup of coffee. Pixels are numbers between 0 (dark) and 1 (light), in three colour channels of 224 × 224. (A line with *claim* names a number, and the band in which it has to lie on any machine.)


# %%
def read(image):
    """The most likely class of one image [1, 3, H, W], and its probability: the confidence."""
    with torch.no_grad():
        probability, index = network(image).softmax(dim=1)[0].max(dim=0)
    return names[index], probability.item()


before, sure_before = read(photo)
claim(
    "photo-clean",
    sure_before,
    low=0.9,
    unit="%",
    statement=f"the confidence with which the network reads '{before}'",
)
plots.images(photo, [f"{before} ({sure_before:.0%} sure)"], columns=2, title="the photo")

# %% [markdown]
# ## 2. What would you have to change?
#
# You may change every pixel by at most $\epsilon = 0.007$. A screen shows 255 steps from dark to light; $0.007$ is less than two of them.
#
# The network's *loss* $J(x, y)$ says how badly it reads the picture $x$ if $y$ is the truth. Its gradient $\nabla_x J$ says, for each pixel and colour, whether more or less light makes the loss larger. Take only the sign, so that everything moves by the same small amount, and keep the pixels in $[0, 1]$:
#
# $$x_{\mathrm{adv}} = \mathrm{clip}_{[0,1]}\bigl(x + \epsilon\,\mathrm{sign}(\nabla_x J(x, y))\bigr).$$
#
# If the network misreads such a picture, it is called an *adversarial example*. **Your prediction.** The network's confidence in "espresso" falls from over 90 % to …

# %%
guess = predict("photo", low=0, high=1, unit="%")
guess


# %%
def gradient_sign_step(image, label, eps):
    image = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(network(image), label), image)
    return (image + eps * gradient.sign()).clamp(0, 1).detach()


label = torch.tensor([names.index(before)])
one_step = gradient_sign_step(photo, label, eps=0.007)
after, sure_after = read(one_step)
left = network(one_step).softmax(dim=1)[0, label].item()
guess.compare(left, unit="%")
print(f"It reads {after!r} instead of {before!r}.")
claim(
    "photo-step",
    left,
    high=0.5,
    unit="%",
    statement="confidence in 'espresso' after one step of 0.007",
)

# %% [markdown]
# Now aim: ten shorter steps *down* the loss of another class, the goldfish, never further than $0.007$ from the photo.

# %%
wanted = torch.tensor([names.index("goldfish")])
aimed = photo
for _ in range(10):
    step = gradient_sign_step(aimed, wanted, eps=-0.002)  # a negative step goes down the loss
    aimed = step.clamp(photo - 0.007, photo + 0.007).clamp(0, 1)
seen, sure = read(aimed)
plots.step(
    photo[0],
    aimed[0],
    f"{before}\n({sure_before:.0%} sure)",
    f"{seen}\n({sure:.0%} sure)",
    eps=0.007,
    title="the photo, what was added to it, and the sum",
)

# %%
claim(
    "photo-aimed",
    sure,
    low=0.9,
    unit="%",
    statement=f"confidence in '{seen}' after ten aimed steps within 0.007",
)

# %% [markdown]
# Change `"goldfish"` and run both cells again. Many classes are not reached, or less surely, and then the claim stops you.
#
# **What it shows.** Left and right look the same to you; this network reads the right one as a goldfish. The paper that this course follows (Goodfellow, Shlens and Szegedy, 2015) turns a panda into a gibbon with one step of one grey level, on another network.
#
# **What it does not show.** That *any* tiny change would do it. Perhaps the network is nervous, and every change upsets it.

# %% [markdown]
# ## 3. Is the network nervous?
#
# Move every pixel by the same $0.007$, but toss a coin for the direction. Do that 20 times.

# %%
torch.manual_seed(0)
draws = []
for _ in range(20):
    coins = torch.randint(0, 2, photo.shape) * 2 - 1
    draws.append(read((photo + 0.007 * coins).clamp(0, 1)))

claim(
    "photo-noise",
    sum(name == before for name, _ in draws) / len(draws),
    low=0.95,
    unit="%",
    statement="share of 20 random steps after which it still reads 'espresso'",
)

# %% [markdown]
# **What it shows.** Noise of the same size leaves the answer as it was. On this photo the network is not nervous; it is over-sensitive in particular directions, and the gradient points in one of them. **What it does not show.** Why such directions exist, or how common they are: one photo, one network. [The next notebook](01_linear_explanation.ipynb) begins with that.
#
# Move the slider to see how the confidence falls. Each position makes one step with that $\epsilon$; espresso and consomme lie close, and the answer may flip back. (With the keyboard: Tab to the slider, then the arrow keys.)

# %%
photo_explorer(network, names, photo, label, eps=0.002)

# %%
quarter = network(gradient_sign_step(photo, label, eps=0.001)).softmax(dim=1)[0, label].item()
claim(
    "photo-quarter",
    quarter,
    high=0.6,
    unit="%",
    statement="confidence in 'espresso' after a step of 0.001, a quarter of a grey level",
)

# %% [markdown]
# ## 4. How much is 0.007?
#
# Pixels are in $[0, 1]$ here; files store 0 to 255.
#
# **Exercise.** Write the conversion from grey levels of a file to $\epsilon$. Replace the `...` with your code and run the cell. An untouched exercise never stops a notebook: the check hands you the course's own function and you go on. `checks.levels_to_eps.hint()` gives a hint, and each further call a stronger one; `checks.levels_to_eps.solution()` shows the answer.


# %%
def levels_to_eps(levels):
    """eps in units of [0, 1] for a change of `levels` grey levels in a file of 0 to 255."""
    ...


levels_to_eps = checks.levels_to_eps(levels_to_eps)

# %%
for levels in (1, 2, 4, 8, 64):
    print(f"{levels:3d} grey levels are {levels_to_eps(levels):.4f}")

# %% [markdown]
# ## 5. Does it work on your handwriting?
#
# Draw a digit with the mouse, a finger or a pen; or take one of the samples; or Tab to the canvas and draw with Space and the arrow keys. Two small networks read it: one was trained as usual, the other also on attacked ones (notebook 03). *Attack it* changes your digit by at most $\epsilon$ in each pixel, in 20 short steps against each network, and looks for the smallest $\epsilon$ with which it can change the network's mind.

# %%
readers = {"usual": pretrained("maxout"), "hardened": pretrained("maxout-adversarial")}
DrawDigit(readers, data.mnist().test.x[:5], eps=0.1)

# %% [markdown]
# **What one drawing does not show** is which network is safer: that takes many digits, and more attacks than one.

# %% [markdown]
# ## 6. How this course works
#
# - **Predictions** come before a measurement. Nobody sees them.
# - **Exercises** have `...` where your code goes. A check prints ○ not attempted yet, ✓ right on every input it tried, or ✗ with the mistake it found.
# - **Claims** say what is claimed, the band in which the number has to fall on any machine, and what this machine measured. A claim that does not hold stops the notebook. No machine checks the sentences around a claim.
# - **Progress**: the last cell shows which exercises you have solved, and `advtutor progress` in a terminal shows all. It is a small file of your own; `ADVTUTOR_PROGRESS=off` switches it off.
# - **When something fails**, run `advtutor doctor` in a terminal.
#
# | you have | take |
# |---|---|
# | 50 minutes | this one, then [02](02_gradient_sign_crafting.ipynb), sections 1 to 3 (take on trust why the step works; 01 explains it) |
# | 90 minutes | this one, [01](01_linear_explanation.ipynb), sections 1 and 2, and [02](02_gradient_sign_crafting.ipynb), sections 1 to 4 |
# | 180 minutes | this one, [01](01_linear_explanation.ipynb), sections 1 and 2, [02](02_gradient_sign_crafting.ipynb), sections 1 to 4, [03](03_adversarial_training.ipynb), sections 1 to 3 and 7, and [04](04_does_the_defence_hold.ipynb), sections 1, 2 and 4 |
# | a course | all in their order; [09](09_your_own_network.ipynb) is the project at the end |
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), section 4 and Figure 1. The photo comes with scikit-image.

# %%
progress.show("00_start_here")
