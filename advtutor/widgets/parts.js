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

// Calls `draw` now, and once in each frame in which a control has moved.
function redrawing(root, draw) {
  let frame = null;
  root.addEventListener("input", () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      draw();
    });
  });
  draw();
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

// Pictures, and what they say to somebody who does not see them.

const canvas = ([, height, width], className = "picture") =>
  make("canvas", { width, height, className, role: "img" });

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
