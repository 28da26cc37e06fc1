// What the server's pages cannot do alone: keys, zoom, boxes by hand, the map, and telling screen readers what a form led to.

import { listenForTasks, showBoxing } from "./boxing.js";
import { listenForKeys } from "./keys.js";
import { showMap } from "./map.js";
import { say } from "./say.js";
import { showViewer } from "./viewer.js";

function decorate() {
  document.querySelectorAll("[data-viewer]").forEach(showViewer);
  document.querySelector(".sightings [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  say(document.querySelector("[data-announce]")?.textContent.replace(/\s+/g, " ").trim());
  document.querySelectorAll("[data-viewer]").forEach(showBoxing);
  document.querySelectorAll("[data-map]").forEach(showMap);
}

function setOffline(offline) {
  document.getElementById("offline").hidden = !offline;
}

listenForTasks();
listenForKeys();
decorate();
document.addEventListener("htmx:after:swap", decorate);
document.addEventListener("htmx:error", () => setOffline(true));
document.addEventListener("htmx:after:request", () => setOffline(false));
