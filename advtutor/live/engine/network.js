// A network is a chain of layers. Forward through all of them gives the logits; backward through
// all of them, from the last to the first, the gradient of a loss in the input.

class Network {
  // `layers` describes them, as `advtutor.live.pack` does: [{ layer: "Conv2d", weight: "layers.0.weight",
  // bias: "layers.0.bias", stride: [2, 2], padding: [1, 1] }, { layer: "ReLU" }, ...]. `tensors`
  // holds what is named there: { data, shape }.
  constructor(layers, tensors, shape) {
    this.inputs = product(shape);
    this.layers = [];
    for (const { layer, ...settings } of layers) {
      if (!Object.hasOwn(LAYERS, layer))
        throw new Error(`The engine knows no layer ${layer}; it knows ${Object.keys(LAYERS).join(", ")}.`);
      for (const name of ["weight", "bias"]) {
        if (!(name in settings)) continue;
        if (!tensors[settings[name]]) throw new Error(`The weights ${settings[name]} are missing.`);
        settings[name] = tensors[settings[name]];
      }
      this.layers.push(new LAYERS[layer](settings, shape));
      shape = this.layers.at(-1).shape;
    }
    this.classes = product(shape);
  }

  // The input of each layer, and last the logits.
  activations(x) {
    if (x.length !== this.inputs)
      throw new Error(`x holds ${x.length} numbers; this network reads ${this.inputs}.`);
    const all = [x];
    for (const layer of this.layers) all.push(layer.forward(all.at(-1)));
    return all;
  }

  logits(x) {
    return this.activations(x).at(-1);
  }

  probabilities(x) {
    return softmax(this.logits(x));
  }

  // The class with the largest logit.
  read(x) {
    return argmax(this.logits(x));
  }

  // The gradient in x of loss(logits, y), for the class y.
  gradient(x, y, loss = crossEntropy) {
    return this.backward(this.activations(x), y, loss);
  }

  backward(activations, y, loss) {
    let gradient = loss.gradient(activations.at(-1), y);
    for (let i = this.layers.length - 1; i >= 0; i--)
      gradient = this.layers[i].backward(gradient, activations[i]);
    return gradient;
  }
}

const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

function softmax(logits) {
  const largest = Math.max(...logits); // subtracted, so that no exponential overflows
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// J = -log softmax(logits)[y]            dJ/dlogits = softmax(logits), less 1 at y
const crossEntropy = {
  value(logits, y) {
    const largest = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    return Math.log(sum) + largest - logits[y];
  },
  gradient(logits, y) {
    return logits.constructor.from(softmax(logits), (p, k) => p - (k === y ? 1 : 0));
  },
};

// J = the best other logit - logits[y]   dJ/dlogits = 1 at the best other, -1 at y
const margin = {
  other(logits, y) {
    return argmax(logits.map((logit, k) => (k === y ? -Infinity : logit)));
  },
  value(logits, y) {
    return logits[this.other(logits, y)] - logits[y];
  },
  gradient(logits, y) {
    const gradient = zeros(logits, logits.length);
    gradient[this.other(logits, y)] = 1;
    gradient[y] = -1;
    return gradient;
  },
};
