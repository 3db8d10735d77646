// PGD step by step: from a random point of the ball, in steps of a quarter of eps.

function* pathOf(network, { x, y }, eps, steps, chance) {
  const lower = x.map((pixel) => Math.max(pixel - eps, 0)), upper = x.map((pixel) => Math.min(pixel + eps, 1));
  const inside = (point) => point.map((pixel, i) => clip(pixel, lower[i], upper[i]));
  const points = [inside(x.map((pixel, i) => pixel + eps * chance[i]))];
  for (let i = 0; i < steps; i++) {
    const point = points.at(-1), gradient = network.gradient(point, y);
    points.push(inside(point.map((pixel, j) => pixel + (eps / 4) * Math.sign(gradient[j]))));
    yield;
  }
  return points.map((point) => {
    const logits = network.logits(point), after = softmax(logits), read = argmax(after);
    const walls = point.filter((pixel, i) => Math.abs(pixel - x[i]) > eps - 1e-5).length / x.length;
    return { point, read, sure: after[read], loss: crossEntropy.value(logits, y), walls };
  });
}

function stepperWords(y, eps, path, step) {
  const { loss, walls } = path[step];
  const read = `digit ${y} is ${sureOf(path[step])}`;
  if (step === 0)
    return `The start, a random point of the ball of eps ${eps.toFixed(2)}: ${read}; the loss is ${short(loss)}.`;
  return `Step ${step} of ${path.length - 1} inside eps ${eps.toFixed(2)}: ${read}; the loss went from `
    + `${short(path[0].loss)} to ${short(loss)}, and ${percent(walls)} of the pixels stand at a wall of the ball.`;
}

// Two pixels worth watching: one that moves about inside the ball, and one that does otherwise.
function twoPixels(x, path, eps) {
  const walks = Array.from(x, (pixel, i) => path.map(({ point }) => point[i] - pixel));
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const inside = walks.map((walk) => walk.filter((change) => Math.abs(change) < 0.95 * eps).length);
  const largest = (values) => argmax(values.map((value) => Math.round(1e4 * value))); // ties are ties
  const far = (one, other) => sum(one.map((change, k) => Math.abs(change - other[k])));
  const first = largest(walks.map((walk, i) => inside[i] * far(walk.slice(1), walk.slice(0, -1))));
  const second = largest(walks.map((walk, i) => (i === first ? -1 : inside[i] * far(walk, walks[first]))));
  return [first, second];
}

const attackStepper = {
  words(state, { digit, eps, step }) {
    const [network] = networksOf(state), subject = subjectOf(state, digit);
    const path = finished(pathOf(network, subject, eps, state.steps, floats(state.chance)));
    return stepperWords(subject.y, eps, path, step);
  },

  show(root, state) {
    const [network] = networksOf(state), chance = floats(state.chance), { steps, start } = state;
    const digit = digitSlider(root, state), eps = epsSlider(root, { min: 0.01, max: 0.3, value: start.eps });
    const step = slider(root, "step", { max: steps, value: start.step, write: (k) => (k ? String(k) : "start") });
    const said = caption(), picture = canvas(state.shape), verdict = make("figcaption");
    const panels = make("div", { className: "side" });
    root.append(panels, key(["first", "the first pixel"], ["second", "the second pixel"]), said);
    let drawn = null, path, subject, pixels, walls, curve, size;

    const draw = () => {
      const now = step.valueAsNumber, words = stepperWords(subject.y, size, path, now);
      const [a, b] = pixels, { x } = subject, shown = path[now].point;
      paint(picture, (i) => (i === a ? [230, 97, 1, 255] : i === b ? [86, 180, 233, 255]
        : [...[0, 0, 0].fill(Math.round(255 * shown[i])), 255]));
      picture.setAttribute("aria-label", `the digit: ${sureOf(path[now])}`);
      verdict.textContent = `${now ? `step ${now}` : "the start"}: ${sureOf(path[now])}`;
      const change = ({ point }) => walls.at([point[a] - x[a], point[b] - x[b]]);
      const [[left, bottom], [right, top]] = [-size, size].map((side) =>
        walls.at([a, b].map((i) => clip(side, -x[i], 1 - x[i]))));
      const places = path.map(change);
      walls.draw([
        `<rect class="ball" x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/>`,
        line(places, "ahead"), line(places.slice(0, now + 1), "aligned"),
        ...places.slice(0, now + 1).map((place) => disc(place, "aligned", 2.5)),
        letters(places[0].map((v, i) => v + (i ? -6 : 4)), "start"), disc(places[now]),
      ], `two pixels of the digit inside their walls at ${now ? `step ${now}` : "the start"}`);
      const losses = path.map(({ loss }, k) => curve.at([k, loss]));
      curve.draw([line(losses, "aligned"), disc(losses[now])], `the loss: ${short(path[now].loss)}`);
      said.textContent = words;
    };
    const later = inPieces(root, function* () {
      const wanted = [digit.valueAsNumber, eps.valueAsNumber];
      if (String(wanted) !== String(drawn)) {
        [subject, size] = [subjectOf(state, wanted[0]), wanted[1]];
        drawn = null;
        path = yield* pathOf(network, subject, size, steps, chance);
        drawn = wanted;
        pixels = twoPixels(subject.x, path, size);
        const range = [-1.15 * size, 1.15 * size], ticks = [-size, 0, size];
        walls = plot({ x: range, y: range, xticks: ticks, yticks: ticks, width: 200,
          xlabel: "change of the first pixel", ylabel: "change of the second pixel" });
        const most = Math.max(...path.map(({ loss }) => loss)) || 1;
        curve = plot({ x: [0, steps], y: [0, 1.1 * most], xticks: [0, steps / 2, steps],
          yticks: ticksTo(most), xlabel: "step", ylabel: "loss", width: 200 });
        panels.replaceChildren(make("figure", {}, picture, verdict), walls.element, curve.element);
      }
      draw();
    });
    redrawing(root, () => {
      const wanted = [digit.valueAsNumber, eps.valueAsNumber];
      if (drawn && String(wanted) === String(drawn)) draw();
      else later();
    });
  },
};
