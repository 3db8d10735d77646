// What attacks break after each epoch of a training, one seed's runs before the other seeds': a
// panel for each way of training. The curves come with the page; nothing is attacked here.

const overfittingExplorer = {
  words({ ways, errors, curves }, { seed, epoch }) {
    const now = (way) => errors.map((error, k) => `${error} ${inPercent(curves[way][seed][k][epoch - 1])}`);
    const told = ways.map((name, way) => `${now(way).join(", ")} (${name})`);
    return `Seed ${seed} after epoch ${epoch}: ${told.join("; ")}.`;
  },

  show(root, state) {
    const { ways, errors, curves, start } = state, epochs = curves[0][0][0].length;
    const seed = slider(root, "seed", { max: curves[0].length - 1, value: start.seed });
    const epoch = slider(root, "epoch", { min: 1, max: epochs, value: start.epoch }), said = caption();
    const fields = ways.map(() => plot({ x: [1, epochs], y: [0, 1.15], xticks: [1, epochs / 2, epochs],
      yticks: [0, 0.5, 1], xlabel: "epoch", ylabel: "error", showY: inPercent, width: 165 }));
    root.append(make("div", { className: "side" }, ...fields.map(({ element }) => element)),
      key(...errors.map((error, k) => [`model-${k}`, error])), said);
    redrawing(root, () => {
      const now = { seed: seed.valueAsNumber, epoch: epoch.valueAsNumber };
      fields.forEach((field, way) => {
        const curve = (run, look) => curves[way][run].map((values, k) =>
          line(values.map((value, i) => field.at([i + 1, value])), `model-${k} ${look}`));
        const [[x, bottom], [, top]] = [0, 1].map((y) => field.at([now.epoch, y]));
        field.draw([letters(field.at([(1 + epochs) / 2, 1.07]), ways[way], "middle"),
          line([[x, bottom], [x, top]], "mark"),
          ...curves[way].flatMap((_, run) => (run === now.seed ? [] : curve(run, "ahead"))),
          ...curve(now.seed, ""),
          ...curves[way][now.seed].map((values, k) => disc(field.at([now.epoch, values[now.epoch - 1]]), `model-${k}`, 5)),
        ], `${ways[way]}: the errors over the epochs`);
      });
      said.textContent = overfittingExplorer.words(state, now);
    });
  },
};
