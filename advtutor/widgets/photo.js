// A photo and its gradient-sign step. The network is larger than a page can run while a hand moves:
// what it reads at each place of the slider was computed by the kernel, once.

function photoWords({ readings }, { place }) {
  const told = ({ name, sure }) => `${name}, ${percent(sure)} sure`;
  return `At eps ${readings[place].eps.toFixed(3)} it reads ${told(readings[place])}; `
    + `the photo as it is: ${told(readings[0])}.`;
}

const photoExplorer = {
  words: photoWords,

  show(root, state) {
    const { readings, shape, start } = state, pixels = byteArray(state.pixels);
    const signs = new Int8Array(byteArray(state.signs).slice().buffer);
    const eps = slider(root, "eps", { max: readings.length - 1, value: start.place,
      write: (place) => readings[place].eps.toFixed(3) });
    const said = caption(), views = ["the photo", "the step, magnified", "the sum"].map((name) => {
      const picture = canvas(shape, "picture photo");
      picture.ariaLabel = name;
      return named(name, picture);
    });
    const [photo, step, sum] = views, floating = Float32Array.from(pixels, (level) => level / 255);
    root.append(make("div", { className: "columns" }, ...views.map(({ figure }) => figure)), said);
    paintImage(photo.picture, floating);
    photo.words.textContent = readings[0].name;
    redrawing(root, () => {
      const { eps: size, name, sure } = readings[eps.valueAsNumber];
      paintImage(step.picture, floating.map((_, i) => (size ? 0.5 + 0.5 * signs[i] : 0.5)));
      step.words.textContent = size ? `${short(1 / (2 * size))} times` : "nothing moves";
      paintImage(sum.picture, floating.map((value, i) => clip(value + size * signs[i], 0, 1)));
      sum.words.textContent = `${name}, ${percent(sure)} sure`;
      said.textContent = photoWords(state, { place: eps.valueAsNumber });
    });
  },
};
