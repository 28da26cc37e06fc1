// The boxes in hand as they are drawn over the frame, and where on the frame a pointer is.

import { HANDLES, handlePoint } from "./boxes.js";

const SVG = "http://www.w3.org/2000/svg";
const ROOMY = 40; // pixels of the screen: a shorter side shows the handles of its corners alone

// `labelOf(index)` names a box for screen readers; an element stays the same while its box changes.
export function paint(layer, boxes, selected, labelOf, hintId) {
  while (layer.children.length > boxes.length) layer.lastElementChild.remove();
  while (layer.children.length < boxes.length) layer.append(newGroup(hintId));
  const { scale } = pointOf(layer, { clientX: 0, clientY: 0 });
  boxes.forEach((one, index) => {
    const group = layer.children[index];
    group.setAttribute("aria-label", labelOf(index));
    group.classList.toggle("selected", index === selected);
    paintGroup(group, one, scale);
  });
}

// In pixels of the frame, with `scale` in pixels of the screen for each; right whatever the zoom, never mirrored.
export function pointOf(layer, { clientX, clientY }) {
  const area = layer.getBoundingClientRect();
  const { width, height } = layer.viewBox.baseVal;
  const scale = Math.min(area.width / width, area.height / height);
  const x = (clientX - area.left - (area.width - width * scale) / 2) / scale;
  const y = (clientY - area.top - (area.height - height * scale) / 2) / scale;
  return { x, y, scale };
}

function newGroup(hintId) {
  const group = document.createElementNS(SVG, "g");
  for (const [name, value] of [["tabindex", "0"], ["role", "application"], ["aria-describedby", hintId]]) {
    group.setAttribute(name, value);
  }
  for (const [tag, name] of [["rect", "halo"], ["rect", "line"], ["path", "rim"], ["path", "handle"]]) {
    const part = document.createElementNS(SVG, tag);
    part.setAttribute("class", name);
    group.append(part);
  }
  return group;
}

function paintGroup(group, { box, color }, scale) {
  const [x0, y0, x1, y1] = box;
  for (const rect of group.querySelectorAll("rect")) {
    const places = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    for (const [name, value] of Object.entries(places)) rect.setAttribute(name, value);
  }
  group.querySelector(".line").setAttribute("stroke", color);
  const roomy = Math.min(x1 - x0, y1 - y0) * scale >= ROOMY;
  const points = HANDLES.filter((handle) => roomy || handle.length === 2).map((handle) => handlePoint(box, handle));
  const dots = points.map(({ x, y }) => `M${x} ${y}h.01`).join("");
  for (const path of group.querySelectorAll("path")) path.setAttribute("d", dots);
}
