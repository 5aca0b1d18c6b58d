// Small helpers for the page. Text always goes in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export function avatar(user) {
  const initials = user.name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  const element = h("span", { className: "avatar", title: user.name, role: "img", "aria-label": user.name }, initials);
  element.style.setProperty("--hue", (user.id * 67) % 360);
  return element;
}

export function toast(text) {
  const element = h("p", { className: "toast" }, text);
  const list = $("toasts");
  list.append(element);
  // Shown anew, it comes out above a dialog that was opened in between.
  list.hidePopover();
  list.showPopover();
  setTimeout(() => {
    element.remove();
    if (!list.children.length) list.hidePopover();
  }, 6000);
}

/** Run `work` for a form: no double submission, and its problem is shown in the form or as a toast. */
export async function submit(form, work) {
  const error = form.querySelector(".error");
  const button = form.querySelector("[type=submit]");
  if (error) error.hidden = true;
  button.disabled = true;
  try {
    await work();
  } catch (problem) {
    if (error) {
      error.textContent = problem.message;
      error.hidden = false;
    } else toast(problem.message);
  } finally {
    button.disabled = false;
  }
}

export function onSubmit(form, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, work);
  });
}

/** Show the problem of an action that has no form. */
export const attempt = (work) => work().catch((problem) => toast(problem.message));

export function debounced(milliseconds, work) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

/** Takes turns: each call makes the turns before it outdated, and returns whether its own still is the newest. */
export function turns() {
  let newest = 0;
  return () => {
    const turn = ++newest;
    return () => turn === newest;
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function when(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return h("time", { dateTime: iso, title: date.toLocaleString() }, (today ? clock : day).format(date));
}

const fullDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export function shortDate(isoDay) {
  const date = new Date(`${isoDay}T00:00`);
  return (date.getFullYear() === new Date().getFullYear() ? day : fullDay).format(date);
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} kB`;
  return `${(count / 1024 ** 2).toFixed(1)} MB`;
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
