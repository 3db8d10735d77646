// A number to predict: a slider whose value goes to the kernel.
const numberSlider = {
  show(root, { low, high, percent: inShares }, model) {
    const write = (value) => (inShares ? `${(100 * value).toFixed(0)} %` : value.toFixed(2));
    const made = slider(root, "your number",
      { min: low, max: high, step: (high - low) / 100, value: model.get("value"), write });
    made.addEventListener("input", () => {
      model.set("value", made.valueAsNumber);
      model.save_changes();
    });
  },
};
