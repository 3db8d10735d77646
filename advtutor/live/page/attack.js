// The attack page. `SHIPPED` stands above: the networks and digits in base64, with their checksums.

const KINDS = { one: "one step", twenty: "twenty steps", noise: "noise" };
const START = { digit: 0, eps: 0.15, seed: 1 };
const LARGEST = 0.5; // of the slider
const element = (id) => document.getElementById(id);
const page = element("attack");
const state = { ...START, drawing: null, room: false };

// What ships, read.

function checksum(bytes) { // CRC-32, as zlib has it
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

function shippedNetwork({ bytes, sum }) {
  const read = bytesOf(bytes);
  if (checksum(read) !== sum) throw new Error("The weights are damaged: their checksum is another.");
  return readNetwork(read);
}

let networks = {};

// The digits: { index in the test set: { x, label } }.
const digits = new Map();

function readDigits() {
  const bytes = bytesOf(SHIPPED.digits.pixels);
  SHIPPED.digits.index.forEach((index, n) => {
    const levels = bytes.subarray(PIXELS * n, PIXELS * (n + 1));
    const x = Float32Array.from(levels, (level) => level / 255);
    digits.set(index, { x, label: SHIPPED.digits.labels[n] });
  });
}

// The subject: the image x, its label (null for a drawing), and what each network makes of it.

let subject = null, again = false; // again: a change that is not drawn yet

function look() {
  again = true;
  let x, label = null;
  if (state.drawing) {
    try {
      x = centred(state.drawing);
    } catch (fault) {
      subject = { fault: fault.message };
      return;
    }
  } else ({ x, label } = digits.get(state.digit));
  subject = { x, label, networks: {} };
  for (const [name, network] of Object.entries(networks)) {
    const activations = network.activations(x), read = argmax(activations.at(-1));
    const y = label ?? read; // of a drawing nobody knows the truth: what the network reads now
    subject.networks[name] = {
      network,
      y,
      before: softmax(activations.at(-1)),
      gradient: network.backward(activations, y, crossEntropy),
      search: smallestEpsSearch(network, x, y),
      smallest: undefined, // while it is searched for
      outcomes: {},
    };
  }
}

// One attack on one network: the picture, and what is read in it.
function attack(name, kind) {
  const { x } = subject, about = subject.networks[name], { network, y } = about, { eps } = state;
  const step = () => x.map((pixel, i) => clip(pixel + eps * Math.sign(about.gradient[i]), 0, 1));
  const noise = () => signNoise(x, eps, state.seed);
  let picture = { one: step, noise, twenty: () => pgd(network, x, y, eps) }[kind]();
  let after = network.probabilities(picture);
  if (kind === "twenty" && argmax(after) === y && about.smallest?.eps <= eps) {
    picture = about.smallest.picture; // the search for the smallest eps found more
    after = network.probabilities(picture);
  }
  const read = argmax(after);
  const outcome = { picture, after, read, sure: after[read], fooled: read !== y, eps };
  if (kind === "twenty" && outcome.fooled && about.smallest && distance(picture, x) < about.smallest.eps)
    about.smallest = { eps: distance(picture, x), picture };
  about.outcomes[kind] = outcome;
  return outcome;
}

// What is on the page: for each network a band, in it a cell for each kind of attack.

const cells = {}, flags = {};
const make = (tag, className, text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

function canvas(className) {
  const made = make("canvas", className);
  made.width = made.height = SIDE;
  return made;
}

function build() {
  for (const name of Object.keys(networks)) {
    const band = make("section", "attack-network"), row = make("div", "attack-cells");
    band.setAttribute("aria-label", `the ${name} network`);
    const head = make("div", "attack-network-head");
    head.append(make("h2", "attack-name", name), make("p", "attack-recipe", SHIPPED.networks[name].recipe));
    band.append(head, row);
    cells[name] = {};
    for (const [kind, words] of Object.entries(KINDS)) {
      const figure = make("figure", "attack-cell"), caption = make("figcaption", "attack-verdict");
      const kindName = make("span", "attack-kind", words), read = make("strong", "attack-read");
      const sure = make("span", "attack-sure"), pictures = make("div", "attack-pictures");
      const picture = canvas("attack-picture"), step = canvas("attack-step");
      picture.setAttribute("role", "img");
      step.setAttribute("role", "img");
      step.setAttribute("aria-label", `the ${kind === "noise" ? "noise" : "change"}, magnified`);
      pictures.append(picture, step);
      const bars = make("div", "attack-bars");
      bars.setAttribute("aria-hidden", "true");
      const columns = Array.from({ length: 10 }, (_, k) => {
        const column = make("span", "attack-column"), ghost = make("i", "attack-ghost");
        const bar = make("i", "attack-bar");
        column.append(ghost, bar, make("b", "", String(k)));
        bars.append(column);
        return { column, ghost, bar };
      });
      caption.append(kindName, sure, read);
      figure.append(pictures, caption, bars);
      row.append(figure);
      cells[name][kind] = { figure, read, sure, picture, step, columns };
    }
    element("attack-networks").append(band);
    const flag = make("button", "attack-flag");
    flag.type = "button";
    flag.addEventListener("click", () => flag.value && setEps(Math.min(Number(flag.value), LARGEST)));
    element(`attack-flags-${Object.keys(flags).length ? "below" : "above"}`).append(flag);
    flags[name] = flag;
  }
  for (const [index, { x, label }] of digits) {
    const choice = make("label", "attack-pick"), radio = make("input", "");
    Object.assign(radio, { type: "radio", name: "attack-digit", value: index });
    radio.setAttribute("aria-label", `a ${label}, test digit ${index}`);
    radio.addEventListener("change", () => change({ digit: index, drawing: null }));
    const picture = canvas("");
    paintImage(picture, x);
    choice.append(radio, picture);
    element("attack-picks").append(choice);
  }
}

function drawCell(name, kind) {
  const cell = cells[name][kind], { before } = subject.networks[name], outcome = attack(name, kind);
  const { picture, after, read, sure, fooled, eps } = outcome;
  paintImage(cell.picture, picture);
  paintStep(cell.step, subject.x, picture, eps);
  cell.figure.classList.toggle("is-fooled", fooled);
  cell.read.textContent = fooled ? `reads ${read}` : `still ${read}`;
  cell.sure.textContent = percent(sure);
  cell.picture.setAttribute("aria-label",
    `${name} network, ${KINDS[kind]}: ${fooled ? "fooled, " : ""}reads ${read}, ${percent(sure)} sure`);
  cell.columns.forEach(({ column, ghost, bar }, k) => {
    ghost.style.transform = `scaleY(${before[k].toFixed(4)})`;
    bar.style.transform = `scaleY(${after[k].toFixed(4)})`;
    column.classList.toggle("is-read", k === read);
  });
}

function drawFlag(name) {
  const flag = flags[name], found = subject.networks?.[name].smallest;
  flag.hidden = subject.fault !== undefined;
  const eps = found?.eps;
  flag.value = found ? (Math.ceil(eps / 0.005 - 1e-6) * 0.005).toFixed(3) : "";
  flag.disabled = !found;
  flag.replaceChildren(`${name}: `, make("span", "attack-long", found ? "fooled from " : ""),
    found ? eps.toFixed(3) : found === undefined ? "searching …" : "nothing found");
  const place = Math.min(eps ?? 0, LARGEST) / LARGEST;
  flag.style.setProperty("--at", place);
  flag.classList.toggle("is-left", place > 0.5);
  flag.classList.toggle("is-reached", eps <= state.eps);
}

// What is seen, in words.

function say() {
  if (!subject.fault && Object.values(subject.networks).some(({ outcomes }) => !outcomes.one)) return;
  const [headline, detail] = subject.fault ? ["Nothing to read yet.", subject.fault] : words();
  if (element("attack-headline").innerHTML !== headline) element("attack-headline").innerHTML = headline;
  if (element("attack-detail").textContent !== detail) element("attack-detail").textContent = detail;
}

const digitName = (read, fooled) => `<b class="${fooled ? "is-fooled" : ""}">${article(read)} ${read}</b>`;
const article = (read) => (read === 8 ? "an" : "a");
const aDigit = (read) => `${article(read)} ${read}`;

function words() {
  const { usual, hardened } = subject.networks, { one, twenty, noise } = usual.outcomes;
  const seen = subject.label ?? usual.y, drawn = subject.label === null, { eps } = state;
  const first = drawn ? `It read ${digitName(usual.y)}.` : `You see ${digitName(seen)}.`;
  const second = eps === 0 ? (drawn ? "Now move the slider." : "So does the network.")
    : twenty.fooled ? `${drawn ? "Now it sees" : "The network sees"} ${digitName(twenty.read, true)}.`
    : drawn ? "And still does." : "So does the network.";
  const parts = [];
  if (eps === 0) parts.push("Nothing is changed yet: move the slider.");
  else {
    const levels = Math.round(255 * eps);
    parts.push(`No pixel moved by more than ${levels} of 255 grey levels.`);
    if (one.fooled && twenty.fooled) parts.push("One step of the gradient's sign is enough.");
    else if (twenty.fooled) parts.push("One step is not enough, twenty short ones are.");
    else if (one.fooled) parts.push("One step is enough.");
    parts.push(noise.fooled ? `Noise of this size also fools it: ${aDigit(noise.read)}.`
      : `Noise of the same size leaves it at ${noise.read}.`);
    parts.push(aboutHardened(hardened));
  }
  return [`${first} <br>${second}`, parts.join(" ")];
}

function aboutHardened({ outcomes: { one, twenty }, smallest, y }) {
  if (twenty.fooled)
    return one.fooled ? `The hardened network falls, too: it reads ${aDigit(twenty.read)}.`
      : `The hardened network withstands one step and falls to twenty: ${aDigit(twenty.read)}.`;
  if (smallest) return `The hardened network still reads ${y} here. It falls at ${smallest.eps.toFixed(3)}.`;
  return `The hardened network still reads ${y} here, which is no proof that it always will.`;
}

// Drawing: one step and noise at once; what takes longer in pieces, between which the page lives.

let frame = null, work = null;

function redraw() {
  frame ??= requestAnimationFrame(() => {
    frame = null;
    drawControls();
    if (subject.fault) {
      work = null;
      again = false;
      page.dataset.state = "ready";
      for (const name of Object.keys(networks)) drawFlag(name);
      return say();
    }
    for (const name of Object.keys(networks)) {
      drawCell(name, "one");
      drawCell(name, "noise");
      drawFlag(name);
    }
    if (page.dataset.state === "loading") performance.mark("the first picture");
    page.dataset.state = "working";
    again = true;
    if (!work) go(slowWork());
  });
}

function* slowWork() {
  for (;;) {
    while (again) { // a change on the way is taken up when all twenty steps are drawn
      again = false;
      for (const name of Object.keys(networks)) {
        drawCell(name, "twenty");
        yield;
      }
      if (!again) say();
    }
    const open = Object.entries(subject.networks).find(([, { smallest }]) => smallest === undefined);
    if (!open) break;
    const [name, about] = open, { done, value } = about.search.next();
    if (done) {
      about.smallest = value;
      drawFlag(name);
      say();
    }
    yield;
  }
  page.dataset.state = "ready";
}

function go(pieces) {
  work = pieces;
  const next = () => {
    if (work !== pieces) return;
    if (subject.fault || pieces.next().done) work = null;
    else setTimeout(next);
  };
  setTimeout(next);
}

function drawControls() {
  element("attack-eps").value = state.eps;
  element("attack-eps-value").textContent = state.eps.toFixed(3);
  element("attack-eps").setAttribute("aria-valuetext",
    `${state.eps.toFixed(3)}, that is ${Math.round(255 * state.eps)} of 255 grey levels`);
  element("attack-eps").style.setProperty("--eps", state.eps / LARGEST);
  for (const radio of element("attack-picks").querySelectorAll("input"))
    radio.checked = !state.drawing && Number(radio.value) === state.digit;
  page.classList.toggle("is-empty", subject.fault !== undefined);
}

// Changing the state, and the address that holds it.

function change(changes, { hold = false } = {}) {
  stopIntroduction();
  const before = state.drawing ?? state.digit;
  Object.assign(state, changes);
  if ((state.drawing ?? state.digit) !== before || changes.drawing) {
    look();
    if (changes.drawing === undefined || changes.drawing === null) area.show(shown());
  }
  redraw();
  if (!hold) rememberSoon();
}

const setEps = (eps) => change({ eps });
const shown = () => state.drawing ?? digits.get(state.digit).x;

function address() {
  const parts = [state.drawing ? `drawing=${inLetters(state.drawing)}` : `digit=${state.digit}`];
  parts.push(`eps=${state.eps.toFixed(3)}`);
  if (state.seed !== START.seed) parts.push(`seed=${state.seed}`);
  if (state.room) parts.push("full=1");
  return `#${parts.join("&")}`;
}

let remembering = null;

function rememberSoon() { // one entry in the history for a movement, not one for each pixel of it
  clearTimeout(remembering);
  remembering = setTimeout(rememberNow, 300);
}

function rememberNow() {
  clearTimeout(remembering);
  remembering = null;
  if (address() !== location.hash) history.pushState(null, "", address());
}

// The state that an address names; what it does not name, or names wrongly, is as at the start.
function fromAddress(hash) {
  const given = Object.fromEntries(hash.slice(1).split("&").map((part) => part.split("=")));
  const eps = Number.parseFloat(given.eps), seed = Number.parseInt(given.seed, 10);
  const digit = Number.parseInt(given.digit, 10);
  return {
    digit: digits.has(digit) ? digit : START.digit,
    drawing: given.drawing ? fromLetters(decodeURIComponent(given.drawing)) : null,
    eps: Number.isFinite(eps) ? clip(eps, 0, LARGEST) : START.eps,
    seed: Number.isSafeInteger(seed) && seed >= 0 ? seed : START.seed,
    room: given.full === "1",
  };
}

function follow() {
  stopIntroduction();
  if (location.hash && !location.hash.includes("=")) return; // a place on the page
  Object.assign(state, fromAddress(location.hash));
  fillScreen(state.room);
  look();
  area.show(shown());
  redraw();
}

// The introduction: eps rises until the network falls. A hand on anything ends it.

let introduction = null;

function introduce() {
  const started = performance.now(), wait = 500, seconds = 1.8;
  const rise = (now) => {
    const part = clip((now - started - wait) / (1000 * seconds), 0, 1);
    state.eps = Math.round(START.eps * (1 - (1 - part) ** 2) * 200) / 200;
    redraw();
    if (part < 1) introduction = requestAnimationFrame(rise);
    else stopIntroduction();
  };
  state.eps = 0;
  introduction = requestAnimationFrame(rise);
}

function stopIntroduction() {
  cancelAnimationFrame(introduction);
  introduction = null;
  for (const said of ["attack-headline", "attack-detail"]) element(said).setAttribute("aria-live", "polite");
}

// Full screen: the page alone, in letters for the last row. What lies behind is out of reach.

function fillScreen(on) {
  state.room = on;
  page.classList.toggle("is-full", on);
  element("attack-room").setAttribute("aria-pressed", String(on));
  element("attack-room").textContent = on ? "Leave full screen" : "Full screen, for a class";
  for (let part = page; part !== document.body; part = part.parentElement)
    for (const other of part.parentElement.children) if (other !== part) other.inert = on;
  if (!on && document.fullscreenElement === page) document.exitFullscreen();
}

// Scripting: `advtutor` in the browser's console.

function checked(name, pixels) {
  if (!Object.hasOwn(networks, name))
    throw new Error(`There is no network ${name}; take one of ${Object.keys(networks).join(", ")}.`);
  return checkedPixels(pixels);
}

function checkedPixels(pixels) {
  const x = Float32Array.from(pixels);
  if (x.length !== PIXELS) throw new Error(`There are ${x.length} pixels; give ${PIXELS}, row by row.`);
  if (!x.every((value) => value >= 0 && value <= 1)) throw new Error("Pixels are numbers in [0, 1].");
  return x;
}

function checkedNumber(name, value, largest = Infinity) {
  if (!(Number.isFinite(value) && value >= 0 && value <= largest))
    throw new Error(`${name} is ${value}; give a number from 0 to ${largest}.`);
  return value;
}

function checkedLabel(label) {
  if (!Number.isInteger(label) || label < 0 || label > 9)
    throw new Error(`The label is ${label}; give a digit from 0 to 9.`);
  return label;
}

window.advtutor = {
  networks: () => Object.keys(networks),
  logits: (name, pixels) => {
    const x = checked(name, pixels);
    return Array.from(networks[name].logits(x));
  },
  gradient: (name, pixels, label) => {
    const x = checked(name, pixels);
    return Array.from(networks[name].gradient(x, checkedLabel(label)));
  },
  fgsm: (name, pixels, label, eps) => {
    const x = checked(name, pixels);
    return Array.from(fgsm(networks[name], x, checkedLabel(label), checkedNumber("eps", eps)));
  },
  pgd: (name, pixels, label, eps, steps = 20) => {
    const x = checked(name, pixels), settings = { steps: checkedNumber("steps", steps, 10_000) };
    return Array.from(pgd(networks[name], x, checkedLabel(label), checkedNumber("eps", eps), settings));
  },
  noise: (pixels, eps, seed = 0) =>
    Array.from(signNoise(checkedPixels(pixels), checkedNumber("eps", eps), checkedNumber("seed", seed))),
};

// Begin.

const area = new DrawingArea(element("attack-canvas"), element("attack-pen"), {
  begin: () => {
    const { drawing, digit } = state;
    return { ink: shown(), drawing, restore: () => change({ drawing, digit }) };
  },
  drawn: (ink) => change({ drawing: ink.slice() }),
});

function listen() {
  element("attack-eps").addEventListener("input", (event) => setEps(Number(event.target.value)));
  element("attack-toss").addEventListener("click", () => change({ seed: state.seed + 1 }));
  element("attack-undo").addEventListener("click", () => area.undo());
  element("attack-draw").addEventListener("click", () => {
    area.clear();
    element("attack-canvas").focus();
  });
  element("attack-link").addEventListener("click", async () => {
    rememberNow();
    const button = element("attack-link");
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch { // not every browser lets a page from the disk do it
      button.textContent = "The address bar holds it";
    }
    setTimeout(() => { button.textContent = "Copy link"; }, 2500);
  });
  element("attack-room").addEventListener("click", () => {
    fillScreen(!state.room);
    if (state.room) page.requestFullscreen?.().catch(() => {}); // without it, it fills the window
    rememberNow();
  });
  document.addEventListener("fullscreenchange", () => {
    if (document.fullscreenElement || !state.room) return;
    fillScreen(false);
    rememberNow();
  });
  addEventListener("keydown", (event) => {
    stopIntroduction();
    if (event.key !== "Escape" || !state.room) return;
    fillScreen(false);
    rememberNow();
  });
  addEventListener("pointerdown", stopIntroduction);
  addEventListener("popstate", follow);
}

function begin() {
  for (const [name, shipped] of Object.entries(SHIPPED.networks)) networks[name] = shippedNetwork(shipped);
  readDigits();
  build();
  listen();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (location.hash.includes("=")) return follow();
  look();
  area.show(shown());
  if (still) stopIntroduction();
  else introduce();
  redraw();
}

try {
  begin();
} catch (fault) {
  networks = {};
  page.dataset.state = "broken";
  element("attack-alert").textContent = `The attack cannot start. ${fault.message} Load the page again, `
    + "or build the site again with make site. The notebooks below can be read all the same.";
  element("attack-alert").hidden = false;
}
