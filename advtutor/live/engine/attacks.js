// The attacks: functions of (network, x, y, eps) that return an image in which no pixel of x has
// moved by more than eps, and none has left [0, 1]. y is the class to get away from.

const clip = (value, low, high) => Math.min(Math.max(value, low), high);

// The fast gradient sign method: one step of eps in every pixel, the way that raises the loss.
function fgsm(network, x, y, eps, { loss = crossEntropy } = {}) {
  const gradient = network.gradient(x, y, loss);
  return x.map((pixel, i) => clip(pixel + eps * Math.sign(gradient[i]), 0, 1));
}

// The same in many short steps, each back into the ball of radius eps: from x itself (BIM), or with
// a `seed` from a random point of the ball (PGD). The steps shrink from eps to a hundredth of it.
// With `stop` the search ends as soon as the network errs. A point on the way that fools the
// network is not given up for a last one that does not.
function pgd(network, x, y, eps, options) {
  return finished(pgdSearch(network, x, y, eps, options));
}

// It pauses (`yield`) after each step, for a page that has to draw in between.
function* pgdSearch(network, x, y, eps, options = {}) {
  const { steps = 20, loss = crossEntropy, seed = null, stop = false } = options;
  const lower = x.map((pixel) => Math.max(pixel - eps, 0));
  const upper = x.map((pixel) => Math.min(pixel + eps, 1));
  let point = seed === null ? x : uniformNoise(x, eps, seed), fooling = null;
  for (let i = 0; i < steps; i++) {
    const activations = network.activations(point);
    if (argmax(activations.at(-1)) !== y) {
      if (stop) return point;
      fooling = point;
    }
    const gradient = network.backward(activations, y, loss), size = eps * 0.01 ** (i / steps);
    point = point.map((pixel, j) =>
      clip(pixel + size * Math.sign(gradient[j]), lower[j], upper[j]));
    yield;
  }
  return fooling && network.read(point) === y ? fooling : point;
}

function finished(search) {
  for (;;) {
    const { done, value } = search.next();
    if (done) return value;
  }
}

const bim = (network, x, y, eps, options = {}) => pgd(network, x, y, eps, { ...options, seed: null });

// Noise, the control: every pixel moves by eps, up or down by the toss of a coin ...
function signNoise(x, eps, seed) {
  const random = generator(seed);
  return x.map((pixel) => clip(pixel + (random() < 0.5 ? eps : -eps), 0, 1));
}

// ... or by a number drawn between -eps and eps.
function uniformNoise(x, eps, seed) {
  const random = generator(seed);
  return x.map((pixel) => clip(pixel + eps * (2 * random() - 1), 0, 1));
}

// Numbers in [0, 1) that follow from the seed (mulberry32).
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The smallest eps at which many steps were seen to fool the network, with the picture that stands
// for it: { eps, picture }, so it is an upper bound; null where nothing was found up to `largest`.
// By bisection: a success lowers the upper end, a failure raises the lower one. The search pauses
// (`yield`) after each attack, for a page that has to draw in between.
function* smallestEpsSearch(network, x, y, options = {}) {
  const { steps = 20, tolerance = 1e-3, largest = 1 } = options;
  const within = (eps) => {
    const picture = pgd(network, x, y, eps, { steps, loss: margin, stop: true });
    return network.read(picture) === y ? null : { eps: distance(picture, x), picture };
  };
  let low = 0, best = within(0) ?? within(largest);
  while (best && best.eps - low > tolerance) {
    yield;
    const middle = (low + best.eps) / 2, found = within(middle);
    if (found) best = found;
    else low = middle;
  }
  return best;
}

function smallestEps(network, x, y, options) {
  return finished(smallestEpsSearch(network, x, y, options));
}

// How far the pixel that moved most has moved.
const distance = (a, b) => a.reduce((far, value, i) => Math.max(far, Math.abs(value - b[i])), 0);
