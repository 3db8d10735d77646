# %% [markdown]
# # Start here
#
# **Can a change that nobody can see fool a real network? You will try it, in ten minutes, on this machine.**
#
# *10 minutes. You need Python and a little PyTorch. After this notebook you can*
#
# - *change a photo by less than two grey levels and make an ImageNet network misread it;*
# - *show that the same amount of noise does nothing;*
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
photo = data.photo("camera")
network, photo.shape

# %% [markdown]
# ## 1. What does the network see?
#
# The network is EfficientNet-Lite0, trained on ImageNet: over a million photos in 1,000 classes. The photo shows a man with a camera on a tripod. Pixels are numbers between 0 (black) and 1 (white), in three colour channels of 224 × 224.


# %%
def read(image):
    """The most likely class of one image [1, 3, H, W], and its probability."""
    with torch.no_grad():
        probability, index = network(image).softmax(dim=1)[0].max(dim=0)
    return names[index], probability.item()


before, sure_before = read(photo)
claim("photo-clean", sure_before, low=0.9, unit="%", statement=f"the network reads '{before}'")
plots.images(photo, [f"{before} ({sure_before:.0%} sure)"], columns=2, title="the photo")

# %% [markdown]
# ## 2. What would you have to change?
#
# You may change every pixel by at most $\epsilon = 0.007$. A screen shows 255 steps from black to white; $0.007$ is less than two of them.
#
# **Your prediction.** One such change, made with the network's gradient, takes its confidence in "tripod" from over 90 % to …

# %%
guess = predict("photo", low=0, high=1, unit="%")
guess

# %% [markdown]
# The gradient $\nabla_x J$ of the loss says, for each pixel, whether making it lighter or darker makes the network's loss $J$ larger. Take only its sign, so that every pixel moves by the same small amount $\epsilon$. For $y$ take what the network reads now:
#
# $$x_{\mathrm{adv}} = x + \epsilon\,\mathrm{sign}(\nabla_x J(x, y)).$$
#
# Three lines of code. The last one also keeps the pixels in $[0, 1]$; $x_{\mathrm{adv}}$ is called an *adversarial example*.


# %%
def gradient_sign_step(image, label, eps):
    image = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(network(image), label), image)
    return (image + eps * gradient.sign()).clamp(0, 1).detach()


label = torch.tensor([names.index(before)])
photo_adv = gradient_sign_step(photo, label, eps=0.007)
after, sure_after = read(photo_adv)
plots.step(
    photo[0],
    photo_adv[0],
    f"{before}\n({sure_before:.0%} sure)",
    f"{after}\n({sure_after:.0%} sure)",
    eps=0.007,
    title="the photo, the step, and the sum",
)

# %%
left = network(photo_adv).softmax(dim=1)[0, label].item()
guess.compare(left, unit="%")
print(f"It reads {after!r} instead of {before!r}.")
claim(
    "F1-imagenet",
    sure_after,
    low=0.5,
    high=0.75,
    unit="%",
    statement="one gradient-sign step turns 'tripod' into another class, with a confidence of",
)

# %% [markdown]
# **What it shows.** Left and right look the same to you. The network reads the right one as a harmonica. The paper that this course follows (Goodfellow, Shlens and Szegedy, 2015) does this with a panda, a gibbon and another network, and reaches a higher confidence; what happens is the same.
#
# **What it does not show.** That *any* tiny change would do it. Perhaps the network is simply nervous.

# %% [markdown]
# ## 3. Is the network nervous?
#
# Move every pixel by the same $0.007$, but toss a coin for the direction. Do that 50 times, each time with new coins.

# %%
torch.manual_seed(0)
draws = []
for _ in range(50):
    coins = torch.randint(0, 2, photo.shape) * 2 - 1
    draws.append(read((photo + 0.007 * coins).clamp(0, 1)))

claim(
    "photo-noise",
    sum(name == before for name, _ in draws) / len(draws),
    low=0.98,
    unit="%",
    statement="random steps of the same size leave the answer 'tripod', of 50 draws",
)
claim(
    "photo-noise-confidence",
    min(probability for _, probability in draws),
    low=0.85,
    unit="%",
    statement="lowest confidence in 'tripod' over the 50 draws",
)

# %% [markdown]
# **What it shows.** Noise of the same size changes nothing. The network is not nervous; it is blind in one particular direction, and the gradient points there. Why such a direction exists in every network of this kind is the question of [the next notebook](01_linear_explanation.ipynb).

# %% [markdown]
# ## 4. How much is 0.007?
#
# Three units are in use for $\epsilon$, and mixing them up is the most common mistake in this field. We measure pixels in $[0, 1]$. Files store 0 to 255. Networks often see pixels that were shifted and scaled: this one divides the bytes by 128 inside.
#
# **Exercise.** Write the conversion from grey levels of a file to $\epsilon$ in $[0, 1]$. Put your code in the place of the `...` and run the cell. An untouched exercise never stops a notebook: the check hands you the course's own function and you go on.


# %%
def levels_to_eps(levels):
    """eps in units of [0, 1] for a change of `levels` grey levels in a file of 0 to 255."""
    ...


levels_to_eps = checks.levels_to_eps(levels_to_eps)

# %% [markdown]
# Stuck? `checks.levels_to_eps.hint()` gives a hint, and each further call a stronger one. `checks.levels_to_eps.solution()` shows the answer.
#
# Here is the ruler, made with your function:

# %%
print("grey levels   in [0, 1]   inside this network")
for levels in (1, 2, 4, 8, 16):
    eps = levels_to_eps(levels)
    print(f"{levels:11d}   {eps:9.4f}   {eps * 255 / 128:19.4f}")

# %% [markdown]
# ## 5. Where does it tip over?
#
# Move the slider. Each position makes the step anew with that $\epsilon$, and asks the network again. (With the keyboard: Tab to the slider, then the arrow keys.)

# %%
photo_explorer(network, names, photo, label, eps=0.002)

# %% [markdown]
# ## 6. Does it work on your handwriting?
#
# Draw a digit with the mouse, a finger or a pen. Without a pointer: take one of the samples, or Tab to the canvas and draw with Space and the arrow keys. Two small networks read along while you draw: one was trained as usual, the other on pictures with such steps in them ([03](03_adversarial_training.ipynb) shows how).
#
# *Attack it* changes your digit by at most $\epsilon$ in each pixel, in 20 short steps against each network ([02](02_gradient_sign_crafting.ipynb) builds them), and looks for the smallest $\epsilon$ that changes the network's mind.

# %%
readers = {"usual": pretrained("maxout"), "hardened": pretrained("maxout-adversarial")}
DrawDigit(readers, data.mnist().test.x[:5], eps=0.1)

# %% [markdown]
# Try several digits, of your own and of the samples. **What one drawing does not show** is which network is safer: that takes many digits, and more attacks than one.

# %% [markdown]
# ## 7. How this course works
#
# - **Predictions** come before a measurement. Nobody sees them and nothing depends on them; they make the result stick.
# - **Exercises** have `...` where your code goes. A check prints one line: ○ not attempted yet, ✓ right, or ✗ with the mistake it found.
# - **Claims** say what is claimed, the band in which the number has to fall on any machine, the paper's value where there is one, and below it what this machine measured. A claim that does not hold stops the notebook. So what the text concludes from a number, your machine has just checked.
# - **Progress**: the last cell of each notebook with exercises shows which of them you have solved, and `advtutor progress` in a terminal shows all. A small file of your own holds the names, and no code; `ADVTUTOR_PROGRESS=off` switches it off.
# - **When something fails**, run `advtutor doctor` in a terminal (or `make doctor` in the course's folder). It says what is missing and what to do. *Kernel → Restart Kernel and Run All Cells* runs a notebook afresh at any time.
#
# | you have | take |
# |---|---|
# | 50 minutes | this one, then [02](02_gradient_sign_crafting.ipynb), sections 1 to 3 (the reason for the step, which is notebook 01's, on trust) |
# | 90 minutes | this one, [01](01_linear_explanation.ipynb), sections 2 and 3, and [02](02_gradient_sign_crafting.ipynb), sections 1 to 4 and 6 |
# | 180 minutes | this one, [01](01_linear_explanation.ipynb), [02](02_gradient_sign_crafting.ipynb), [03](03_adversarial_training.ipynb), sections 1 to 3 and 7, and [04](04_does_the_defence_hold.ipynb), sections 1 to 3 |
# | a course | all of these, then [05](05_why_examples_transfer.ipynb), [07](07_proof_not_promise.ipynb) and [08](08_the_paper_in_numbers.ipynb) |
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), section 4 and Figure 1. The photo comes with scikit-image.

# %%
progress.show("00_start_here")
