// A key is a place on the keyboard (`event.code`), not a letter: A is the same key when the layout is Arabic.

const TYPING = "input, select, textarea, [contenteditable]";

export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPING)) return;
    const named = document.querySelectorAll(`[data-key~="${CSS.escape(event.code)}"]:not([disabled])`);
    const wanted = [...named].find((one) => one.checkVisibility()); // what is not shown is not meant
    if (!wanted) return;
    event.preventDefault();
    if (wanted.matches("select, summary")) wanted.focus(); // Tab goes on from there
    if (!wanted.matches("select")) wanted.click();
  });
}
