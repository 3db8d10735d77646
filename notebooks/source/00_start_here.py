# %% [markdown]
# # Start here
#
# **Can a change that nobody can see fool a real network? You will try it on this machine.**
#
# *15 minutes. You need Python and a little PyTorch. After this notebook you can*
#
# - *make a network misread a photo by changes of less than two grey levels, and show that noise does not;*
# - *use the course's predictions, exercises and claims.*
#
# Everything runs on this computer. Nothing is downloaded.

# %%
import torch
import torch.nn.functional as F

from advtutor import attacks, checks, data, models, plots, progress
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
# EfficientNet-Lite0 was trained on over a million photos in 1,000 classes. It gives each class a probability; the largest is its **confidence**. Pixels are numbers between 0 (black) and 1 (full light), in three colour channels of 224 × 224.
#
# A line with ✓ is a **claim**: a statement, the band in which its number has to fall on any machine, and what yours measured.


# %%
def read(image):
    """The most likely class of one image [1, 3, H, W], and its probability."""
    with torch.no_grad():
        probability, index = network(image).softmax(dim=1)[0].max(dim=0)
    return names[index], probability.item()


before, sure_before = read(photo)
claim("photo-clean", sure_before, low=0.9, unit="%", statement=f"the network is sure of {before!r}")
plots.images(photo, [f"{before} ({sure_before:.0%} sure)"], columns=2, title="the photo")

# %% [markdown]
# ## 2. What would you have to change?
#
# You may change each pixel by at most $\epsilon = 0.007$ in each channel. A screen shows 255 steps from black to full light; $0.007$ is less than two.
#
# **Your prediction.** One such change, made with the network's gradient, takes its confidence in "espresso" from over 90 % to …

# %%
guess = predict("photo", low=0, high=1, unit="%")
guess

# %% [markdown]
# The loss $J(x, y)$ is large where the network gives class $y$ little probability. Its gradient $\nabla_x J$ says for each pixel whether more or less light makes $J$ larger. Take only the sign, so that every pixel moves by the same $\epsilon$, and for $y$ what the network reads now:
#
# $$x_{\mathrm{adv}} = x + \epsilon\,\mathrm{sign}(\nabla_x J(x, y)).$$
#
# That is an *adversarial example*. The code also keeps the pixels in $[0, 1]$.


# %%
def gradient_sign_step(image, label, eps):
    image = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(network(image), label), image)
    return (image + eps * gradient.sign()).clamp(0, 1).detach()


label = torch.tensor([names.index(before)])
photo_adv = gradient_sign_step(photo, label, eps=0.007)
after, sure_after = read(photo_adv)
step = 0.5 + (photo_adv - photo) / (2 * 0.007)
plots.images(
    torch.cat([photo, step, photo_adv]),
    [f"{before} ({sure_before:.0%} sure)", "the step", f"{after} ({sure_after:.0%} sure)"],
    columns=3,
    title="the photo, the step (71 times as strong), and the sum",
)

# %% [markdown]
# In the middle a red pixel got more red, and less green and blue; so for the other colours.

# %%
guess.compare(network(photo_adv).detach().softmax(dim=1)[0, label], unit="%")
after_one = f"after one step the network reads {after!r}, with a confidence of"
claim("F1-imagenet", sure_after, low=0.15, high=0.5, unit="%", statement=after_one)

# %% [markdown]
# Soup for coffee may seem a small mistake. So *aim*: 20 short steps towards a class of your choice, within the same $0.007$.

# %%
goal = "goldfish"  # or another of `names`
aimed = torch.tensor([names.index(goal)])
photo_aimed = attacks.bim(network, photo, aimed, 0.007, steps=20, targeted=True)
sure_aimed = network(photo_aimed).detach().softmax(dim=1)[0, aimed]
after_all = "after 20 aimed steps the network's confidence in the class you chose"
claim("photo-aimed", sure_aimed, low=0.9, unit="%", statement=after_all)

# %% [markdown]
# **What it shows.** To you the two photos look the same. The network reads another class after one step, and the one that you chose after 20. The paper that this course follows (Goodfellow, Shlens and Szegedy, 2015) took a panda for a gibbon.
#
# **What it does not show.** That *any* tiny change would do it. Perhaps the network is simply nervous.

# %% [markdown]
# ## 3. Is the network nervous?
#
# Move every pixel by the same $0.007$, but toss a coin for the direction. Do that 50 times, each time with new coins.

# %%
torch.manual_seed(0)
as_before = 0
for _ in range(50):
    coins = torch.randint(0, 2, photo.shape) * 2 - 1
    as_before += read((photo + 0.007 * coins).clamp(0, 1))[0] == before
after_coins = f"the share of 50 random steps after which the network still reads {before!r}"
claim("photo-noise", as_before / 50, low=0.98, unit="%", statement=after_coins)

# %% [markdown]
# **What it shows.** After random steps of the same size the network reads this photo as before. So it is not the size that counts, but the direction.
#
# **What it does not show.** That it is so for other photos and networks, or why: that is the question of [the next notebook](01_linear_explanation.ipynb).

# %% [markdown]
# ## 4. How much is 0.007?
#
# Three units are in use. We measure pixels in $[0, 1]$. Files store 0 to 255. Networks often see pixels shifted and scaled: this one divides the bytes by 128 inside.
#
# **Exercise.** Convert grey levels of a file to $\epsilon$ in $[0, 1]$. Put your code in the place of the `...`.


# %%
def levels_to_eps(levels):
    """eps in units of [0, 1] for a change of `levels` grey levels in a file of 0 to 255."""
    ...


levels_to_eps = checks.levels_to_eps(levels_to_eps)

# %% [markdown]
# Stuck? `checks.levels_to_eps.hint()` gives a hint, each further call a stronger one, and `.solution()` the answer. Here is the ruler:

# %%
print("grey levels   in [0, 1]   inside this network")
for levels in (1, 2, 4, 8, 16):
    eps = levels_to_eps(levels)
    print(f"{levels:11d}   {eps:9.4f}   {eps * 255 / 128:19.4f}")

# %% [markdown]
# ## 5. Where does it tip over?
#
# Move the slider: each position makes one step with that $\epsilon$. (With the keyboard: Tab, then the arrow keys.)

# %%
photo_explorer(network, names, photo, label, eps=0.002)

# %%
tipped, _ = read(gradient_sign_step(photo, label, eps=0.0015))
print(f"after one step of 0.0015, less than half a grey level, it reads {tipped!r}")

# %% [markdown]
# Look between 0.003 and 0.004: a longer step is not always a better one.

# %% [markdown]
# ## 6. Does it work on your handwriting?
#
# Draw a digit with the mouse, a finger or a pen. (Or take a sample; or Tab to the canvas and draw with Space and the arrow keys.) Two small networks read along, the *usual* one, and the *hardened* one, which was trained on such examples. *Attack it* takes 20 short steps against each, and looks for the smallest $\epsilon$ that changes its mind.

# %%
readers = {"usual": pretrained("maxout"), "hardened": pretrained("maxout-adversarial")}
DrawDigit(readers, data.mnist().test.x[:5], eps=0.1)

# %% [markdown]
# **What one drawing does not show** is which network is safer: that takes many digits, and more attacks than one.

# %% [markdown]
# ## 7. How this course works
#
# - **Predictions** come before a measurement. Nobody sees them; they make the result stick.
# - **Checks** print ○ not attempted yet, ✓ right, or ✗ with the mistake they found. After ○ and ✗ the notebook goes on with the course's own function.
# - **Claims** that do not hold stop the notebook. Where numbers were measured elsewhere, it says so.
# - **Progress**: `advtutor progress` in a terminal shows which exercises you have solved. A small file keeps their names; `ADVTUTOR_PROGRESS=off` switches it off.
# - **When something fails**, run `advtutor doctor` in a terminal. *Kernel → Restart Kernel and Run All Cells* runs a notebook afresh.
#
# | you have | take |
# |---|---|
# | 50 minutes | this one, then [02](02_gradient_sign_crafting.ipynb), sections 1 to 3 (take on trust why the step works; notebook 01 explains it) |
# | 90 minutes | this one, [01](01_linear_explanation.ipynb), sections 2 and 3, and [02](02_gradient_sign_crafting.ipynb), sections 1 to 4 and 6 |
# | 180 minutes | this one, [01](01_linear_explanation.ipynb), [02](02_gradient_sign_crafting.ipynb), [03](03_adversarial_training.ipynb), sections 1 to 3 and 7, and [04](04_does_the_defence_hold.ipynb), sections 1 to 3 |
# | a course | all of these, then [05](05_why_examples_transfer.ipynb), [06](06_bug_or_feature.ipynb), [07](07_proof_not_promise.ipynb) and [08](08_the_paper_in_numbers.ipynb) |
#
# **Further reading.** Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015, arXiv 1412.6572), Figure 1. The photo comes with scikit-image.

# %%
progress.show("00_start_here")
