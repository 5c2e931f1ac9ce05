// Keys for the review queue: j next, k back, r right, w wrong. Without this file the buttons and the tab key do the same.
"use strict";
(() => {
  const items = [...document.querySelectorAll("article.item")];
  if (items.length === 0) return;
  let at = -1;

  function go(to) {
    at = Math.max(0, Math.min(items.length - 1, to));
    items[at].focus({ preventScroll: true });
    items[at].scrollIntoView({ block: "nearest" });
  }

  items.forEach((item, number) => item.addEventListener("focusin", () => { at = number; }));

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "j") go(at + 1);
    else if (event.key === "k") go(at - 1);
    else if ((event.key === "r" || event.key === "w") && at >= 0) {
      const button = items[at].querySelector(event.key === "r" ? "button.right" : "button.wrong");
      if (button === null) return;
      event.preventDefault();
      for (const each of document.querySelectorAll("form.verdict button")) each.disabled = each !== button;
      button.click();
    }
  });

  // After a verdict the next item stands where the judged one was.
  const place = /^#item-(\d+)$/.exec(location.hash);
  go(place ? Number(place[1]) - 1 : 0);
})();
