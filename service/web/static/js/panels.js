// The form beside the frame, which holds what will be sent: one box that is corrected, or a list of drawn ones.

import { parseBox } from "./boxes.js";

export const PANELS = {
  move: {
    draws: false,
    read(panel, frame) {
      const { was, keyOf, color, name } = panel.dataset;
      const input = panel.querySelector("[name=box_px]");
      const [start, typed] = [was, input.value].map((text) => parseBox(text, frame));
      if (!typed) input.setAttribute("aria-invalid", "true"); // it was refused: it stays to be mended
      const one = { key: keyOf, color, name };
      return { start: [{ ...one, box: start }], boxes: [{ ...one, box: typed ?? start }] };
    },
    show(panel, [one]) {
      const input = panel.querySelector("[name=box_px]");
      const mending = input === document.activeElement || input.getAttribute("aria-invalid") === "true";
      if (!mending) input.value = one.box.join(", ");
    },
  },
  draw: {
    draws: true,
    read(panel, frame) {
      const rows = [...panel.querySelectorAll("[data-drawn] li")];
      const boxes = rows.map((row) => ({
        ...named(panel, row.querySelector("[name=class_key]").value),
        box: parseBox(row.querySelector("[name=box_px]").value, frame),
      }));
      return { start: [], boxes: boxes.filter((one) => one.box) };
    },
    show(panel, boxes, selected) {
      const list = panel.querySelector("[data-drawn]");
      while (list.children.length > boxes.length) list.lastElementChild.remove();
      while (list.children.length < boxes.length) list.append(panel.querySelector("[data-row]").content.cloneNode(true));
      boxes.forEach((one, index) => showRow(panel, list.children[index], one, index, index === selected));
      panel.querySelector("[data-none]").hidden = boxes.length > 0;
    },
  },
};

// The class that the next drawn box gets.
export function chosenClass(panel) {
  return named(panel, panel.querySelector("[data-class]").value);
}

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function named(panel, key) {
  const option = panel.querySelector(`[data-class] option[value="${CSS.escape(key)}"]`);
  return { key, color: option.dataset.color, name: option.textContent };
}

function showRow(panel, row, { key, color, name, box }, index, selected) {
  const [x0, y0, x1, y1] = box;
  row.querySelector("circle").setAttribute("fill", color);
  row.querySelector("[data-name]").textContent = `${index + 1}. ${name}`;
  row.querySelector("[data-size]").textContent = `${Math.round(x1 - x0)} × ${Math.round(y1 - y0)}`;
  row.querySelector("[data-do=select]").setAttribute("aria-pressed", selected);
  row.querySelector("[data-do=delete]").setAttribute("aria-label", fill(panel.dataset.delete, { number: index + 1, name }));
  row.querySelector("[name=class_key]").value = key;
  row.querySelector("[name=box_px]").value = box.join(", ");
}
