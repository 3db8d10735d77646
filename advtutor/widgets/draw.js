// A digit is drawn, and networks read along; a button attacks it.

function drawWords(names, cells, eps) {
  const told = cells.map(({ before, after, smallest }, i) => {
    const first = `${names[i]} reads ${before.read}, ${percent(before.sure)} sure`;
    if (!after) return first;
    const found = smallest === undefined ? "" : ` (smallest eps ${smallest ? smallest.eps.toFixed(3) : "not found"})`;
    return `${first}; attacked: ${after.read}, ${percent(after.sure)} sure${found}`;
  });
  const attacked = cells.some(({ after }) => after) ? ` The attack's eps is ${eps.toFixed(2)}.` : "";
  return `${told.join(". ")}.${attacked}`;
}

const drawDigit = {
  words(state, { digit }) {
    const { x } = subjectOf(state, digit);
    return drawWords(state.names, networksOf(state).map((network) => ({ before: reading(network, x) })), 0);
  },

  show(root, state) {
    const { names, start } = state, networks = networksOf(state), said = caption();
    const paper = make("canvas", { width: 280, height: 280, className: "paper", tabIndex: 0, role: "application",
      ariaLabel: "Drawing area. Arrow keys move, Space starts or ends a stroke, Backspace undoes." });
    const status = make("p", { className: "words", role: "status" });
    const tools = make("div"), bar = make("div", { className: "control" });
    const samples = choice(tools, "digit", ["my own drawing", ...state.y.map((_, i) => `sample ${i + 1}`)], 1);
    const eps = epsSlider(tools, { max: 0.5, value: start.eps });
    const press = button(bar, "Attack it", () => {
      attacked = true;
      ask();
    });
    press.className = "primary";
    button(bar, "Undo", () => area.undo());
    button(bar, "Clear", () => area.clear());
    tools.append(bar, status);
    const rows = make("div", { className: "rows" });
    const cells = networks.map((network) => {
      const cell = { picture: canvas(state.shape), bars: bars(network.classes), verdict: make("strong") };
      rows.append(make("figure", { className: "drawn" }, cell.picture, cell.bars.element,
        make("figcaption", {}, cell.verdict)));
      return cell;
    });
    root.append(make("div", { className: "side" }, paper, tools), rows,
      key(["ghost", "as drawn"], ["bar", "what it reads now"]), said);

    let x = null, subject = null, attacked = false; // x: what the networks see; subject: what it is of
    const showCell = (i) => {
      const { before, after } = cells[i], now = after ?? before;
      paintImage(cells[i].picture, now.picture);
      cells[i].bars.show(before.after, now.after);
      cells[i].verdict.textContent = drawWords([names[i]], [cells[i]], eps.valueAsNumber).split(" The attack")[0];
      cells[i].picture.setAttribute("aria-label", `what ${names[i]} sees: ${sureOf(now)}`);
    };
    const look = () => {
      subject = samples.selectedIndex ? samples.selectedIndex : area.ink;
      attacked = false;
      x = null;
      try {
        x = samples.selectedIndex ? subjectOf(state, samples.selectedIndex - 1).x : centred(area.ink);
      } catch (fault) {
        said.textContent = fault.message;
      }
      rows.hidden = x === null;
      if (x === null) return;
      networks.forEach((network, i) => {
        Object.assign(cells[i], { before: reading(network, x), after: undefined, smallest: undefined });
        showCell(i);
      });
      said.textContent = drawWords(names, cells, 0);
    };
    const later = inPieces(root, function* () {
      const of = x, size = eps.valueAsNumber;
      if (of === null || !attacked) return;
      for (const [i, network] of networks.entries()) {
        const y = cells[i].before.read, picture = yield* pgdSearch(network, of, y, size, { stop: true });
        if (of !== x) return;
        cells[i].after = reading(network, picture);
        showCell(i);
        if (cells[i].smallest !== undefined) continue;
        const smallest = yield* smallestEpsSearch(network, of, y, { tolerance: 5e-3 });
        if (of !== x) return;
        cells[i].smallest = smallest;
        showCell(i);
      }
      said.textContent = drawWords(names, cells, size);
    });
    const own = () => (samples.selectedIndex ? null : area.ink);
    const changed = () => {
      subject = null;
      ask();
    };
    const area = new DrawingArea(paper, status, {
      begin() {
        const chosen = samples.selectedIndex;
        return { ink: area.ink, drawing: own(), restore() {
          samples.selectedIndex = chosen;
          changed();
        } };
      },
      drawn() {
        samples.selectedIndex = 0;
        changed();
      },
    });
    samples.addEventListener("input", () => {
      const chosen = samples.selectedIndex;
      area.show(chosen ? subjectOf(state, chosen - 1).x.slice() : new Float32Array(PIXELS));
      subject = null;
    });
    area.show(subjectOf(state, 0).x.slice());
    const ask = redrawing(root, () => {
      if (subject === null) look();
      if (attacked) later();
    });
  },
};
