// A prediction on a page without a kernel: a form, which after an answer says what came out in the
// stored run. Nothing is kept and nothing is sent.

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// As the notebook shows numbers: shares in percent, others by three digits.
const shown = (value, unit) => (unit === "%" ? `${(100 * value).toFixed(1)} %`
  : `${Number(value.toPrecision(3))} ${unit}`.trim());

// Each gives the controls, a wish for when there is no answer, and what is said of an answer.

function ofChoices({ prediction, offers }) {
  const radios = offers.map((value) => made("input", { type: "radio", name: prediction, value }));
  const chosen = () => radios.find(({ checked }) => checked);
  return {
    controls: radios.map((radio) => made("label", {}, radio, radio.value)),
    first: radios[0],
    wish: "Choose one first.",
    answer(measured) {
      const { value } = chosen() ?? {};
      return value && `you predicted: ${value}${value === measured ? " (as it came out)" : ""}`;
    },
  };
}

function ofNumber({ offers: [offer], low, high, unit }) {
  const scale = unit === "%" ? 100 : 1;
  const input = made("input", { type: "number", min: scale * low, max: scale * high, step: "any" });
  return {
    controls: [made("label", {}, `${offer}: `, input, ` ${unit}`)],
    first: input,
    wish: `Give ${offer}.`,
    answer(measured) {
      const value = input.valueAsNumber / scale;
      const gap = measured === null ? "" : `, off by ${shown(value - measured, unit)}`;
      return value >= low && value <= high && `you predicted ${shown(value, unit)}${gap}`;
    },
  };
}

for (const place of document.querySelectorAll(".prediction[data-asks]")) {
  const asks = JSON.parse(place.dataset.asks), { prediction, out, measured } = asks;
  const asked = asks.offers.length > 1 ? ofChoices(asks) : ofNumber(asks);
  const reply = made("p", { role: "status" });
  const form = made("form", { noValidate: true },
    made("fieldset", {}, made("legend", { textContent: "Your prediction" }), ...asked.controls,
      made("button", { textContent: "Compare" })), reply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const answer = asked.answer(measured);
    asked.first.ariaInvalid = String(!answer);
    if (!answer) asked.first.focus();
    reply.textContent = answer ? `${out}\n${answer}` : asked.wish;
    if (!answer) return;
    for (const other of document.querySelectorAll(".prediction[data-compares]")) {
      if (other.dataset.compares !== prediction) continue;
      // Where it is a riddle, the answer lies sealed here, after what solves it.
      const sealed = other.dataset.sealed && JSON.parse(atob(other.dataset.sealed));
      other.firstElementChild.textContent = sealed
        ? `${sealed["came out"]}\n${asked.answer(sealed.measured)}` : reply.textContent;
    }
  });
  place.replaceChildren(form);
}
