// The three columns with their filters.

import { attempt, avatar, debounced, h, shortDate, turns, $ } from "./dom.js";
import { get, patch } from "./api.js";

const PAGE = 20;
const MOST = 100;
const STATUSES = { todo: "To do", doing: "In progress", done: "Done" };
const ORDER = Object.keys(STATUSES);
const filters = $("filters");

export class Board {
  #shown = Object.fromEntries(ORDER.map((status) => [status, PAGE]));
  #loading = turns();
  #stopped = false;

  constructor(project, onOpen) {
    this.project = project;
    this.onOpen = onOpen;
    this.refresh = debounced(120, () => attempt(() => this.load()));
    filters.reset();
    filters.oninput = filters.onchange = this.refresh;
    filters.onreset = () => setTimeout(this.refresh);
    filters.onsubmit = (event) => event.preventDefault();
    $("columns").replaceChildren(...ORDER.map((status) => this.#column(status)));
  }

  #column(status) {
    const column = h(
      "section",
      { className: "column", data: { status }, "aria-label": STATUSES[status] },
      h("h2", {}, h("span", { className: "dot" }), STATUSES[status], h("span", { className: "count" })),
      h("div", { className: "scroll" }),
    );
    column.addEventListener("dragover", (event) => {
      event.preventDefault();
      column.classList.add("over");
    });
    column.addEventListener("dragleave", () => column.classList.remove("over"));
    column.addEventListener("drop", (event) => {
      event.preventDefault();
      column.classList.remove("over");
      const id = event.dataTransfer.getData("application/x-task");
      if (id) this.#move(id, status);
    });
    return column;
  }

  #move(id, status) {
    return attempt(async () => {
      await patch(`/tasks/${id}`, { status });
      await this.load();
    });
  }

  stop() {
    this.#stopped = true;
  }

  async load() {
    const isNewest = this.#loading();
    const wanted = Object.fromEntries(new FormData(filters));
    const pages = await Promise.all(
      ORDER.map((status) =>
        get(`/projects/${this.project.id}/tasks`, { ...wanted, status, limit: this.#shown[status] }),
      ),
    );
    // A slower answer to an older question must not win, nor one for a board that others took the place of.
    if (this.#stopped || !isNewest()) return;
    pages.forEach((page, n) => this.#fill(ORDER[n], page));
  }

  async #more(status, offset) {
    if (offset < MOST) {
      this.#shown[status] = Math.min(offset + PAGE, MOST);
      return this.load();
    }
    const wanted = Object.fromEntries(new FormData(filters));
    const page = await get(`/projects/${this.project.id}/tasks`, { ...wanted, status, offset, limit: PAGE });
    if (this.#stopped) return;
    const scroll = document.querySelector(`.column[data-status=${status}] .scroll`);
    scroll.querySelector(".more")?.remove();
    scroll.append(...page.items.map((task) => this.#card(task)), this.#moreButton(status, page) ?? "");
  }

  #moreButton(status, page) {
    const next = page.offset + page.items.length;
    if (next >= page.total) return null;
    const label = `Show more (${page.total - next})`;
    return h("button", { type: "button", className: "link more", onclick: () => attempt(() => this.#more(status, next)) }, label);
  }

  #fill(status, page) {
    const column = document.querySelector(`.column[data-status=${status}]`);
    column.querySelector(".count").textContent = page.total;
    const cards = page.items.map((task) => this.#card(task));
    const more = this.#moreButton(status, page);
    if (!cards.length) cards.push(h("p", { className: "none" }, "Nothing here."));
    const scroll = column.querySelector(".scroll");
    const focused = document.activeElement?.closest?.(".task")?.dataset.id;
    const position = scroll.scrollTop;
    scroll.replaceChildren(...cards, ...(more ? [more] : []));
    scroll.scrollTop = position;
    if (focused) scroll.querySelector(`[data-id="${focused}"] .open`)?.focus({ preventScroll: true });
  }

  #card(task) {
    const late = task.due_on && task.status !== "done" && task.due_on < new Date().toLocaleDateString("sv");
    const step = (by, sign, label) => {
      const to = ORDER[ORDER.indexOf(task.status) + by];
      if (!to) return null;
      const name = `${label} to ${STATUSES[to]}`;
      const onclick = () => this.#move(task.id, to);
      return h("button", { type: "button", className: "icon move", title: name, "aria-label": name, onclick }, sign);
    };
    const card = h(
      "article",
      { className: "task", draggable: true, data: { id: task.id, status: task.status } },
      h("button", { type: "button", className: "open", onclick: () => this.onOpen(task) }, task.title),
      h(
        "div",
        { className: "facts" },
        task.priority !== "normal" && h("span", { className: `chip ${task.priority}` }, task.priority === "high" ? "High" : "Low"),
        task.due_on && h("span", { className: `chip ${late ? "late" : ""}` }, `${late ? "Late: " : ""}${shortDate(task.due_on)}`),
        task.attachment_count > 0 && h("span", {}, task.attachment_count === 1 ? "1 file" : `${task.attachment_count} files`),
        h(
          "span",
          { className: "acts" },
          step(-1, "\u2190", "Move back"),
          step(1, "\u2192", "Move on"),
          task.assignee && avatar(task.assignee),
        ),
      ),
    );
    card.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("application/x-task", task.id);
      event.dataTransfer.effectAllowed = "move";
      card.classList.add("dragged");
    });
    card.addEventListener("dragend", () => card.classList.remove("dragged"));
    return card;
  }
}
