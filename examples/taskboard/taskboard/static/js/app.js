// Start of the page: who is here, which project is open, and the list of projects.

import { debounced, h, onSubmit, attempt, toast, turns, $ } from "./dom.js";
import { get, logIn, post, session } from "./api.js";
import { Project } from "./project.js";

const PAGE = 30;
const THEMES = { system: "\u25D0", light: "\u2600", dark: "\u263E" };

let me = null;
let shown = PAGE;
const listing = turns();

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = THEMES[theme];
  $("theme").setAttribute("aria-label", `Colour theme: ${theme}`);
  $("theme").title = `Colour theme: ${theme}`;
}

$("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const theme = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
  localStorage.setItem("taskboard-theme", theme);
  showTheme(theme);
});

function openProjectId() {
  const match = location.hash.match(/^#\/projects\/(\d+)$/);
  return match ? Number(match[1]) : null;
}

async function listProjects() {
  const isNewest = listing();
  const page = await get("/projects", { q: $("project-search").value.trim(), limit: Math.min(shown, 100) });
  // A slower answer to an older question must not win, and nobody sees the list of who was here before.
  if (!isNewest()) return;
  const open = openProjectId();
  $("project-list").replaceChildren(
    ...page.items.map((project) => {
      const left = project.task_counts.todo + project.task_counts.doing;
      const count = h("span", { className: "count", title: `${left} open tasks` }, left || "");
      const link = h("a", { href: `#/projects/${project.id}` }, project.name, count);
      if (project.id === open) link.setAttribute("aria-current", "page");
      return h("li", {}, link);
    }),
  );
  $("more-projects").hidden = page.total <= page.items.length || shown >= 100;
}

const refreshProjects = debounced(150, () => me && attempt(listProjects));

async function route() {
  const id = openProjectId();
  $("empty").hidden = id !== null;
  refreshProjects();
  if (id === null) {
    Project.close();
    return;
  }
  const visitor = me;
  try {
    await Project.open(me, id, refreshProjects);
  } catch (problem) {
    if (visitor !== me || id !== openProjectId()) return;
    toast(problem.message);
    location.hash = "#/";
  }
}

async function enter() {
  me = await get("/auth/me");
  $("who").textContent = me.name;
  for (const id of ["who", "log-out", "desk"]) $(id).hidden = false;
  $("welcome").hidden = true;
  await route();
}

function showForm(shownId) {
  for (const id of ["log-in", "register"]) $(id).hidden = id !== shownId;
}

function leave() {
  me = null;
  session.token = null;
  listing();
  shown = PAGE;
  $("project-search").value = "";
  $("project-list").replaceChildren();
  $("more-projects").hidden = true;
  Project.close();
  for (const id of ["who", "log-out", "desk"]) $(id).hidden = true;
  $("welcome").hidden = false;
  showForm("log-in");
}

session.onExpired = () => {
  leave();
  toast("Please log in again.");
};

onSubmit($("log-in"), async () => {
  const form = $("log-in");
  await logIn(form.elements.username.value, form.elements.password.value);
  form.reset();
  await enter();
});

onSubmit($("register"), async () => {
  const form = $("register");
  const person = Object.fromEntries(new FormData(form));
  await post("/auth/register", person);
  await logIn(person.email, person.password);
  form.reset();
  await enter();
});

for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    showForm(button.dataset.show);
    $(button.dataset.show).querySelector("input").focus();
  });
}

onSubmit($("new-project"), async () => {
  const form = $("new-project");
  const project = await post("/projects", { name: form.elements.name.value });
  form.reset();
  location.hash = `#/projects/${project.id}`;
});

$("log-out").addEventListener("click", () => {
  leave();
  location.hash = "#/";
});
$("project-search").addEventListener("input", refreshProjects);
$("more-projects").addEventListener("click", () => {
  shown += PAGE;
  refreshProjects();
});
window.addEventListener("hashchange", () => me && route());

showTheme(localStorage.getItem("taskboard-theme") ?? "system");
if (session.token) enter().catch(leave);
else leave();
