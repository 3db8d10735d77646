"""What a learner is told of mistakes that more than one exercise knows, by their names."""

SAID = {
    "minus": "the step goes down the loss, towards the right class: did you write minus for plus?",
    "no-sign": "the gradient goes in as it is, and is far too small: take its sign, grad.sign()",
    "no-clip": "the result leaves [0, 1]: did you clip?",
    "softmax-twice": "the softmax is applied twice: F.cross_entropy takes the model's logits as "
    "they are",
    "eps-steps": "each step is as long as the whole ball, eps: a step is step_size long",
    "one-step-less": "one step is missing: range(steps) already counts from 0 to steps - 1",
    "no-range": "the result leaves the range of an image: after each step, clamp it to [0, 1]",
    "wrong-label": "the loss is that of the predicted class, not of the label y: they differ "
    "where the model already errs",
    "from-prediction": "the step climbs the loss of the class that the model sees now, and leads "
    "to any other class: go down the loss of the class that is aimed at",
    "step-alone": "this is the step alone; the adversarial example is x plus the step",
    "no-eps": "eps plays no part: the sign has to be multiplied by it",
    "probability": "the step climbs the probability of the right class, so the model grows surer "
    "of it: climb the loss, F.cross_entropy(model(x), y), instead",
    "softmax-output": "this is the gradient of the largest softmax output, which knows nothing of "
    "the label: differentiate the loss",
    "largest-logit": "the gradient is that of the logits themselves, which know nothing of the "
    "label y: differentiate the loss",
    "logit": "this climbs away from the logit of the right class alone; F.cross_entropy also "
    "looks at the other classes",
    "first-only": "only the first image of the batch gets a gradient: take the loss over all of "
    "them",
    "image-sign": "the sign is taken of the image; it is the gradient whose sign tells where the "
    "loss grows",
    "gradient-clipped": "the gradient is clamped to [-eps, eps]; its sign, times eps, uses all of "
    "the budget in every pixel",
    "divided-by-max": "the gradient is divided by its largest entry, so only one pixel moves by "
    "eps: take the sign, and each of them does",
    "divided-by-norm": "the gradient is divided by its length, the step for an L2 ball; for the "
    "max-norm it is the sign",
    "mean-step": "one mean gradient moves all pixels of an image alike; each pixel has its own "
    "sign",
    "other-loss": "the gradient is that of another loss, such as the squared error or the margin: "
    "take F.cross_entropy",
    "no-ball": "the steps add up to more than eps: after each one, back into the ball around x, "
    "the image you started from",
    "keeps-the-best": "the step with the highest loss comes back: it is where the last step ends, "
    "also where that one has lowered the loss",
    "length-of-rows": "the length is that of a row, a column or a channel: flatten each image into "
    "one vector first",
    "mean-square": "the length is taken for the root of the mean square: it is the root of the sum",
    "no-label": "y plays no part: a positive score is right for y = +1 only",
    "right-side-up": "softplus gets +y * (w.x + b), which is small where the model is wrong: turn "
    "its sign",
    "largest-weight": "only the largest weight counts here: add all the |w_i|",
    "mean-weight": "this takes the mean of the |w_i|: it is their sum that counts",
    "ball-around-zero": "the pixels themselves are clamped to [-eps, eps]; it is their distance to "
    "x that may be at most eps",
    "from-x": "each step ends at step_size from x: it starts where the one before it ended, at "
    "x_adv, and the ball is eps wide",
    "around-one-end": "the half-width is added around one end of the box, not around its centre",
    "centre-not-halved": "the centre is lower + upper, twice as far out as it is: halve it",
    "relu": "relu cuts off what softplus rounds: the logistic loss is softplus(z) = log(1 + e^z)",
    "sigmoid": "this is a probability: the loss is its logarithm, softplus(z) = log(1 + exp(z))",
    "no-softplus": "this is what softplus is taken of: the loss is softplus of it",
    "squared": "the weights are squared: take their sizes, w.abs()",
    "eps-255": "eps is divided by 255, but it is in the units of the pixels already: they run "
    "from 0 to 1",
    "eps-twice": "the step is 2 * eps long: eps is applied twice",
    "upper-only": "nothing exceeds 1 any more, but some pixels are below 0: clamp at both ends",
    "lower-only": "nothing is below 0 any more, but some pixels exceed 1: clamp at both ends",
    "swapped": "the two bounds are exchanged: return the lower one first",
    "no-offset": "the offset b is missing from the score",
    "offset-outside": "the label multiplies w.x alone: b is part of the score too, y * (w.x + b)",
    "labels-0-1": "the labels are turned as if they were 0 and 1; y is -1 or +1 already",
    "l1-length": "the length is a sum of absolute values; the Euclidean one is the root of the "
    "sum of squares",
    "defence-changed": "it changes the model that it attacks; your pictures are tried on the model "
    "as it was",
    "labels-changed": "it changes the labels y; whether a picture is misread is judged by the true "
    "ones",
    "other-digits": "it returns other digits' pictures: of course they are read otherwise; change "
    "each digit by eps at most",
    "fixed-eps": "it moves as far whatever eps is: is a number written into the function?",
    "outside-ball": "pixels move by more than eps: bring the result back between x - eps and x + "
    "eps",
    "out-of-range": "pixels leave [0, 1]: no picture holds such values; clamp the result",
    "noise": "it never asks the model, and breaks no more than noise of the same size does",
    "transfer": "it never asks the model it was given: what was made for another one breaks some "
    "digits here, and a real break far more",
    "downhill": "it makes the model surer of the right class: the way goes up the loss",
}
