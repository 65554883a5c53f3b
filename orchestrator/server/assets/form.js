// What the form for an app can do more where scripts run: it lists the files that were chosen, and has more rows for values. No
// value is read here.
"use strict";
(() => {
  const files = document.getElementById("apk");
  if (files) {
    const list = document.createElement("ul");
    list.className = "soft";
    list.setAttribute("aria-live", "polite");
    list.setAttribute("aria-label", "Chosen files");
    files.after(list);
    const show = () =>
      list.replaceChildren(
        ...[...files.files].map((f) => {
          const item = document.createElement("li");
          const name = document.createElement("bdi");
          name.textContent = f.name;
          item.append(name, `, ${(f.size / 1048576).toFixed(1)} MiB`);
          return item;
        }),
      );
    files.addEventListener("change", show);
    show();
  }

  const MOST = 50; // Values that a job has at most.
  for (const group of document.querySelectorAll("[data-more]")) {
    const more = document.createElement("button");
    more.type = "button";
    more.className = "quiet";
    more.textContent = group.dataset.more;
    more.addEventListener("click", () => {
      const row = group.lastElementChild.cloneNode(true);
      const number = group.children.length + 1;
      for (const input of row.querySelectorAll("input")) {
        input.value = "";
        input.id = input.id.replace(/\d+$/, number);
        input.previousElementSibling.htmlFor = input.id;
      }
      group.append(row);
      row.querySelector("input").focus();
      more.hidden = number >= MOST;
    });
    group.after(more);
  }
})();
