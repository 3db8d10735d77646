// Up to four networks side by side under one attack, over their errors on many digits.

function defenceWords(state, { y, attack, eps }, cells) {
  const { names, radii, curves } = state;
  const near = argmax(radii.map((radius) => -Math.abs(radius - eps)));
  const read = names.map((name, i) => `${name} reads ${cells[i].read}, ${percent(cells[i].sure)} sure`);
  const errors = names.map((name, i) => `${name} ${inPercent(curves[attack][i][near])}`);
  return `Digit ${y} under ${attack} at eps ${eps.toFixed(2)}: ${read.join("; ")}. `
    + `Error at eps ${short(radii[near])}: ${errors.join(", ")}.`;
}

const defenceExplorer = {
  words(state, { digit, attack, eps }) {
    const subject = subjectOf(state, digit), chance = floats(state.chance);
    const cells = networksOf(state).map((network) =>
      reading(network, finished(attacksOn(network, subject, chance)[attack](eps))));
    return defenceWords(state, { y: subject.y, attack, eps }, cells);
  },

  show(root, state) {
    const { names, radii, curves, start } = state, networks = networksOf(state), chance = floats(state.chance);
    const kinds = Object.keys(curves), digit = digitSlider(root, state);
    const chosen = choice(root, "attack", kinds, kinds.indexOf(start.attack));
    const eps = epsSlider(root, { max: 0.3, value: start.eps }), said = caption();
    const cells = names.map((name) => named(name, canvas(state.shape)));
    const field = plot({ x: [0, 0.3], y: [0, 1], xticks: [0, 0.1, 0.2, 0.3], yticks: [0, 0.5, 1],
      xlabel: "eps", ylabel: `error on ${state.count} digits`, showY: inPercent, width: 460 });
    root.append(make("div", { className: "columns" }, ...cells.map(({ figure }) => figure)), field.element,
      key(...names.map((name, i) => [`model-${i}`, name])), said);
    let number = null, subject, attacks;

    const later = inPieces(root, function* () {
      if (number !== digit.valueAsNumber) {
        number = digit.valueAsNumber;
        subject = subjectOf(state, number);
        attacks = networks.map((network) => attacksOn(network, subject, chance));
      }
      const now = { y: subject.y, attack: kinds[chosen.selectedIndex], eps: eps.valueAsNumber }, found = [];
      for (const [i, network] of networks.entries()) {
        found[i] = reading(network, yield* attacks[i][now.attack](now.eps));
        paintImage(cells[i].picture, found[i].picture);
        cells[i].picture.setAttribute("aria-label", `${names[i]}: ${sureOf(found[i])}`);
        cells[i].words.textContent = sureOf(found[i]);
        cells[i].words.classList.toggle("fooled", found[i].read !== now.y);
        cells[i].figure.classList.remove("is-old");
        yield;
      }
      said.textContent = defenceWords(state, now, found);
    });
    redrawing(root, () => {
      const attack = kinds[chosen.selectedIndex], errors = curves[attack];
      const [[x, bottom], [, top]] = [0, 1].map((y) => field.at([eps.valueAsNumber, y]));
      field.draw([line([[x, bottom], [x, top]], "mark"), ...errors.flatMap((row, i) => {
        const places = row.map((error, k) => field.at([radii[k], error]));
        return [line(places, `model-${i}`), ...places.map((place) => disc(place, `model-${i}`, 3))];
      })], `the error of each network under ${attack}, over eps`);
      if (attack.includes("20")) for (const { figure } of cells) figure.classList.add("is-old");
      later();
    });
  },
};
