// Keeps a job's page as it would be if it were loaded again. The server's event stream says when something happened; the page is
// then fetched and its sections are exchanged where they differ. No text of an event is ever read here.
"use strict";
(() => {
  const main = document.getElementById("main");
  if (!main || !main.dataset.follow || !window.EventSource) return;

  const LEAST = 1500; // Milliseconds between two fetches.
  const MOST = 60000; // And at most, when the server is not there.
  let pause = LEAST;
  let timer = 0; // Of the next fetch.
  let looking = false;
  let asked = false;
  let lost = false;
  let refused = 0; // Streams one after the other that were not opened.
  let source = null;

  const FOLLOWS = "This page follows the job.";
  const LOST = "Connection lost: what is shown may be old. This page tries again.";
  const notice = document.createElement("p");
  notice.className = "soft live";
  notice.setAttribute("role", "status");
  notice.textContent = FOLLOWS;
  document.getElementById("now").after(notice);

  const follow = () => {
    source = new EventSource(main.dataset.follow);
    source.onopen = () => {
      refused = 0;
      // It is back: what was missed is looked at now, however long the pause had become.
      if (lost) {
        pause = LEAST;
        clearTimeout(timer);
        if (looking) asked = true;
        else look();
      }
    };
    source.onmessage = soon;
    // The stream ends when the job has ended, or the connection is lost: the page itself tells which.
    source.onerror = soon;
  };

  // Exchanges what differs, and keeps the reader's place: focus, open details, scrolled regions.
  const exchange = (now) => {
    for (const next of now.querySelectorAll("main > section[id]")) {
      const old = document.getElementById(next.id);
      if (!old) {
        continue;
      }
      const open = [...old.querySelectorAll("details")].map((d) => d.open);
      next.querySelectorAll("details").forEach((d, i) => (d.open = open[i] ?? d.open));
      if (old.outerHTML === next.outerHTML) continue;
      const held = old.contains(document.activeElement);
      const focus = held ? document.activeElement : null;
      const scrolled = [...old.querySelectorAll(".scroll")].map((s) => [s.scrollLeft, s.scrollTop]);
      const copy = document.importNode(next, true);
      old.replaceWith(copy);
      copy.querySelectorAll(".scroll").forEach((s, i) => {
        if (scrolled[i]) [s.scrollLeft, s.scrollTop] = scrolled[i];
      });
      if (focus) again(copy, focus);
    }
    for (const old of document.querySelectorAll("main > section[id]")) {
      if (!now.getElementById(old.id)) old.remove();
    }
  };

  const again = (section, focus) => {
    const same = [...section.querySelectorAll(focus.tagName)].find(
      (e) => e.id === focus.id && e.getAttribute("href") === focus.getAttribute("href") && e.ariaLabel === focus.ariaLabel,
    );
    if (same) same.focus({ preventScroll: true });
  };

  const look = async () => {
    [timer, looking, asked] = [0, true, false];
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.status === 429 || answer.status >= 500) throw new Error(String(answer.status));
      const now = new DOMParser().parseFromString(await answer.text(), "text/html");
      const there = now.getElementById("main");
      // Signed out, or the job is gone: that page is shown as it is.
      if (answer.redirected || !answer.ok || !there) return location.reload();
      exchange(now);
      document.title = now.title;
      pause = LEAST;
      if (there.dataset.follow) {
        main.dataset.follow = there.dataset.follow;
        lost = false;
        // A stream that was answered by an error (a proxy's 502, too many requests) never comes back by itself. It is asked for
        // again from what this page shows, and more seldom while it is refused.
        if (source.readyState === EventSource.CLOSED) {
          refused += 1;
          lost = true;
          pause = Math.min(LEAST * 2 ** refused, MOST);
          follow();
        }
        notice.textContent = lost ? LOST : FOLLOWS;
      } else {
        source.close();
        notice.remove();
      }
    } catch {
      lost = true;
      notice.textContent = LOST;
      pause = Math.min(pause * 2, MOST);
      asked = true;
    }
    looking = false;
    if (asked) soon();
  };

  // Many events are one look, and one look at a time.
  function soon() {
    if (looking || timer) {
      asked = true;
      return;
    }
    timer = setTimeout(look, pause);
  }

  follow();
})();
