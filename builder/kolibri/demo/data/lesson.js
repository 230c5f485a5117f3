// The machinery of every lesson: three pages (read, try, questions) made from LESSON, which content.js sets.
// No library, no network: it must work for years inside Kolibri's frame on any browser with ES2017.
"use strict";

const page = document.getElementById("page");
const say = LESSON.say;
const random = (low, high) => low + Math.floor(Math.random() * (high - low + 1));
const pick = (list) => list[random(0, list.length - 1)];
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function shuffled(list) {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random(0, i);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

function add(parent, tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

function drawing(width, height, inner) {
  const holder = document.createElement("div");
  holder.innerHTML = `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" aria-hidden="true">${inner}</svg>`;
  return holder.firstChild;
}

// A task is {ask, picture?, choices: [label], right: index, look?: "short" | "grid", flag?: index}.

function count() {
  const n = random(3, LESSON.limit);
  let inner = "";
  for (let i = 0; i < n; i++) inner += `<circle cx="${30 + 50 * (i % 5)}" cy="${30 + 50 * Math.floor(i / 5)}" r="19" fill="#ee8126"/>`;
  return numbers(say.count, n, [n - 1, n + 1, n + 2], drawing(260, 10 + 50 * Math.ceil(n / 5), inner));
}

function numbers(ask, right, others, picture) {
  const choices = [...new Set([right, ...others.filter((n) => n >= 0)])].sort((a, b) => a - b);
  return { ask, picture, choices: choices.map(String), right: choices.indexOf(right), look: "short" };
}

function arithmetic(text, right) {
  return numbers(`${say.arithmetic}  ${text} = ?`, right, [right + pick([1, 2]), right - pick([1, 2]), right + 10]);
}

function sum() {
  const total = random(5, LESSON.limit);
  const part = random(1, total - 1);
  return pick([true, false]) ? arithmetic(`${total - part} + ${part}`, total) : arithmetic(`${total} - ${part}`, total - part);
}

function product() {
  const a = random(2, 10), b = random(2, 10);
  return numbers(`${say.arithmetic}  ${a} x ${b} = ?`, a * b, [a * b + a, a * b - b, a * b + 10]);
}

function fraction() {
  const all = [[1, 2], [1, 3], [2, 3], [1, 4], [3, 4]];
  const [part, whole] = pick(all);
  let inner = "";
  for (let i = 0; i < whole; i++) {
    const at = (k) => `${100 + 90 * Math.sin(2 * Math.PI * k / whole)} ${100 - 90 * Math.cos(2 * Math.PI * k / whole)}`;
    inner += `<path d="M100 100 L${at(i)} A90 90 0 0 1 ${at(i + 1)} Z" fill="${i < part ? "#ee8126" : "#fff"}" stroke="#263238" stroke-width="3"/>`;
  }
  const right = `${part}/${whole}`;
  const choices = [right, ...shuffled(all.map((f) => f.join("/")).filter((f) => f !== right)).slice(0, 2)].sort();
  return { ask: say.fraction, picture: drawing(200, 200, inner), choices, right: choices.indexOf(right), look: "short" };
}

function clock() {
  const hour = random(1, 12), minute = pick([0, 15, 30, 45]);
  const time = (h, m) => `${(h + 11) % 12 + 1}:${String(m).padStart(2, "0")}`;
  const hand = (turn, length, width, colour) =>
    `<line x1="110" y1="110" x2="${110 + length * Math.sin(2 * Math.PI * turn)}" y2="${110 - length * Math.cos(2 * Math.PI * turn)}" stroke="${colour}" stroke-width="${width}" stroke-linecap="round"/>`;
  let inner = `<circle cx="110" cy="110" r="104" fill="#fff" stroke="#263238" stroke-width="6"/>`;
  for (let n = 1; n <= 12; n++) {
    inner += `<text x="${110 + 84 * Math.sin(Math.PI * n / 6)}" y="${117 - 84 * Math.cos(Math.PI * n / 6)}" text-anchor="middle" font-size="20">${n}</text>`;
  }
  inner += hand((hour + minute / 60) / 12, 48, 9, "#c83c34") + hand(minute / 60, 72, 5, "#2979b7");
  const right = time(hour, minute);
  const choices = shuffled([right, time(hour + 1, minute), time(hour, (minute + 30) % 60)]);
  return { ask: say.clock, picture: drawing(220, 220, inner), choices, right: choices.indexOf(right), look: "short" };
}

function match(turn) {
  const [term, meaning] = LESSON.words[turn % LESSON.words.length];
  const choices = shuffled(LESSON.words.map((pair) => pair[0]));
  return { ask: `${say.match}  ${meaning}`, choices, right: choices.indexOf(term) };
}

function grid() {
  const from = [random(0, 4), random(0, 4)], to = [random(0, 4), random(0, 4)];
  while (to[0] === from[0]) to[0] = random(0, 4);
  while (to[1] === from[1]) to[1] = random(0, 4);
  const go = (distance, ahead, back) => fill(distance > 0 ? say[ahead] : say[back], { n: Math.abs(distance) });
  const ask = fill(say.grid, { a: go(to[0] - from[0], "south", "north"), b: go(to[1] - from[1], "east", "west") });
  const flag = 5 * from[0] + from[1];
  const choices = Array.from({ length: 25 }, (_, cell) => (cell === flag ? "\u2691" : ""));
  return { ask, choices, right: 5 * to[0] + to[1], look: "grid", flag };
}

const MAKERS = { count, add: sum, times: product, fraction, clock, match, grid };

// Show a task; resolves with whether the first tap was right, once the right choice has been found.
function show(task) {
  page.replaceChildren();
  add(page, "p", task.ask, { class: "ask" });
  if (task.picture) page.append(task.picture);
  const choices = add(page, "div", "", { class: `choices ${task.look || ""}` });
  const said = add(page, "p", "", { class: "said", role: "status" });
  let first = true;
  return new Promise((resolve) => {
    task.choices.forEach((label, index) => {
      const button = add(choices, "button", label);
      if (task.look === "grid") button.setAttribute("aria-label", `${Math.floor(index / 5) + 1}, ${index % 5 + 1} ${label}`);
      if (index === task.flag) button.disabled = true;
      button.onclick = () => {
        button.disabled = true;
        if (index !== task.right) {
          first = false;
          button.className = "wrong";
          said.textContent = say.not_yet;
          return;
        }
        button.className = "right";
        said.textContent = say.well_done;
        for (const other of choices.children) other.disabled = true;
        const next = add(page, "button", say.next);
        next.onclick = () => resolve(first);
        next.focus();
      };
    });
  });
}

let visit = 0; // counts page changes, so that a round that was left does not write over the new page

async function play(tasks, again) {
  const mine = ++visit;
  let right = 0;
  for (const task of tasks) {
    const first = await show(task);
    if (mine !== visit) return;
    if (first) right++;
  }
  page.replaceChildren();
  add(page, "p", fill(say.score, { right, total: tasks.length }), { class: "ask" });
  add(page, "button", say.again).onclick = again;
}

function order() {
  ++visit;
  page.replaceChildren();
  add(page, "p", say.order, { class: "ask" });
  const choices = add(page, "div", "", { class: "choices" });
  const said = add(page, "p", "", { class: "said", role: "status" });
  let done = 0;
  for (const step of shuffled(LESSON.steps)) {
    const button = add(choices, "button", step);
    button.onclick = () => {
      if (step !== LESSON.steps[done]) {
        said.textContent = say.not_yet;
        return;
      }
      done++;
      button.textContent = `${done}. ${step}`;
      button.className = "right";
      button.disabled = true;
      choices.insertBefore(button, choices.children[done - 1]);
      said.textContent = done === LESSON.steps.length ? say.well_done : "";
      if (done === LESSON.steps.length) add(page, "button", say.again).onclick = order;
    };
  }
}

function read() {
  ++visit;
  page.replaceChildren();
  add(page, "img", "", { src: "picture.png", alt: "" });
  add(page, "p", LESSON.summary, { class: "summary" });
  for (const paragraph of LESSON.text) add(page, "p", paragraph);
  if (LESSON.words.length) {
    add(page, "h2", say.new_words);
    const list = add(page, "dl");
    for (const [term, meaning] of LESSON.words) {
      add(list, "dt", term);
      add(list, "dd", meaning);
    }
  }
  if (LESSON.steps.length) {
    add(page, "h2", say.steps);
    const list = add(page, "ol");
    for (const step of LESSON.steps) add(list, "li", step);
  }
}

function tryIt() {
  if (LESSON.activity === "order") return order();
  const rounds = LESSON.activity === "match" ? LESSON.words.length : 5;
  return play(Array.from({ length: rounds }, (_, turn) => MAKERS[LESSON.activity](turn)), tryIt);
}

function questions() {
  const tasks = LESSON.quiz.map(([ask, ...answers]) => {
    const choices = shuffled(answers);
    return { ask, choices, right: choices.indexOf(answers[0]) };
  });
  return play(tasks, questions);
}

const tabs = document.getElementById("tabs");
const PAGES = { read, try: tryIt, quiz: questions };
function open(name) {
  for (const tab of tabs.children) {
    if (tab.id === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  PAGES[name]();
}
for (const name of Object.keys(PAGES)) add(tabs, "button", say[name], { id: name }).onclick = () => open(name);
open(PAGES[location.hash.slice(1)] ? location.hash.slice(1) : "read");
