// Screen readers speak a text only when it changes inside an element that was there before.

export function say(text) {
  const said = document.getElementById("announcement");
  if (text && said.textContent !== text) said.textContent = text;
}
