// What pages of the server do beyond HTML: lists that follow the form, and a live page that moves.
// Everything works without it. Parts of a page are fetched as HTML that the server escaped.
"use strict";

/** Fetches a page and replaces the parts with these ids where they differ. Says whether it could. */
async function refresh(address, ids) {
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ids) {
      const old = document.getElementById(id);
      const fresh = page.getElementById(id);
      // What is the same stays, so that nothing is read out twice.
      if (old && fresh && old.innerHTML !== fresh.innerHTML) {
        old.replaceChildren(...fresh.childNodes);
        for (const name of Object.keys(fresh.dataset)) old.dataset[name] = fresh.dataset[name];
      }
    }
    return true;
  } catch {
    return false;
  }
}

/** The list of runs follows what is typed and chosen. */
function follow(form) {
  let waiting = 0;
  let latest = 0;
  const show = async () => {
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(fields).toString();
    const address = query ? `/?${query}` : "/";
    const mine = ++latest;
    // An answer that comes after a later question is not shown: the later one follows at once.
    if (await refresh(address, ["count", "results"])) {
      if (mine === latest) history.replaceState(null, "", address);
    } else if (mine === latest) {
      document.getElementById("count").textContent = "The server does not answer.";
    }
  };
  const later = (delay) => {
    clearTimeout(waiting);
    waiting = setTimeout(show, delay);
  };
  form.addEventListener("input", (event) => later(event.target.tagName === "INPUT" ? 150 : 0));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    later(0);
  });
}

/** The live page moves once a second, while it can be seen and until the run is over. */
function move(part) {
  const step = async () => {
    if (part.dataset.over === "true") return;
    if (!document.hidden) {
      const done = await refresh(location.href, ["live-status", "verdict-so-far", "live"]);
      const words = done ? "" : "The server does not answer; this page is as it was last.";
      const connection = document.getElementById("connection");
      if (connection.textContent !== words) connection.textContent = words;
    }
    setTimeout(step, 1000);
  };
  setTimeout(step, 1000);
}

const form = document.getElementById("filters");
if (form) follow(form);
const live = document.getElementById("live");
if (live) move(live);
