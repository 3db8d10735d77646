// The plane of the gradient's sign and a random sign around a digit: which class is read where.

const GRID = 31, REACH = 0.4;
const cellAt = (number) => REACH * ((2 * number) / (GRID - 1) - 1);

// The digit, moved along two directions.
const movedTo = (x, u, v, along, across) => x.map((pixel, i) => pixel + along * u[i] + across * v[i]);

function directionsOf(network, { x, y }, chance) {
  return [network.gradient(x, y), chance].map((each) => each.map(Math.sign));
}

// Fills `classes`, row by row from below, coarsely first; it pauses after each point.
function* readPlane(network, x, [u, v], classes) {
  const done = new Set();
  for (const size of [4, 2, 1])
    for (let row = 0; row < GRID; row += size)
      for (let column = 0; column < GRID; column += size) {
        if (done.has(row * GRID + column)) continue;
        done.add(row * GRID + column);
        const read = network.read(movedTo(x, u, v, cellAt(column), cellAt(row)));
        for (let r = row; r < Math.min(row + size, GRID); r++)
          for (let c = column; c < Math.min(column + size, GRID); c++) classes[r * GRID + c] = read;
        yield;
      }
  return classes;
}

// Each class of the plane, with a cell deep inside its region: where its name can stand.
function regions(classes) {
  const found = new Map();
  classes.forEach((k, i) => {
    const row = Math.floor(i / GRID), column = i % GRID;
    let room = 0;
    const same = (r, c) => r >= 0 && c >= 0 && r < GRID && c < GRID && classes[r * GRID + c] === k;
    for (let far = 1, inside = true; inside; far += 1) {
      for (let d = -far; d <= far && inside; d++)
        inside = same(row + d, column - far) && same(row + d, column + far)
          && same(row - far, column + d) && same(row + far, column + d);
      if (inside) room = far;
    }
    if (!found.has(k) || found.get(k).room < room) found.set(k, { room, row, column });
  });
  return new Map([...found].sort(([a], [b]) => a - b));
}

function directionWords(along, across, here, classes) {
  const part = classes.filter((k) => k === here.read).length / classes.length;
  return `At ${along.toFixed(2)} along the gradient's sign and ${across.toFixed(2)} along a random sign `
    + `the digit is ${sureOf(here)}; the plane, to ${REACH} each way, holds regions of `
    + `${[...regions(classes).keys()].join(", ")}, and ${here.read} fills ${percent(part)} of it.`;
}

const directionExplorer = {
  words(state, { digit, along, across }) {
    const [network] = networksOf(state), subject = subjectOf(state, digit);
    const both = directionsOf(network, subject, floats(state.chance));
    const classes = finished(readPlane(network, subject.x, both, []));
    const here = reading(network, movedTo(subject.x, ...both, along, across));
    return directionWords(along, across, here, classes);
  },

  show(root, state) {
    const [network] = networksOf(state), chance = floats(state.chance);
    const digit = digitSlider(root, state);
    const [along, across] = ["along the gradient's sign", "along a random sign"].map((name) =>
      slider(root, name, { min: -REACH, max: REACH, step: 0.02, value: 0, write: (v) => v.toFixed(2) }));
    const said = caption(), map = make("canvas", { width: GRID, height: GRID });
    const picture = canvas(state.shape), verdict = make("figcaption");
    const ticks = [-0.4, -0.2, 0, 0.2, 0.4], range = [-REACH, REACH];
    const field = plot({ x: range, y: range, xticks: ticks, yticks: ticks,
      xlabel: "along the gradient's sign", ylabel: "along a random sign" });
    root.append(make("div", { className: "side" }, field.element, make("figure", {}, picture, verdict)), said);
    let number = null, subject, both, classes, url;

    const drawHere = () => {
      const place = [along, across].map((control) => control.valueAsNumber);
      const here = reading(network, movedTo(subject.x, ...both, ...place));
      const [[left, bottom], [right, top]] = [field.at([-REACH, -REACH]), field.at([REACH, REACH])];
      const names = [...regions(classes)].map(([k, { row, column }]) =>
        letters(field.at([column, row].map((n) => clip(cellAt(n), -0.9 * REACH, 0.9 * REACH)))
          .map((v, i) => v + 6 * i), k, "middle"));
      const words = directionWords(...place, here, classes);
      field.draw([
        `<image x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" `
          + `preserveAspectRatio="none" href="${url}"/><g class="names">${names.join("")}</g>`,
        disc(field.at(place)),
      ], words);
      paintImage(picture, here.picture);
      picture.setAttribute("aria-label", `the digit there: ${sureOf(here)}`);
      verdict.textContent = `here: ${sureOf(here)}`;
      said.textContent = words;
    };
    const drawMap = () => {
      paint(map, (i) => {
        const k = classes[(GRID - 1 - Math.floor(i / GRID)) * GRID + (i % GRID)];
        return PALE[k % PALE.length];
      });
      url = map.toDataURL();
      drawHere();
    };
    const later = inPieces(root, function* () {
      if (number === digit.valueAsNumber) return;
      number = digit.valueAsNumber;
      subject = subjectOf(state, number);
      both = directionsOf(network, subject, chance);
      classes = new Array(GRID * GRID).fill(network.read(subject.x));
      let painted = 0;
      for (const _ of readPlane(network, subject.x, both, classes)) {
        if (performance.now() - painted > 100) {
          drawMap();
          painted = performance.now();
        }
        yield;
        if (number !== digit.valueAsNumber) {
          number = null;
          return later();
        }
      }
      drawMap();
    });
    redrawing(root, () => (number === digit.valueAsNumber ? drawHere() : later()));
  },
};

// A pale colour for each class, so that black letters can be read on it.
const PALE = [
  [199, 221, 242], [250, 219, 190], [200, 232, 205], [240, 205, 215], [226, 214, 243],
  [243, 236, 184], [190, 228, 229], [232, 214, 200], [214, 226, 190], [222, 222, 222],
].map((colour) => [...colour, 255]);
