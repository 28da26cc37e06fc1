// What the server's pages cannot do alone: keys, zoom, and telling screen readers what a decision led to.

import { listenForKeys } from "./keys.js";
import { showViewer } from "./viewer.js";

function decorate() {
  document.querySelectorAll("[data-viewer]").forEach(showViewer);
  document.querySelector(".sightings [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  announce(document.querySelector("[data-announce]"));
}

// Screen readers speak a text only when it changes inside an element that was there before.
function announce(message) {
  const text = message?.textContent.replace(/\s+/g, " ").trim() ?? "";
  const said = document.getElementById("announcement");
  if (text && said.textContent !== text) said.textContent = text;
}

function setOffline(offline) {
  document.getElementById("offline").hidden = !offline;
}

listenForKeys();
decorate();
document.addEventListener("htmx:after:swap", decorate);
document.addEventListener("htmx:error", () => setOffline(true));
document.addEventListener("htmx:after:request", () => setOffline(false));
