// A drawing area of 28 x 28 pixels, white ink on black, in 16 levels, so that a link can hold it.
// Pointer: mouse, touch, pen. Keys: arrows move the cursor, Space puts the pen down or lifts it,
// Backspace undoes. `ink` is what is shown; `begin` is asked for it when a stroke begins, and
// `drawn(ink)` is told of each change, `ended` when the hand rests.

const SIDE = 28, PIXELS = SIDE * SIDE, LEVELS = 15;

class DrawingArea {
  constructor(canvas, status, { begin, drawn }) {
    Object.assign(this, { canvas, status, begin, drawn });
    this.pen = canvas.getContext("2d");
    this.ink = new Float32Array(PIXELS);
    this.before = []; // what Undo goes back to
    this.cursor = [SIDE / 2, SIDE / 2];
    this.last = null; // where the stroke has come to
    this.pointer = null;
    this.down = false; // the pen of the keyboard
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, (event) => this.onUp(event));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("focus", () => this.paint());
    canvas.addEventListener("blur", () => this.paint());
  }

  show(ink) {
    this.ink = ink;
    this.down = false;
    this.last = null;
    this.paint();
  }

  paint() {
    const scale = this.canvas.width / SIDE, { pen } = this;
    this.ink.forEach((value, i) => {
      const grey = Math.round(255 * value);
      pen.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      pen.fillRect((i % SIDE) * scale, Math.floor(i / SIDE) * scale, scale, scale);
    });
    if (document.activeElement !== this.canvas || this.pointer !== null) return;
    pen.strokeStyle = this.down ? "#E69F00" : "#56B4E9";
    pen.lineWidth = 3;
    pen.beginPath();
    pen.arc(this.cursor[0] * scale, this.cursor[1] * scale, 9, 0, 2 * Math.PI);
    pen.stroke();
  }

  remember() {
    this.before.push(this.begin());
    if (this.before.length > 50) this.before.shift();
  }

  clear() {
    this.remember();
    this.show(new Float32Array(PIXELS));
    this.drawn(this.ink);
  }

  undo() {
    if (!this.before.length) return this.tell("There is nothing to undo.");
    this.tell("");
    const { ink, restore } = this.before.pop();
    this.show(ink);
    restore();
  }

  tell(words) {
    this.status.textContent = words;
  }

  // Ink around (x, y), softer towards the edge.
  dot(x, y) {
    const radius = 1.15;
    for (let row = Math.floor(y - 3); row <= y + 3; row++)
      for (let column = Math.floor(x - 3); column <= x + 3; column++) {
        if (row < 0 || column < 0 || row >= SIDE || column >= SIDE) continue;
        const far = Math.hypot(column + 0.5 - x, row + 0.5 - y), i = row * SIDE + column;
        const level = Math.round(LEVELS * clip(radius + 0.5 - far, 0, 1)) / LEVELS;
        this.ink[i] = Math.max(this.ink[i], level);
      }
  }

  stroke(to) {
    const from = this.last ?? to;
    const pieces = Math.max(1, Math.ceil(3 * Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let i = 0; i <= pieces; i++) {
      const part = i / pieces;
      this.dot(from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1]));
    }
    this.last = to;
    this.paint();
    this.drawn(this.ink);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * SIDE,
      ((event.clientY - box.top) / box.height) * SIDE,
    ];
  }

  // A stroke goes on a copy: on an empty sheet, unless a drawing is there already.
  start() {
    this.remember();
    this.ink = this.before.at(-1).drawing ? this.ink.slice() : new Float32Array(PIXELS);
    this.last = null;
  }

  onDown(event) {
    if (event.button !== 0 || this.pointer !== null) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(this.pointer);
    this.canvas.focus({ preventScroll: true });
    this.down = false;
    this.start();
    this.cursor = this.place(event);
    this.stroke(this.cursor);
    event.preventDefault();
  }

  onMove(event) {
    if (event.pointerId !== this.pointer) return;
    this.cursor = this.place(event);
    this.stroke(this.cursor);
  }

  onUp(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = this.last = null;
    this.tell("");
  }

  onKey(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
      const move = moves[event.key];
      this.cursor = this.cursor.map((at, axis) => clip(at + move[axis], 1, SIDE - 1));
      if (this.down) this.stroke(this.cursor);
      const [column, row] = this.cursor.map(Math.round);
      this.tell(`${this.down ? "Drawing" : "Moving"}: column ${column}, row ${row}.`);
    } else if (event.key === " ") {
      this.down = !this.down;
      if (this.down) {
        this.start();
        this.stroke(this.cursor);
      }
      this.tell(this.down ? "Pen down." : "Pen up.");
    } else if (event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
    this.paint();
  }
}

// A drawing as MNIST's digits are: its ink scaled into 20 x 20 pixels, its proportions kept, and
// moved until its centre of mass is at pixel (14, 14). An Error where there is nothing to centre.
function centred(ink) {
  const rows = [], columns = [];
  let on = 0;
  ink.forEach((value, i) => {
    if (value <= 0.1) return;
    on += 1;
    rows.push(Math.floor(i / SIDE));
    columns.push(i % SIDE);
  });
  if (on < 12) throw new Error("Draw a digit, large, or pick one.");
  if (on > 0.7 * PIXELS) throw new Error("There is more ink than paper. Clear it, and draw one digit.");
  const [top, left] = [rows, columns].map((each) => Math.min(...each));
  const sides = [rows, columns].map((each) => Math.max(...each) - Math.min(...each) + 1);
  const scale = 20 / Math.max(...sides);
  const [height, width] = sides.map((side) => Math.max(1, Math.round(side * scale)));
  const vertical = shrinking(sides[0], height), horizontal = shrinking(sides[1], width);
  const small = vertical.map((across) => horizontal.map((along) => {
    let sum = 0;
    across.forEach((a, r) => along.forEach((b, c) => { sum += a * b * ink[(top + r) * SIDE + left + c]; }));
    return clip(sum, 0, 1);
  }));
  const total = small.flat().reduce((a, b) => a + b), middle = [0, 0];
  small.forEach((row, r) => row.forEach((value, c) => {
    middle[0] += (r * value) / total;
    middle[1] += (c * value) / total;
  }));
  const [down, right] = [height, width].map((size, axis) =>
    clip(Math.round(14 - middle[axis]), 0, SIDE - size));
  const x = new Float32Array(PIXELS);
  small.forEach((row, r) => row.forEach((value, c) => { x[(down + r) * SIDE + right + c] = value; }));
  return x;
}

// For each of `to` pixels the weights of the `from` pixels that it is made of: a triangle around
// its middle, as wide as the pixels are.
function shrinking(from, to) {
  const size = from / to, reach = Math.max(1, size);
  return Array.from({ length: to }, (_, i) => {
    const middle = (i + 0.5) * size - 0.5;
    const weights = Array.from({ length: from }, (_, j) => Math.max(0, 1 - Math.abs(j - middle) / reach));
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / sum);
  });
}

// A drawing as letters for a link: a hexadecimal digit for each pixel, runs of four and more as
// `digit(length)`; null where the letters are no drawing.
function inLetters(ink) {
  const levels = Array.from(ink, (value) => Math.round(LEVELS * value).toString(16)).join("");
  return levels.replace(/(.)\1{3,}/g, (run, level) => `${level}(${run.length})`);
}

function fromLetters(letters) {
  if (letters.length > 2 * PIXELS) return null;
  const levels = letters.replace(/(.)\((\d{1,3})\)/g, (_, level, length) => level.repeat(length));
  if (!/^[0-9a-f]{784}$/.test(levels)) return null;
  return Float32Array.from(levels, (level) => parseInt(level, 16) / LEVELS);
}
