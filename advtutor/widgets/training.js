// A training in the kernel that is watched in the page: it is started and stopped by buttons.

const trainingObserver = {
  show(root, state, model) {
    const bar = make("div", { className: "control" }), status = make("span", { role: "status" });
    const panels = make("div", { className: "side" });
    const silence = "No answer yet: the kernel is busy, or was restarted. Then run this cell again.";
    let timer = null;
    const press = (wish) => () => {
      timer = setTimeout(() => { status.textContent = silence; }, 4000);
      model.set(wish, model.get(wish) + 1);
      model.save_changes();
    };
    const start = button(bar, "Start training", press("starts")), stop = button(bar, "Stop", press("stops"));
    start.className = "primary";
    bar.append(status);
    root.append(bar, panels, key(["model-0", "clean error"], ["model-1", "FGSM error"]));

    const hear = () => {
      clearTimeout(timer);
      status.textContent = model.get("status");
      start.disabled = model.get("running");
      stop.disabled = !start.disabled;
    };
    const draw = () => {
      hear();
      const { batches, loss, clean, fgsm } = model.get("curves"), last = batches.at(-1) ?? 100;
      const look = { x: [0, last], xticks: ticksTo(last), xlabel: "batches", width: 270 };
      const most = Math.max(...loss, 0.1);
      const left = plot({ ...look, y: [0, 1.1 * most], yticks: ticksTo(most), ylabel: "loss of the batches" });
      const right = plot({ ...look, y: [0, 1], yticks: [0, 0.5, 1], ylabel: "error", showY: inPercent });
      const curve = (field, values, name) => line(values.map((v, k) => field.at([batches[k], v])), name);
      const told = (name, values) => `${name}: ${batches.length ? `${short(values[0])} to ${short(values.at(-1))}` : "none yet"}`;
      left.draw([curve(left, loss, "model-0")], told("loss", loss));
      right.draw([curve(right, clean, "model-0"), curve(right, fgsm, "model-1")],
        `${told("clean error", clean)}; ${told("FGSM error", fgsm)}`);
      panels.replaceChildren(left.element, right.element);
    };
    const heard = ["change:status", "change:running"];
    for (const each of heard) model.on(each, hear);
    model.on("change:curves", draw);
    draw();
    return () => {
      clearTimeout(timer);
      for (const each of heard) model.off(each, hear);
      model.off("change:curves", draw);
    };
  },
};
