// One digit under one step, twenty steps and noise of the same eps.

function epsWords(y, eps, rows) {
  const told = Object.entries(rows).map(([name, row]) => `${name}: ${sureOf(row)}`);
  return `Digit ${y} at eps ${eps.toFixed(2)}; ${told.join("; ")}.`;
}

const epsExplorer = {
  words(state, { digit, eps }) {
    const [network] = networksOf(state), subject = subjectOf(state, digit), rows = {};
    const attacks = attacksOn(network, subject, floats(state.chance));
    for (const [name, attack] of Object.entries(attacks))
      rows[name] = reading(network, finished(attack(eps)));
    return epsWords(subject.y, eps, rows);
  },

  show(root, state) {
    const [network] = networksOf(state), chance = floats(state.chance), { shape, start } = state;
    const digit = digitSlider(root, state), eps = epsSlider(root, { max: 0.5, value: start.eps });
    const said = caption(), cells = {};
    let subject, attacks, before, rows, number = null;

    const take = () => {
      number = digit.valueAsNumber;
      subject = subjectOf(state, number);
      attacks = attacksOn(network, subject, chance);
      before = network.probabilities(subject.x);
    };
    const draw = (name, picture, size) => {
      const cell = cells[name], row = reading(network, picture), fooled = row.read !== subject.y;
      paintStep(cell.step, subject.x, picture, size);
      paintImage(cell.picture, picture);
      cell.picture.setAttribute("aria-label", `${name}: ${sureOf(row)}`);
      cell.verdict.textContent = `reads ${row.read}`;
      cell.verdict.classList.toggle("fooled", fooled);
      cell.sure.textContent = percent(row.sure);
      cell.bars.show(before, row.after);
      rows[name] = row;
    };
    const slow = "20 steps (PGD)";
    const later = inPieces(root, function* () {
      const size = eps.valueAsNumber, at = number;
      const picture = yield* attacks[slow](size);
      if (at === number) draw(slow, picture, size);
      if (eps.valueAsNumber === size) said.textContent = epsWords(subject.y, size, rows);
    });

    take();
    rows = Object.fromEntries(Object.keys(attacks).map((name) => [name, null])); // in this order
    const table = make("div", { className: "rows" });
    for (const name of Object.keys(attacks)) {
      const cell = { step: canvas(shape, "picture step"), picture: canvas(shape), bars: bars(network.classes) };
      cell.verdict = make("strong");
      cell.sure = make("span");
      cell.step.ariaLabel = `${name}: the change, magnified`;
      table.append(make("figure", {}, cell.step, cell.picture, cell.bars.element,
        make("figcaption", {}, make("span", { textContent: name }), cell.verdict, cell.sure)));
      cells[name] = cell;
    }
    root.append(table, key(["darker", "darker"], ["lighter", "lighter"],
      ["ghost", "probability before"], ["bar", "probability after the change"]), said);
    redrawing(root, () => {
      if (digit.valueAsNumber !== number) take();
      const size = eps.valueAsNumber;
      for (const name of ["one step (FGSM)", "noise"]) draw(name, finished(attacks[name](size)), size);
      later();
    });
  },
};
