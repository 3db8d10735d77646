// What the attack page and the widgets share: bytes, pictures, percentages.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// A canvas with one pixel for each of the image's, filled with `colour(i)`: [red, green, blue, alpha].
function paint(target, colour) {
  const context = target.getContext("2d");
  const image = context.createImageData(target.width, target.height);
  for (let i = 0; i < target.width * target.height; i++) image.data.set(colour(i), 4 * i);
  context.putImageData(image, 0, 0);
}

// An image of one channel, or of three, one after the other.
function paintImage(target, x) {
  const size = target.width * target.height, [green, blue] = x.length > size ? [size, 2 * size] : [0, 0];
  paint(target, (i) => [255 * x[i], 255 * x[i + green], 255 * x[i + blue], 255].map(Math.round));
}

// Purple where a pixel got darker, orange where it got lighter, clear where it stayed.
const paintStep = (target, x, picture, eps) => paint(target, (i) => {
  const moved = (picture[i] - x[i]) / (eps || 1);
  return [...(moved < 0 ? [94, 60, 153] : [230, 97, 1]), Math.round(255 * Math.abs(moved))];
});

// Rounded down where rounding up would say 100 %.
const percent = (share) =>
  share < 0.995 ? `${Math.round(100 * share)} %` : `${Math.min(99.9, 100 * share).toFixed(1)} %`;
