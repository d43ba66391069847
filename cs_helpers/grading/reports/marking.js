"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const items = data.items, prefix = `course-marks:${data.session}:`;
  const $ = id => document.getElementById(id);
  const articles = [...document.querySelectorAll("article[data-item]")];
  const sides = [...document.querySelectorAll("[data-task]")];
  let here = 0, line = 0, typed = null, store = null, memory = {};
  try { store = window.localStorage; store.setItem(prefix + "test", "1"); store.removeItem(prefix + "test"); }
  catch { store = null; $("trouble").hidden = false; }

  const keyOf = item => prefix + JSON.stringify([item.submission, item.task, item.answer]);
  function mark(item) {
    const kept = store ? store.getItem(keyOf(item)) : memory[keyOf(item)];
    if (kept) { try { return JSON.parse(kept); } catch { /* damaged: as if it were not there */ } }
    const merged = item.mark;
    return merged ? { points: [...merged.points], comment: merged.comment, grader: merged.grader, stale: merged.stale }
      : { points: item.most.map(() => null), comment: "", grader: "" };
  }
  function keep(item, changed) {
    changed.grader = $("grader").value.trim();
    delete changed.stale;
    const text = JSON.stringify(changed);
    memory[keyOf(item)] = text;
    if (store) { try { store.setItem(keyOf(item), text); } catch { $("trouble").hidden = false; } }
    draw();
  }
  const decided = m => m.points.every(p => p !== null);
  const total = m => m.points.reduce((sum, p) => sum + (p ?? 0), 0);
  const shown = value => value === null ? "–" : String(value);

  function draw() {
    const item = items[here], now = mark(item);
    articles.forEach((article, i) => { article.hidden = i !== here; });
    sides.forEach(side => { side.hidden = side.dataset.task !== item.task; });
    let done = 0;
    [...$("list").children].forEach((button, i) => {
      const m = mark(items[i]);
      const state = m.stale ? "stale" : decided(m) ? "done" : "open";
      done += decided(m) ? 1 : 0;
      button.className = state;
      button.setAttribute("aria-current", i === here);
      const some = m.points.some(p => p !== null);
      button.lastElementChild.textContent = m.stale ? `${total(m)} stale` : some ? total(m) + (decided(m) ? "" : " …") : items[i].empty ? "empty" : "·";
    });
    $("list").children[here].scrollIntoView({ block: "nearest" });
    $("progress").max = items.length; $("progress").value = done;
    $("count").textContent = `${done} of ${items.length} marked`;
    const rubric = document.querySelector(`[data-task="${item.task}"] .rubric`);
    [...rubric.children].forEach((row, i) => {
      row.classList.toggle("here", i === line);
      row.querySelector("b").textContent = shown(now.points[i]);
    });
    $("total").textContent = `${total(now)} of ${item.most.reduce((a, b) => a + b, 0)}${decided(now) ? "" : ", not complete"}`;
    $("stale").hidden = !now.stale;
    if (document.activeElement !== $("comment")) $("comment").value = now.comment;
  }
  function go(to) {
    if (to < 0 || to >= items.length) return;
    $("comment").blur();
    here = to; line = 0;
    const open = mark(items[here]).points.indexOf(null);
    if (open > 0) line = open;
    draw();
    window.scrollTo(0, 0);
    $("side").scrollTo(0, 0);
  }
  function set(value) {
    const item = items[here], now = mark(item);
    if (value !== null && value > item.most[line]) {
      say(`at most ${item.most[line]} for this line`);
      return false;
    }
    now.points[line] = value;
    keep(item, now);
    return true;
  }
  function half() {
    // "3" "." is 3.5: the line that was just typed, although the next one is waiting already.
    const waiting = line;
    if (typed !== null) line = typed;
    const value = mark(items[here]).points[line];
    set(value !== null && value % 1 ? Math.floor(value) : (value ?? 0) + 0.5);
    line = waiting;
    draw();
  }
  function say(text) { $("said").textContent = text; clearTimeout(say.timer); say.timer = setTimeout(() => { $("said").textContent = ""; }, 4000); }
  function nextOpen() {
    for (let step = 1; step <= items.length; step++) {
      const i = (here + step) % items.length;
      if (!decided(mark(items[i])) || mark(items[i]).stale) return go(i);
    }
    say("all are marked");
  }

  const field = text => {
    const safe = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  function csv() {
    const most = data.columns.filter(name => name.startsWith("points")).length;
    const lines = [data.columns.join(",")];
    const keys = store ? Object.keys(store).filter(key => key.startsWith(prefix)) : Object.keys(memory);
    for (const key of keys.sort()) {
      const [submission, task, answer] = JSON.parse(key.slice(prefix.length));
      const m = JSON.parse(store ? store.getItem(key) : memory[key]);
      if (!m.comment && m.points.every(p => p === null)) continue;
      const points = Array.from({ length: most }, (_, i) => m.points[i] ?? "");
      lines.push([data.session, submission, task, answer, ...points, m.comment, m.grader].map(x => field(String(x))).join(","));
    }
    return lines;
  }
  function download() {
    const lines = csv(), link = document.createElement("a");
    if (lines.length === 1) { say("nothing is marked yet"); return; }
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    const grader = $("grader").value.trim().replace(/[^A-Za-z0-9_-]+/g, "_");
    link.download = `marks-${data.session.slice(0, 8)}${grader ? "-" + grader : ""}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`${lines.length - 1} answers in ${link.download}, from all pages of this session in this browser`);
  }

  document.addEventListener("keydown", event => {
    const typing = ["INPUT", "TEXTAREA"].includes(document.activeElement.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing) { if (event.key === "Escape") { document.activeElement.blur(); draw(); } return; }
    const item = items[here], lines = item.most.length, key = event.key;
    if (key === "Enter" && document.activeElement.tagName === "BUTTON") return;
    const actions = {
      j: () => go(here + 1), ArrowRight: () => go(here + 1), k: () => go(here - 1), ArrowLeft: () => go(here - 1),
      ArrowDown: () => { line = Math.min(line + 1, lines - 1); draw(); },
      ArrowUp: () => { line = Math.max(line - 1, 0); draw(); },
      ".": half,
      Backspace: () => set(null), Delete: () => set(null),
      f: () => { const now = mark(item); now.points = [...item.most]; keep(item, now); },
      c: () => $("comment").focus(), n: () => document.body.classList.toggle("names-hidden"),
      Enter: nextOpen, d: download,
    };
    if (key !== ".") typed = null;
    if (/^\d$/.test(key)) { if (set(Number(key))) { typed = line; line = Math.min(line + 1, lines - 1); draw(); } }
    else if (actions[key]) actions[key]();
    else return;
    event.preventDefault();
  });
  $("comment").addEventListener("input", () => { const now = mark(items[here]); now.comment = $("comment").value; keep(items[here], now); });
  $("comment").maxLength = data.longest;
  [...$("list").children].forEach((button, i) => button.addEventListener("click", () => { go(i); button.blur(); }));
  document.querySelectorAll(".criterion").forEach(row => row.addEventListener("click", () => { line = [...row.parentElement.children].indexOf(row); draw(); }));
  $("download").addEventListener("click", () => { download(); $("download").blur(); });
  try { $("grader").value = store ? store.getItem("course-marks-grader") ?? "" : ""; } catch { /* asked again */ }
  $("grader").addEventListener("input", () => { if (store) store.setItem("course-marks-grader", $("grader").value); });
  window.addEventListener("storage", draw);
  document.body.classList.add("live");
  go(0);
})();
