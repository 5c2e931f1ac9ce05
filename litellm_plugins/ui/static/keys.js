// Keys for the review queue: j next, k back, r right, w wrong, u the button of the line above.
// Without this file the buttons and the tab key do the same.
"use strict";
(() => {
  const items = [...document.querySelectorAll("article.item")];
  const again = document.querySelector("button.again");
  const SENT_MS = 5000; // for so long a second press is taken for the same one
  let at = -1, sent = -SENT_MS;

  function go(to) {
    if (items.length === 0) return;
    at = Math.max(0, Math.min(items.length - 1, to));
    items[at].focus({ preventScroll: true });
    items[at].scrollIntoView({ block: "nearest" });
  }

  function give(button) {
    if (button !== null) button.click();
  }

  items.forEach((item, number) => item.addEventListener("focusin", () => { at = number; }));

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.verdict")) return;
    if (performance.now() - sent < SENT_MS) event.preventDefault();
    else {
      sent = performance.now();
      event.target.classList.add("sent");
    }
  });

  // Out of the browser's memory: nothing is on its way any more.
  window.addEventListener("pageshow", () => {
    sent = -SENT_MS;
    for (const form of document.querySelectorAll("form.sent")) form.classList.remove("sent");
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const here = document.activeElement ?? document.body;
    const item = here.closest("article.item");
    // On any other link, button or field a letter is meant for that.
    if (item === null && here !== document.body && here.id !== "main") return;
    const key = event.key.toLowerCase();
    if (key === "j") go(at + 1);
    else if (key === "k") go(at - 1);
    else if (key === "u") give(again);
    else if (key === "r" && item !== null) give(item.querySelector("button.right"));
    else if (key === "w" && item !== null) give(item.querySelector("button.wrong"));
  });

  // After a verdict the next item stands where the judged one was.
  const place = /^#item-(\d+)$/.exec(location.hash);
  go(place ? Number(place[1]) - 1 : 0);
  if (at >= 0 && document.getElementById("told") !== null) items[at].setAttribute("aria-describedby", "told");
})();
