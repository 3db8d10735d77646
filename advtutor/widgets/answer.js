// Sends what happens in the page to the kernel. Where no answer comes, as after a restart, a
// sentence says so: a control that nobody hears must not look alive.
function answering(model, el) {
  const silence = Object.assign(document.createElement("div"), { className: "advtutor-silence" });
  silence.setAttribute("role", "status");
  el.append(silence);
  let timer = null;
  const hear = () => { clearTimeout(timer); silence.textContent = ""; };
  model.on("change:heard", hear);
  const send = (changes) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silence.textContent =
        "No answer yet: the kernel is busy, or was restarted. Then run this cell again.";
    }, 4000);
    model.set({ ...changes, sent: model.get("sent") + 1 });
    model.save_changes();
  };
  const leave = () => { clearTimeout(timer); model.off("change:heard", hear); };
  return { send, leave };
}
