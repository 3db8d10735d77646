// A prediction on a page without a kernel: a form, which after an answer says what came out in the
// stored run. Nothing is kept and nothing is sent.

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// As the notebook shows numbers: shares in percent, others by three digits.
const shown = (value, unit) => (unit ? `${value.toFixed(1)} ${unit}` : String(Number(value.toPrecision(3))));
const numbers = (words) => words.match(/-?[\d.]+/g).map(Number);

// Each gives the controls, a wish for when there is no answer, and what is said of an answer.

function ofChoices(offers, name, out) {
  const radios = offers.map((value) => made("input", { type: "radio", name, value }));
  const chosen = () => radios.find(({ checked }) => checked);
  return {
    controls: radios.map((radio) => made("label", {}, radio, radio.value)),
    first: radios[0],
    wish: "Choose one first.",
    answer() {
      const { value } = chosen() ?? {};
      return value && `you predicted: ${value}${out.endsWith(`: ${value}`) ? " (as it came out)" : ""}`;
    },
  };
}

function ofNumber(offer, out) {
  const [low, high] = numbers(offer), [measured] = numbers(out), unit = out.endsWith("%") ? "%" : "";
  const input = made("input", { type: "number", min: low, max: high, step: "any" });
  return {
    controls: [made("label", {}, `${offer}: `, input, ` ${unit}`)],
    first: input,
    wish: `Give ${offer}.`,
    answer() {
      const value = input.valueAsNumber, gap = shown(value - measured, unit);
      return value >= low && value <= high && `you predicted ${shown(value, unit)}, off by ${gap}`;
    },
  };
}

for (const place of document.querySelectorAll(".prediction[data-offers]")) {
  const { prediction, out } = place.dataset, offers = JSON.parse(place.dataset.offers);
  const asked = offers.length > 1 ? ofChoices(offers, prediction, out) : ofNumber(offers[0], out);
  const reply = made("p", { role: "status" });
  const form = made("form", { noValidate: true },
    made("fieldset", {}, made("legend", { textContent: "Your prediction" }), ...asked.controls,
      made("button", { textContent: "Compare" })), reply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const answer = asked.answer();
    asked.first.ariaInvalid = String(!answer);
    if (!answer) asked.first.focus();
    reply.textContent = answer ? `${out}\n${answer}` : asked.wish;
    if (!answer) return;
    for (const other of document.querySelectorAll(".prediction[data-compares]"))
      if (other.dataset.compares === prediction) other.firstElementChild.textContent = reply.textContent;
  });
  place.replaceChildren(form);
}
