// Boxes as [left, top, right, bottom] in pixels of the upright frame: values in, values out.
// What a hand changes lands on whole pixels. `frame` has width, height and least, the shortest side of a box.

export const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export function moveBox([x0, y0, x1, y1], dx, dy, frame) {
  const width = Math.max(Math.round(x1 - x0), frame.least);
  const height = Math.max(Math.round(y1 - y0), frame.least);
  const left = clamp(Math.round(x0 + dx), 0, frame.width - width);
  const top = clamp(Math.round(y0 + dy), 0, frame.height - height);
  return [left, top, left + width, top + height];
}

// Moves the sides that the handle names ("nw": top and left); they stop at the frame and before the other side.
export function resizeBox(box, handle, dx, dy, frame) {
  let [x0, y0, x1, y1] = moveBox(box, 0, 0, frame);
  if (handle.includes("w")) x0 = clamp(Math.round(x0 + dx), 0, x1 - frame.least);
  if (handle.includes("e")) x1 = clamp(Math.round(x1 + dx), x0 + frame.least, frame.width);
  if (handle.includes("n")) y0 = clamp(Math.round(y0 + dy), 0, y1 - frame.least);
  if (handle.includes("s")) y1 = clamp(Math.round(y1 + dy), y0 + frame.least, frame.height);
  return [x0, y0, x1, y1];
}

export function boxBetween(a, b, frame) {
  const [left, right] = [a.x, b.x].sort((one, other) => one - other).map((x) => clamp(x, 0, frame.width));
  const [top, bottom] = [a.y, b.y].sort((one, other) => one - other).map((y) => clamp(y, 0, frame.height));
  return moveBox([left, top, right, bottom], 0, 0, frame);
}

// What a point takes hold of: a handle's name, "body", or nothing. Each side can be held along its whole length;
// `reach` lies outside of it, inside at most a quarter of the box, so that a small box can be moved too.
export function gripAt([x0, y0, x1, y1], { x, y }, reach) {
  if (x < x0 - reach || x > x1 + reach || y < y0 - reach || y > y1 + reach) return null;
  return side(y, y0, y1, reach, "n", "s") + side(x, x0, x1, reach, "w", "e") || "body";
}

export function handlePoint([x0, y0, x1, y1], handle) {
  const x = handle.includes("w") ? x0 : handle.includes("e") ? x1 : (x0 + x1) / 2;
  const y = handle.includes("n") ? y0 : handle.includes("s") ? y1 : (y0 + y1) / 2;
  return { x, y };
}

export function sameBox(a, b) {
  return a.every((edge, index) => edge === b[index]);
}

// From "left, top, right, bottom" in Latin or Arabic digits; nothing when that is no box of the frame.
export function parseBox(text, frame) {
  const latin = text.replace(/[٠-٩]/g, (digit) => digit.charCodeAt(0) - 0x660).replaceAll("٫", ".");
  const numbers = latin.trim().split(/[\s,،]+/).map(Number);
  if (numbers.length !== 4 || !numbers.every(Number.isFinite)) return null;
  const [x0, y0, x1, y1] = numbers;
  const inside = x0 >= 0 && y0 >= 0 && x1 <= frame.width && y1 <= frame.height;
  return inside && x1 - x0 >= frame.least && y1 - y0 >= frame.least ? numbers : null;
}

function side(at, start, end, reach, first, last) {
  const within = Math.min(reach, (end - start) / 4);
  if (at < start + within) return first;
  if (at > end - within) return last;
  return "";
}

export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
