// On every page but the overview: dialogs, forms that are judged, copying, the drop zone.
"use strict";

(() => {
  // Opened groups stay.
  const opened = new Set();
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".folds")) return;
    if (event.target.checked) opened.add(event.target.id);
    else opened.delete(event.target.id);
  });

  function settled() {
    for (const id of opened) {
      const fold = document.getElementById(id);
      if (fold) fold.checked = true;
    }
    const form = document.querySelector("form[data-upload]");
    if (form) ready(form);
  }
  document.addEventListener("htmx:afterSettle", settled);
  document.addEventListener("htmx:sseMessage", settled);

  const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  document.addEventListener("DOMContentLoaded", () => {
    settled();
    // /jobs/ID#retry opens that dialog.
    if (/^#[a-z-]+$/.test(location.hash)) document.querySelector(`[data-opens="${location.hash.slice(1)}"]`)?.click();
    // Only the browser knows the hash of the page to return to.
    const back = document.querySelector(".door input[name=to]");
    if (back && !back.value.includes("#")) back.value += location.hash;
    // A new schedule starts with the zone of its reader.
    const zone = document.querySelector("[data-zones]");
    if (zone) {
      // The shown runs are those of the old zone.
      if ("here" in zone.dataset) { zone.value = browserZone; zone.dispatchEvent(new Event("change", { bubbles: true })); }
      const known = ["UTC", ...(Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [])];
      zone.list.replaceChildren(...known.map((name) => new Option(name, name)));
    }
  });
  // The forms of a page from the back-forward cache hold used keys.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && !document.querySelector("form[data-judged]")) location.reload();
  });
  // The browser closes dialogs, traps the focus and returns it.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      for (const [name, value] of Object.entries(opener.dataset)) {
        if (!name.startsWith("set")) continue;
        const field = dialog.querySelector(`[name="${name.slice(3).toLowerCase()}"]`);
        if (field) field.value = value;
      }
      const subject = dialog.querySelector("[data-subject]");
      if (subject && opener.dataset.subject) subject.textContent = opener.dataset.subject;
      if (opener.dataset.action) dialog.querySelector("form").action = opener.dataset.action;
      for (const box of dialog.querySelectorAll("input[type=checkbox][data-statuses]")) {
        if (opener.dataset.statuses) box.checked = opener.dataset.statuses.split(",").includes(box.value);
      }
      dialog.showModal();
      // A live update may have replaced the button that the browser would return to.
      dialog.addEventListener("close", () => { if (!opener.isConnected) document.getElementById(opener.id)?.focus(); }, { once: true });
      const judged = dialog.querySelector("form[data-judged]");
      if (judged) judge(judged, 0);
      return;
    }
    if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
  });

  // A form is sent once, and only while Muster answers and the session lives: else it stays, as it is filled in.
  const underWay = new WeakMap();
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    // Requests of htmx and downloads do not leave the page.
    if (event.defaultPrevented || form.method !== "post" || submitter?.hasAttribute("formaction")) return;
    if (underWay.get(form) === "answered") {
      underWay.set(form, "sent");
      setTimeout(() => underWay.delete(form), 2000);
      return;
    }
    event.preventDefault();
    // A double click counts once: the browser would drop the first answer.
    if (underWay.has(form)) return;
    underWay.set(form, "asked");
    const problem = await whyNot(form);
    if (problem) {
      underWay.delete(form);
      tell(form, problem);
    } else {
      underWay.set(form, "answered");
      form.requestSubmit(submitter);
    }
  });
  const away = "Muster does not answer, so nothing was sent. Your entries stay here: press the button again when it is back.";
  const ended = "You are signed out, so nothing was sent. Your entries stay here: sign in, then press the button again.";

  async function whyNot(form) {
    try {
      const answer = await fetch("/halt/banner", { headers: { "HX-Request": "true" }, cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (answer.status >= 500) return away;
      // The form of the sign-in needs no session.
      if (form.elements.csrf && answer.headers.has("HX-Redirect")) return ended;
      renew(answer.headers.get("X-CSRF-Token"));
      return null;
    } catch {
      return away;
    }
  }

  function tell(form, words) {
    const note = form.querySelector(".unsent") || Object.assign(document.createElement("p"), { className: "notice bad unsent" });
    note.setAttribute("role", "alert");
    note.textContent = words;
    if (words === ended) {
      note.append(" ", Object.assign(document.createElement("a"), { href: "/sign-in", target: "_blank", textContent: "Sign in in another tab" }));
    }
    const moves = [...form.querySelectorAll(".moves")].pop();
    if (!note.isConnected) { if (moves) moves.before(note); else form.append(note); }
    note.scrollIntoView({ block: "center" });
  }

  // The session is back, or another one: the forms of this page may be sent in it.
  function renew(token) {
    if (!token) return;
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRF-Token": token }));
    for (const field of document.querySelectorAll("input[name=csrf]")) field.value = token;
    for (const note of document.querySelectorAll(".unsent")) {
      const form = note.closest("form");
      note.remove();
      if (form.matches("[data-judged]")) htmx.trigger(form, "judge");
    }
  }

  // Nobody is led away from a form that they have begun to fill in.
  let filled = null;
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, ({ target }) => { if (target.form?.method === "post") filled = target.form; });
  }
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, requestConfig: asked, xhr } = event.detail;
    if (!xhr.getResponseHeader("HX-Redirect")?.startsWith("/sign-in")) {
      renew(xhr.getResponseHeader("X-CSRF-Token"));
      return;
    }
    const form = asked.verb === "post" ? elt.closest("form") : filled;
    if (!form?.isConnected) return;
    event.preventDefault();
    tell(form, ended);
  });

  // A confirmation holds for the judged form: a change removes the verdict, its button and the typed number, drops late
  // answers, and asks again.
  const changes = new WeakMap();
  const asked = new WeakMap();
  const timers = new WeakMap();

  function outdate(event) {
    const form = event.target.closest("form[data-judged]");
    if (!form || !event.target.closest(".judged")) return;
    const isTyped = event.type === "input" && event.target.matches("textarea, input:not([type=checkbox], [type=radio], [type=file])");
    judge(form, isTyped ? 600 : 50, event.target);
  }
  const changed = "Something was changed, and is looked at again.";
  function judge(form, delay, by) {
    changes.set(form, (changes.get(form) || 0) + 1);
    htmx.trigger(form, "htmx:abort");
    const verdict = form.querySelector(form.dataset.judged);
    // Decisions about bad rows stand in the verdict and go with the next question; those about single rows end with the list.
    if (!by || !verdict.contains(by)) {
      const isOtherList = by && by.closest("section")?.contains(verdict);
      const decided = [...verdict.querySelectorAll("input:checked, input[data-decided]")]
        .filter((each) => !(isOtherList && each.name.startsWith("choice-")))
        .map(({ name, value }) => Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      for (const each of decided) each.dataset.decided = "";
      verdict.replaceChildren(Object.assign(document.createElement("p"), { className: "quiet", textContent: changed }), ...decided);
    }
    const bar = form.querySelector("[data-bar]");
    if (bar) {
      for (const each of bar.querySelectorAll("input, .field")) each.remove();
      for (const each of bar.querySelectorAll("button")) each.disabled = true;
      bar.querySelector(".told").textContent = changed;
    }
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => htmx.trigger(form, "judge"), delay));
  }
  for (const kind of ["input", "change"]) document.addEventListener(kind, outdate, true);
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt.closest("form[data-judged]");
    if (form) asked.set(event.detail.xhr, changes.get(form) || 0);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const form = event.detail.target.closest("form[data-judged]");
    const before = asked.get(event.detail.xhr);
    if (form && before !== undefined && before !== (changes.get(form) || 0)) event.detail.shouldSwap = false;
  });
  // A browser refuses to send a file that was changed since it was chosen.
  document.addEventListener("htmx:sendError", async (event) => {
    const form = event.detail.elt.closest("form[data-judged]");
    if (!form) return;
    const change = changes.get(form);
    const file = form.querySelector("input[type=file]");
    const isReadable = !file?.files.length || await file.files[0].slice(0, 1).arrayBuffer().then(() => true, () => false);
    if (changes.get(form) !== change) return;
    // Emptied, so that choosing the same file again is a change.
    if (!isReadable) file.value = "";
    form.querySelector(form.dataset.judged).replaceChildren(Object.assign(document.createElement("p"), {
      className: `notice bad${isReadable && event.detail.requestConfig.path.endsWith("/verdict") ? " unsent" : ""}`, role: "alert", textContent: isReadable
        ? "Muster does not answer. If this was a submit, look first whether the job is listed; to look again, change anything here."
        : "Nothing was done: the file was changed or removed since it was chosen. Choose it again.",
    }));
  });
  // Choices that the browser restores have no verdict.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-judged][data-upload]")) {
      const file = form.querySelector("input[type=file]");
      if ("filled" in form.dataset || file.files.length || (form.querySelector("input[type=radio]:checked") && !form.querySelector("[data-acts]"))) {
        if (file.files.length) file.dispatchEvent(new Event("change", { bubbles: true }));
        else judge(form, 0);
      }
    }
  });
  // Enter would press the first button, a download.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("form[data-upload][data-judged] input")) return;
    event.preventDefault();
    if (event.target.id === "confirmed") event.target.form.querySelector("[data-acts]")?.click();
  });
  // A change of the form asks for the number again.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-asks]");
    const place = form && form.querySelector(form.dataset.asks);
    if (place && !place.contains(event.target)) place.replaceChildren();
  });

  async function copy(button) {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C";
      const range = document.createRange();
      range.selectNodeContents(button.parentElement.querySelector("code"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
    setTimeout(() => { button.textContent = said; }, 1500);
  }

  // A later page of the list is not replaced by the first, nor a selected row by one that is not.
  const isHeld = () => document.querySelectorAll("#target-rows table").length > 1 || document.querySelector("#target-rows .pick input:checked");
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("[data-follows]") && isHeld()) event.preventDefault();
  });
  // The row was selected while the answer was on its way.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig?.elt.matches("[data-follows]") && isHeld()) event.detail.shouldSwap = false;
  });

  // The device list: chosen or dropped.
  function ready(form) {
    const zone = form.querySelector("[data-drop]");
    const input = zone.querySelector("input[type=file]");
    if (zone.dataset.ready) return;
    zone.dataset.ready = "";
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
    }
    for (const kind of ["dragleave", "drop"]) {
      zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.remove("over"); });
    }
    zone.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    input.addEventListener("change", () => {
      const file = input.files[0];
      zone.querySelector("[data-name]").textContent = file ? `${file.name}, ${size(file.size)}` : "";
    });
  }

  function size(bytes) {
    const units = ["bytes", "kB", "MB", "GB"];
    let unit = 0;
    while (bytes >= 1000 && unit < 3) { bytes /= 1000; unit += 1; }
    return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
  }
})();
