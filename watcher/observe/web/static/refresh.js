// Refreshes the page in place: fetches the same address and replaces <main>.
"use strict";
(() => {
  const main = document.getElementById("main");
  const every = 1000 * Number(main.dataset.refreshS);
  const busy = () => {
    const selection = document.getSelection();
    const reading = selection && !selection.isCollapsed && main.contains(selection.anchorNode);
    const focused = document.activeElement;
    return document.hidden || reading || (main.contains(focused) && focused.matches(":focus-visible"));
  };
  const refresh = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        const text = await answer.text();
        const page = new DOMParser().parseFromString(text, "text/html");
        const now = page.getElementById("main");
        if (now && !busy()) {
          main.replaceChildren(...now.childNodes);
          document.title = page.title;
        }
        document.body.classList.remove("lost");
      } catch {
        document.body.classList.add("lost");
      }
    }
    setTimeout(refresh, every);
  };
  setTimeout(refresh, every);
})();
