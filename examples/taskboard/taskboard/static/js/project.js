// One open project: its header, board, members, activity and chat.

import { attempt, avatar, debounced, h, onSubmit, turns, when, $ } from "./dom.js";
import { download, get, patch, post, remove } from "./api.js";
import { Board } from "./board.js";
import { ActivityFeed, Room } from "./live.js";
import { fillAssignees, openTask } from "./task.js";

const HISTORY = 30;

let current = null;
const opening = turns();

export class Project {
  #states = { feed: false, room: false };

  constructor(me, details, onProjects) {
    this.me = me;
    this.details = details;
    this.onProjects = onProjects;
    this.board = new Board(details, (task) => this.edit(task));
    this.reload = debounced(200, () => attempt(() => this.#reloadDetails()));
  }

  static async open(me, id, onProjects) {
    Project.close();
    const isNewest = opening();
    const details = await get(`/projects/${id}`);
    // Another project was opened meanwhile, or nobody is here any more.
    if (!isNewest()) return;
    current = new Project(me, details, onProjects);
    await current.#show();
  }

  static close() {
    opening();
    current?.board.stop();
    current?.feed?.stop();
    current?.room?.stop();
    current = null;
    for (const id of ["board", "side", "live"]) $(id).hidden = true;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  get path() {
    return `/projects/${this.details.id}`;
  }

  async #show() {
    this.#header();
    $("activity").replaceChildren();
    $("messages").replaceChildren();
    $("online").textContent = "";
    for (const id of ["board", "side", "live"]) $(id).hidden = false;
    this.#state({});
    const [, , history] = await Promise.all([
      this.board.load(),
      this.#members(),
      get(`${this.path}/activity`, { limit: HISTORY }),
    ]);
    if (current !== this) return;
    const after = history.items[0]?.seq ?? 0;
    for (const entry of history.items.reverse()) this.#activity(entry, false);
    this.feed = new ActivityFeed(
      this.details.id,
      after,
      (entry) => this.#happened(entry),
      (feed) => this.#state({ feed }),
    );
    this.room = new Room(this.details.id, {
      onMessage: (message) => this.#message(message),
      onPresence: (online) => ($("online").textContent = `${online.map((user) => user.name).join(", ")} online`),
      onError: (detail) => attempt(() => Promise.reject(new Error(detail))),
      onState: (room) => this.#state({ room }),
    });
    this.feed.start();
    this.room.start();
  }

  #state(change) {
    if (current !== this) return;
    if (change.feed === null) this.reload();
    Object.assign(this.#states, change);
    const on = this.#states.feed && this.#states.room;
    $("live").classList.toggle("on", on);
    $("live").querySelector(".text").textContent = on ? "Live" : "Connecting";
  }

  #header() {
    const { name, description, role } = this.details;
    $("project-name").textContent = name;
    $("project-description").textContent = description;
    $("edit-project").hidden = role !== "owner";
    $("add-member").hidden = role !== "owner";
  }

  async #reloadDetails() {
    const details = await get(this.path).catch((problem) => problem);
    if (current !== this) return;
    if (details instanceof Error) {
      // Deleted, or this user was removed.
      location.hash = "#/";
      throw details;
    }
    this.details = details;
    this.#header();
    await this.#members();
    this.onProjects();
  }

  async #members() {
    this.members = await get(`${this.path}/members`);
    if (current !== this) return;
    fillAssignees(this.members);
    $("members").replaceChildren(...this.members.slice(0, 6).map(({ user }) => avatar(user)));
    $("member-list").replaceChildren(...this.members.map((member) => this.#member(member)));
  }

  #member({ user, role }) {
    const mine = user.id === this.me.id;
    const may = role !== "owner" && (mine || this.details.role === "owner");
    const leave = () =>
      attempt(async () => {
        await remove(`${this.path}/members/${user.id}`);
        await this.#reloadDetails();
      });
    return h(
      "li",
      {},
      avatar(user),
      h("span", { className: "name" }, user.name, mine ? " (you)" : ""),
      h("span", { className: "quiet" }, role === "owner" ? "Owner" : "Member"),
      may && h("button", { type: "button", className: "danger", "aria-label": mine ? "Leave" : `Remove ${user.name}`, onclick: leave }, mine ? "Leave" : "Remove"),
    );
  }

  #happened(entry) {
    this.#activity(entry, true);
    this.board.refresh();
    this.reload();
  }

  #activity(entry, fresh) {
    const item = h("li", { className: fresh ? "new" : "" }, entry.summary, " ", when(entry.created_at));
    $("activity").prepend(item);
  }

  #message({ text, author, created_at: at }) {
    const mine = author?.id === this.me.id;
    const by = h("p", { className: "by" }, mine ? "" : `${author?.name ?? "Somebody"} `, when(at));
    const list = $("messages");
    list.append(h("li", { className: mine ? "mine" : "" }, by, h("p", { className: "bubble" }, text)));
    list.scrollTop = list.scrollHeight;
  }

  edit(task) {
    openTask(this.details, task, () => this.board.refresh());
  }
}

$("new-task").addEventListener("click", () => current.edit(null));
$("export").addEventListener("click", () => attempt(() => download(`${current.path}/tasks.csv`)));
$("edit-members").addEventListener("click", () => $("members-dialog").showModal());
$("edit-project").addEventListener("click", () => {
  const form = $("project-form");
  form.elements.name.value = current.details.name;
  form.elements.description.value = current.details.description;
  form.querySelector(".error").hidden = true;
  $("project-dialog").showModal();
});

onSubmit($("project-form"), async () => {
  await patch(current.path, Object.fromEntries(new FormData($("project-form"))));
  $("project-dialog").close();
  current.reload();
});

$("delete-project").addEventListener("click", () => {
  if (!confirm(`Delete \u201c${current.details.name}\u201d with all tasks and files?`)) return;
  attempt(async () => {
    await remove(current.path);
    const { onProjects } = current;
    location.hash = "#/";
    onProjects();
  });
});

onSubmit($("add-member"), async () => {
  await post(`${current.path}/members`, Object.fromEntries(new FormData($("add-member"))));
  $("add-member").reset();
  current.reload();
});

onSubmit($("say"), async () => {
  const input = $("say").elements.text;
  if (input.value.trim()) current.room.say(input.value);
  input.value = "";
});
