// The layers, each with its two halves side by side: `forward` computes the output y from the input
// x; `backward` turns dy, the gradient of the loss J at y, into dx, its gradient at x, by the chain
// rule.
//
// One example at a time. x and y are flat arrays, row by row: Float32Array, or Float64Array where
// the weights are Float64Array as well. `shape` is how y is meant to be read, [channels, rows,
// columns] or [units]. A weight is stored as torch stores it.

const zeros = (like, length) => new like.constructor(length);
const product = (sizes) => sizes.reduce((all, size) => all * size, 1);

// Nearly all the time goes into one product, so it leaves out the rows whose number is 0, as many
// are behind a ReLU, and takes four rows at once, since fetching costs more than multiplying.

let used = new Int32Array(0); // the rows taken; kept, since memory costs time as well

// y + the sum of x[i] times row i of W, for a W with as many rows as x and as many columns as y.
function addRows(W, x, y) {
  const columns = y.length;
  if (used.length < x.length) used = new Int32Array(x.length);
  let count = 0, k = 0;
  for (let i = 0; i < x.length; i++) if (x[i] !== 0) used[count++] = i;
  for (; k + 3 < count; k += 4) {
    const first = used[k] * columns, second = used[k + 1] * columns;
    const third = used[k + 2] * columns, fourth = used[k + 3] * columns;
    const x1 = x[used[k]], x2 = x[used[k + 1]], x3 = x[used[k + 2]], x4 = x[used[k + 3]];
    for (let j = 0; j < columns; j++)
      y[j] += W[first + j] * x1 + W[second + j] * x2 + W[third + j] * x3 + W[fourth + j] * x4;
  }
  for (; k < count; k++) {
    const row = used[k] * columns, value = x[used[k]];
    for (let j = 0; j < columns; j++) y[j] += W[row + j] * value;
  }
  return y;
}

function transposed(W, rows) {
  const columns = W.length / rows, turned = zeros(W, W.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) turned[c * rows + r] = W[r * columns + c];
  return turned;
}

class Linear {
  // y = W x + b                          dx = transposed W times dy
  constructor({ weight, bias }) {
    [this.outputs, this.inputs] = weight.shape;
    this.weight = weight.data;
    this.transposed = transposed(weight.data, this.outputs);
    this.bias = bias ? bias.data : zeros(weight.data, this.outputs);
    this.shape = [this.outputs];
  }

  forward(x) {
    return addRows(this.transposed, x, x.constructor.from(this.bias));
  }

  backward(dy) {
    return addRows(this.weight, dy, zeros(dy, this.inputs));
  }
}

class Conv2d {
  // The same dense layer at every place of the image: it sees the patch of pixels around the place.
  //   y[:, place] = W patch + b            dpatch = transposed W times dy[:, place]
  constructor({ weight, bias, stride, padding }, [channels, rows, columns]) {
    const [outputs, , height, width] = weight.shape;
    this.outputs = outputs;
    this.weight = weight.data;
    this.transposed = transposed(weight.data, outputs);
    this.bias = bias ? bias.data : zeros(weight.data, outputs);
    this.inputs = channels * rows * columns;
    const places = (size, kernel, axis) =>
      Math.floor((size + 2 * padding[axis] - kernel) / stride[axis]) + 1;
    this.shape = [outputs, places(rows, height, 0), places(columns, width, 1)];
    this.patch = channels * height * width;
    this.pixels = []; // for each place, the pixels of x in its patch; -1 where there is padding
    for (let r = 0; r < this.shape[1]; r++)
      for (let c = 0; c < this.shape[2]; c++)
        for (let channel = 0; channel < channels; channel++)
          for (let u = 0; u < height; u++)
            for (let v = 0; v < width; v++) {
              const row = r * stride[0] + u - padding[0], column = c * stride[1] + v - padding[1];
              const inside = row >= 0 && row < rows && column >= 0 && column < columns;
              this.pixels.push(inside ? (channel * rows + row) * columns + column : -1);
            }
    this.pixels = Int32Array.from(this.pixels);
    this.places = this.shape[1] * this.shape[2];
  }

  forward(x) {
    const { pixels, places, outputs } = this;
    const y = zeros(x, outputs * places), patch = zeros(x, this.patch), here = zeros(x, outputs);
    for (let place = 0; place < places; place++) {
      for (let i = 0, first = place * patch.length; i < patch.length; i++) {
        const pixel = pixels[first + i];
        patch[i] = pixel < 0 ? 0 : x[pixel];
      }
      here.set(this.bias);
      addRows(this.transposed, patch, here);
      for (let o = 0; o < outputs; o++) y[o * places + place] = here[o];
    }
    return y;
  }

  backward(dy) {
    const { pixels, places, outputs } = this;
    const dx = zeros(dy, this.inputs), dpatch = zeros(dy, this.patch), dhere = zeros(dy, outputs);
    for (let place = 0; place < places; place++) {
      for (let o = 0; o < outputs; o++) dhere[o] = dy[o * places + place];
      dpatch.fill(0);
      addRows(this.weight, dhere, dpatch);
      for (let i = 0, first = place * dpatch.length; i < dpatch.length; i++) {
        const pixel = pixels[first + i];
        if (pixel >= 0) dx[pixel] += dpatch[i];
      }
    }
    return dx;
  }
}

class ReLU {
  // y = max(x, 0)                        dx = dy where x > 0, else 0
  constructor(_, shape) {
    this.shape = shape;
  }

  forward(x) {
    const y = zeros(x, x.length); // `map` with a function takes five times as long
    for (let i = 0; i < x.length; i++) if (x[i] > 0) y[i] = x[i];
    return y;
  }

  backward(dy, x) {
    const dx = zeros(dy, x.length);
    for (let i = 0; i < x.length; i++) if (x[i] > 0) dx[i] = dy[i];
    return dx;
  }
}

class Maxout {
  // y[j] = max over pieces of x[piece, j]          dx = dy at the largest piece, else 0
  constructor({ pieces }, [channels, ...rest]) {
    this.pieces = pieces;
    this.shape = [channels / pieces, ...rest];
    this.outputs = product(this.shape);
  }

  largest(x, j) {
    let best = j;
    for (let i = j; i < x.length; i += this.outputs) if (x[i] > x[best]) best = i;
    return best;
  }

  forward(x) {
    return zeros(x, this.outputs).map((_, j) => x[this.largest(x, j)]);
  }

  backward(dy, x) {
    const dx = zeros(dy, x.length);
    dy.forEach((slope, j) => { dx[this.largest(x, j)] = slope; });
    return dx;
  }
}

class Affine {
  // y = scale (x - mean)                 dx = scale dy
  constructor({ mean, scale }, shape) {
    Object.assign(this, { mean, scale, shape });
  }

  forward(x) {
    return x.map((value) => this.scale * (value - this.mean));
  }

  backward(dy) {
    return dy.map((slope) => this.scale * slope);
  }
}

class Flatten {
  // y = x, read as one row of numbers    dx = dy
  constructor(_, shape) {
    this.shape = [product(shape)];
  }

  forward(x) {
    return x;
  }

  backward(dy) {
    return dy;
  }
}

class Dropout {
  // In eval mode nothing is dropped: y = x         dx = dy
  constructor(_, shape) {
    this.shape = shape;
  }

  forward(x) {
    return x;
  }

  backward(dy) {
    return dy;
  }
}

const LAYERS = { Linear, Conv2d, ReLU, Maxout, Affine, Flatten, Dropout };
