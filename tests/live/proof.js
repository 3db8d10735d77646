// Appended to the engine, and run in Node and in Chromium: what it computes, for torch to judge.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
function base64Of(arrays) {
  const bytes = new Uint8Array(Float32Array.from(arrays.flatMap((each) => Array.from(each))).buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 2 ** 15)
    text += String.fromCharCode(...bytes.subarray(at, at + 2 ** 15));
  return btoa(text);
}
const errs = (network, x, y) => network.read(x) !== y;

// The network's answers on all digits, as float32 in base64, and which of the first `attacked` digits it
// misreads under each attack.
function answers({ network, pixels, labels, attacked, eps }) {
  const net = readNetwork(bytesOf(network)), bytes = bytesOf(pixels);
  const digits = labels.map((_, n) =>
    Float32Array.from(bytes.subarray(784 * n, 784 * (n + 1)), (byte) => byte / 255));
  const misread = (attack) =>
    digits.slice(0, attacked).map((x, n) => errs(net, attack(x, labels[n], n), labels[n]));
  const inside = digits.map((x) => net.activations(x));
  return {
    logits: base64Of(inside.map((each) => each.at(-1))),
    gradients: base64Of(inside.map((each, n) => net.backward(each, labels[n], crossEntropy))),
    margins: base64Of(digits.slice(0, 20).map((x, n) => net.gradient(x, labels[n], margin))),
    misread: {
      clean: misread((x) => x),
      FGSM: misread((x, y) => fgsm(net, x, y, eps)),
      "PGD-20": misread((x, y) => pgd(net, x, y, eps, { stop: true })),
      noise: misread((x, y, n) => signNoise(x, eps, n)),
    },
  };
}

// Gradients by the engine and by central differences, both in float64, at every seventh pixel:
// the largest difference, relative to the largest entry.
function differences({ network, x, y }) {
  const net = readNetwork(bytesOf(network), Float64Array), h = 1e-6;
  x = Float64Array.from(x);
  return [crossEntropy, margin].map((loss) => {
    const exact = net.gradient(x, y, loss), at = (i, step) => {
      const moved = x.slice();
      moved[i] += step;
      return loss.value(net.logits(moved), y);
    };
    const some = exact.map((_, i) => i).filter((i) => i % 7 === 0);
    const measured = some.map((i) => (at(i, h) - at(i, -h)) / (2 * h));
    return distance(measured, some.map((i) => exact[i])) / Math.max(...exact.map(Math.abs));
  });
}

// One network's logits and gradient at one image, with what `x` is made of.
function single({ network, x, y }) {
  const net = readNetwork(bytesOf(network));
  x = Float32Array.from(x);
  return { logits: Array.from(net.logits(x)), gradient: Array.from(net.gradient(x, y)) };
}

// The message of the error, for weights that are damaged or a layer that is unknown.
function refusal({ network }) {
  try {
    readNetwork(bytesOf(network));
    return null;
  } catch (error) {
    return error.message;
  }
}

function noises({ x, eps, seed }) {
  x = Float32Array.from(x);
  return [signNoise, uniformNoise].map((noise) => Array.from(noise(x, eps, seed)));
}

function pictures({ network, x, y, eps }) {
  const net = readNetwork(bytesOf(network));
  x = Float32Array.from(x);
  const all = { fgsm: fgsm(net, x, y, eps), bim: bim(net, x, y, eps), pgd: pgd(net, x, y, eps, { seed: 3 }) };
  return Object.fromEntries(Object.entries(all).map(([name, each]) => [name, Array.from(each)]));
}

// The smallest eps of each digit, how far its picture is away, and whether it fools the network.
function smallest({ network, digits, labels }) {
  const net = readNetwork(bytesOf(network));
  return digits.map((each, n) => {
    const x = Float32Array.from(each), { eps, picture } = smallestEps(net, x, labels[n]);
    return [eps, distance(picture, x), errs(net, picture, labels[n])];
  });
}

const TASKS = { answers, differences, single, refusal, noises, pictures, smallest };
const perform = ({ task, ...given }) => TASKS[task](given);
