// What the widgets are built of: controls, pictures, bars, plots, and work in pieces.

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Numbers that Python handed over as bytes.
const byteArray = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const floats = (view) => new Float32Array(byteArray(view).slice().buffer);

const networksOf = (state) => state.networks.map((view) => readNetwork(byteArray(view)));

// The image `number` of those handed over, and its class.
function subjectOf(state, number) {
  const size = product(state.shape);
  return { x: floats(state.x).subarray(size * number, size * (number + 1)), y: state.y[number] };
}

// What a network makes of an image.
function reading(network, picture) {
  const after = network.probabilities(picture), read = argmax(after);
  return { picture, after, read, sure: after[read] };
}

const sureOf = ({ read, sure }) => `read as ${read}, ${percent(sure)} sure`;

// The attacks on one image, by name: each gives for an eps a search that pauses between its steps.
function attacksOn(network, { x, y }, chance) {
  let gradient = null; // at x it is the same for each eps
  const moved = (eps, direction) => x.map((pixel, i) => clip(pixel + eps * Math.sign(direction[i]), 0, 1));
  return {
    "one step (FGSM)": function* (eps) {
      gradient ??= network.gradient(x, y);
      return moved(eps, gradient);
    },
    "20 steps (PGD)": (eps) => pgdSearch(network, x, y, eps, { stop: true }),
    noise: function* (eps) {
      return moved(eps, chance);
    },
  };
}

// Controls of the browser's own: they have a name, say their value, and follow keys, mouse, touch.

function control(panel, name, made, ...beside) {
  made.id = `advtutor-${Math.random().toString(36).slice(2)}`; // other widgets share the page
  panel.append(make("div", { className: "control" },
    make("label", { htmlFor: made.id, textContent: name }), made, ...beside));
  return made;
}

function slider(panel, name, { min = 0, max, step = 1, value, write = String }) {
  const made = make("input", { type: "range", min, max, step, value });
  const shown = make("span", { className: "value" });
  const tell = () => {
    shown.textContent = write(made.valueAsNumber);
    made.setAttribute("aria-valuetext", shown.textContent);
  };
  made.addEventListener("input", tell);
  tell();
  return control(panel, name, made, shown);
}

const digitSlider = (panel, state) =>
  slider(panel, "digit", { max: state.y.length - 1, value: state.start.digit });
const epsSlider = (panel, { min = 0, max, value }) =>
  slider(panel, "eps", { min, max, step: 0.01, value, write: (eps) => eps.toFixed(2) });

function choice(panel, name, words, index) {
  const made = make("select", {}, ...words.map((textContent) => make("option", { textContent })));
  made.selectedIndex = index;
  return control(panel, name, made);
}

function button(panel, name, act) {
  const made = make("button", { type: "button", textContent: name });
  made.addEventListener("click", act);
  panel.append(made);
  return made;
}

// Calls `draw` now, and once in each frame in which a control has moved or which is asked for.
function redrawing(root, draw) {
  let frame = null;
  const ask = () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      draw();
    });
  };
  root.addEventListener("input", ask);
  draw();
  return ask;
}

// Runs what `work()` does in pieces (it pauses by `yield`), between which the page draws and hears.
// Asked again on the way, it begins anew when it has come to its end. `root` says whether it rests.
function inPieces(root, work) {
  let running = null, again = false;
  const go = () => {
    const end = performance.now() + 8;
    while (performance.now() < end) {
      if (!running.next().done) continue;
      running = again ? work() : null;
      again = false;
      root.dataset.state = running ? "working" : "ready";
      if (!running) return;
    }
    setTimeout(go);
  };
  return () => {
    if (running) again = true;
    else {
      running = work();
      root.dataset.state = "working";
      setTimeout(go);
    }
  };
}

const inPercent = (error) => `${Math.round(100 * error)} %`;

// Pictures, and what they say to somebody who does not see them.

const canvas = ([, height, width], className = "picture") =>
  make("canvas", { width, height, className, role: "img" });

// A picture with its name and words below it.
function named(name, picture) {
  const words = make("span"), head = make("strong", { textContent: name });
  const figure = make("figure", {}, picture, make("figcaption", {}, head, make("br"), words));
  return { picture, words, figure };
}

// What is to be seen, in a sentence; screen readers read it out when it has changed.
const caption = () => make("p", { className: "words", role: "status" });

// Colours and what they mean: pairs of a class and a word.
const key = (...entries) => make("p", { className: "key" },
  ...entries.map(([look, word]) => make("span", {}, make("i", { className: look }), word)));

// The probability of each class: before (wide, grey) and after a change (narrow, blue).
function bars(classes) {
  const columns = Array.from({ length: classes }, (_, k) => {
    const [ghost, bar] = ["ghost", "bar"].map((className) => make("i", { className }));
    return { ghost, bar, column: make("span", {}, ghost, bar, make("b", { textContent: k })) };
  });
  const element = make("div", { className: "bars", ariaHidden: "true" },
    make("em", { textContent: "100 %" }), ...columns.map(({ column }) => column));
  const show = (before, after) => columns.forEach(({ ghost, bar }, k) => {
    ghost.style.transform = `scaleY(${before ? before[k].toFixed(4) : 0})`;
    bar.style.transform = `scaleY(${after[k].toFixed(4)})`;
  });
  return { element, show };
}

// Plots, in the page's own colours.

const inFull = new Intl.NumberFormat("en").format;
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format;

// Axes over `x` and `y`, both [from, to]. `at` gives the place of a point of the data, `draw` puts
// marks there instead of those before, with their sentence.
function plot({ x, y, xticks, yticks, xlabel, ylabel, log = false, showX = short, showY = short, width = 300 }) {
  const height = 230, left = 66, right = width - 12, top = 10, bottom = height - 42;
  const f = log ? Math.log10 : (value) => value;
  const part = ([low, high], value) => (f(value) - f(low)) / (f(high) - f(low));
  const at = ([a, b]) => [left + part(x, a) * (right - left), bottom - part(y, b) * (bottom - top)];
  const grid = [
    ...xticks.map((value) => [at([value, y[0]])[0], showX(value)]).map(([place, word]) =>
      `<path class="grid" d="M${place} ${top}V${bottom}"/>${letters([place, bottom + 15], word, "middle")}`),
    ...yticks.map((value) => [at([x[0], value])[1], showY(value)]).map(([place, word]) =>
      `<path class="grid" d="M${left} ${place}H${right}"/>${letters([left - 5, place + 4], word, "end")}`),
    letters([(left + right) / 2, height - 6], xlabel, "middle"),
    `<g transform="translate(12 ${(top + bottom) / 2}) rotate(-90)">${letters([0, 0], ylabel, "middle")}</g>`,
    `<path class="axes" d="M${left} ${top}V${bottom}H${right}"/>`,
  ];
  const element = make("div", { className: "plot", style: `flex-basis: ${width}px; max-width: ${1.2 * width}px` });
  element.innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img">${grid.join("")}<g></g></svg>`;
  const [svg] = element.children, marks = svg.lastElementChild;
  const draw = (made, words) => {
    marks.innerHTML = made.join("");
    svg.setAttribute("aria-label", words);
  };
  return { element, at, draw };
}

// Round numbers from 0 to `most`, three to six of them.
function ticksTo(most) {
  const power = 10 ** Math.floor(Math.log10(most / 2)), step = [5, 2, 1].find((n) => most / (n * power) >= 2) * power;
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, k) => k * step);
}

// Marks at places of a plot, as SVG.
const letters = ([x, y], words, anchor = "start") => `<text x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`;
const line = (places, look) => `<polyline class="${look}" points="${places.map(String).join(" ")}"/>`;
const disc = ([x, y], look = "here", radius = 6) => `<circle class="${look}" cx="${x}" cy="${y}" r="${radius}"/>`;
