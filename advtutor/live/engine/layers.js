// The layers, each with its two halves side by side: `forward` computes the output y from the input
// x; `backward` turns dy, the gradient of the loss J at y, into dx, its gradient at x, by the chain
// rule.
//
// One example at a time. x and y are flat arrays, row by row: Float32Array, or Float64Array where
// the weights are Float64Array as well. `shape` is how y is meant to be read, [channels, rows,
// columns] or [units]. A weight is stored as torch stores it.

const zeros = (like, length) => new like.constructor(length);
const product = (sizes) => sizes.reduce((all, size) => all * size, 1);

// Nearly all the time goes into two products. Each takes four rows of W at once, since fetching a
// number costs more than multiplying it.

// y = W x + b, for a W with as many rows as y and as many columns as x.
function multiply(W, x, b, y) {
  const columns = x.length, rows = y.length;
  let o = 0;
  for (; o + 3 < rows; o += 4) {
    const first = o * columns, second = first + columns;
    const third = second + columns, fourth = third + columns;
    let sum1 = b[o], sum2 = b[o + 1], sum3 = b[o + 2], sum4 = b[o + 3];
    for (let i = 0; i < columns; i++) {
      const value = x[i];
      sum1 += W[first + i] * value;
      sum2 += W[second + i] * value;
      sum3 += W[third + i] * value;
      sum4 += W[fourth + i] * value;
    }
    y[o] = sum1;
    y[o + 1] = sum2;
    y[o + 2] = sum3;
    y[o + 3] = sum4;
  }
  for (; o < rows; o++) {
    let sum = b[o];
    for (let i = 0, row = o * columns; i < columns; i++) sum += W[row + i] * x[i];
    y[o] = sum;
  }
  return y;
}

// dx = transposed W times dy. Rows whose slope is 0, as many are below a ReLU, are left out.
function multiplyTransposed(W, dy, dx) {
  const columns = dx.length, rows = [];
  for (let o = 0; o < dy.length; o++) if (dy[o] !== 0) rows.push(o);
  dx.fill(0);
  let k = 0;
  for (; k + 3 < rows.length; k += 4) {
    const first = rows[k] * columns, second = rows[k + 1] * columns;
    const third = rows[k + 2] * columns, fourth = rows[k + 3] * columns;
    const slope1 = dy[rows[k]], slope2 = dy[rows[k + 1]];
    const slope3 = dy[rows[k + 2]], slope4 = dy[rows[k + 3]];
    for (let i = 0; i < columns; i++)
      dx[i] += W[first + i] * slope1 + W[second + i] * slope2
        + W[third + i] * slope3 + W[fourth + i] * slope4;
  }
  for (; k < rows.length; k++) {
    const row = rows[k] * columns, slope = dy[rows[k]];
    for (let i = 0; i < columns; i++) dx[i] += W[row + i] * slope;
  }
  return dx;
}

class Linear {
  // y = W x + b                          dx = transposed W times dy
  constructor({ weight, bias }) {
    [this.outputs, this.inputs] = weight.shape;
    this.weight = weight.data;
    this.bias = bias ? bias.data : zeros(weight.data, this.outputs);
    this.shape = [this.outputs];
  }

  forward(x) {
    return multiply(this.weight, x, this.bias, zeros(x, this.outputs));
  }

  backward(dy) {
    return multiplyTransposed(this.weight, dy, zeros(dy, this.inputs));
  }
}

class Conv2d {
  // The same dense layer at every place of the image: it sees the patch of pixels around the place.
  //   y[:, place] = W patch + b            dpatch = transposed W times dy[:, place]
  constructor({ weight, bias, stride, padding }, [channels, rows, columns]) {
    const [outputs, , height, width] = weight.shape;
    this.outputs = outputs;
    this.weight = weight.data;
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
      multiply(this.weight, patch, this.bias, here);
      for (let o = 0; o < outputs; o++) y[o * places + place] = here[o];
    }
    return y;
  }

  backward(dy) {
    const { pixels, places, outputs } = this;
    const dx = zeros(dy, this.inputs), dpatch = zeros(dy, this.patch), dhere = zeros(dy, outputs);
    for (let place = 0; place < places; place++) {
      for (let o = 0; o < outputs; o++) dhere[o] = dy[o * places + place];
      multiplyTransposed(this.weight, dhere, dpatch);
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
    return x.map((value) => (value > 0 ? value : 0));
  }

  backward(dy, x) {
    return dy.map((slope, i) => (x[i] > 0 ? slope : 0));
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
