// How far a unit with n standard normal weights is moved: by signs of the weights, by signs from a
// coin. The expected sizes, eps n sqrt(2 / pi) and eps sqrt(2 n / pi) (paper, section 3).

const alignedSize = (n, eps) => eps * n * Math.sqrt(2 / Math.PI);
const coinSize = (n, eps) => eps * Math.sqrt((2 * n) / Math.PI);

const dimensionExplorer = {
  words(_, { n, eps }) {
    const [aligned, coin] = [alignedSize(n, eps), coinSize(n, eps)];
    return `With ${inFull(n)} inputs and eps ${eps.toFixed(2)}, signs of the weights move the `
      + `unit by ${short(aligned)}, signs from a coin by ${short(coin)}: ${short(aligned / coin)} times.`;
  },

  show(root, state) {
    const { sizes, start } = state;
    const n = choice(root, "inputs n", sizes.map(inFull), sizes.indexOf(start.n));
    const eps = epsSlider(root, { min: 0.01, max: 0.5, value: start.eps }), said = caption();
    const powers = [1, 100, 10_000], field = plot({ x: [1, 3e5], y: [5e-3, 2e5], xticks: [...powers, 1e5],
      yticks: [0.01, ...powers], xlabel: "number of inputs n", ylabel: "how far the unit moves",
      log: true, showX: inFull, width: 460 });
    root.append(field.element,
      key(["aligned", "signs of the weights"], ["coin", "signs from a coin"]), said);
    redrawing(root, () => {
      const size = eps.valueAsNumber, inputs = sizes[n.selectedIndex];
      const words = dimensionExplorer.words(state, { n: inputs, eps: size });
      const marks = Object.entries({ aligned: alignedSize, coin: coinSize }).flatMap(([look, f]) => {
        const [x, y] = field.at([inputs, f(inputs, size)]);
        return [line([1, 1e5].map((m) => field.at([m, f(m, size)])), look), disc([x, y], look),
          letters([x + 9, y + 15], short(f(inputs, size)))];
      });
      field.draw(marks, words);
      said.textContent = words;
    });
  },
};
