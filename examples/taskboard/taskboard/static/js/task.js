// The dialog of one task, with its files.

import { attempt, bytes, h, onSubmit, when, $ } from "./dom.js";
import { download, get, patch, post, remove, upload } from "./api.js";

const dialog = $("task-dialog");
const form = $("task-form");
const files = $("upload");
const fields = ["title", "description", "status", "priority", "assignee_id", "due_on"];

let project;
let task = null;
let onChange = () => {};

/** Members come and go while somebody is choosing: what is chosen stays, and so does the list if it is the same. */
function refill(select, choices) {
  const same = [...select.options].map((o) => [o.value, o.text]).join("\n") === choices.join("\n");
  if (same) return;
  const chosen = select.value;
  select.replaceChildren(...choices.map(([value, text]) => h("option", { value }, text)));
  select.value = chosen;
  if (select.selectedIndex < 0) select.value = "";
}

export function fillAssignees(members) {
  const people = members.map(({ user }) => [user.id, user.name]);
  refill(form.elements.assignee_id, [["", "Nobody"], ...people]);
  refill($("filters").elements.assignee, [["", "Anybody"], ["me", "Me"], ["none", "Nobody"], ...people]);
}

export function openTask(ofProject, existing, changed) {
  project = ofProject;
  task = existing;
  onChange = changed;
  $("task-dialog-title").textContent = task ? "Task" : "New task";
  form.reset();
  files.reset();
  for (const error of dialog.querySelectorAll(".error")) error.hidden = true;
  const values = task ? { ...task, assignee_id: task.assignee?.id } : { status: "todo", priority: "normal" };
  for (const name of fields) form.elements[name].value = values[name] ?? "";
  $("delete-task").hidden = !task;
  $("files").hidden = !task;
  if (task) attempt(showFiles);
  dialog.showModal();
}

onSubmit(form, async () => {
  const values = Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));
  values.assignee_id = values.assignee_id ? Number(values.assignee_id) : null;
  values.due_on ||= null;
  if (task) await patch(`/tasks/${task.id}`, values);
  else await post(`/projects/${project.id}/tasks`, values);
  dialog.close();
  onChange();
});

$("delete-task").addEventListener("click", () => {
  if (!confirm(`Delete \u201c${task.title}\u201d and its files?`)) return;
  attempt(async () => {
    await remove(`/tasks/${task.id}`);
    dialog.close();
    onChange();
  });
});

async function showFiles() {
  const shown = task;
  const list = await get(`/tasks/${shown.id}/attachments`);
  if (shown !== task) return;
  $("file-list").replaceChildren(...list.map(row));
  if (!list.length) $("file-list").append(h("li", { className: "quiet" }, "No files yet."));
}

function row(file) {
  const by = file.uploaded_by ? `, ${file.uploaded_by.name}` : "";
  const about = h("small", {}, `${bytes(file.size)}${by}, `, when(file.created_at), file.note ? `: ${file.note}` : "");
  return h(
    "li",
    {},
    h("span", { className: "name" }, file.filename, about),
    h("button", { type: "button", "aria-label": `Download ${file.filename}`, onclick: () => attempt(() => download(`/attachments/${file.id}`)) }, "Download"),
    h("button", {
      type: "button",
      className: "danger icon",
      "aria-label": `Remove ${file.filename}`,
      onclick: () =>
        attempt(async () => {
          await remove(`/attachments/${file.id}`);
          await showFiles();
          onChange();
        }),
    }, "\u2715"),
  );
}

onSubmit(files, async () => {
  const { max_upload_bytes: most } = await get("/meta");
  const chosen = files.elements.file.files[0];
  if (chosen.size > most) throw new Error(`A file may have at most ${bytes(most)}.`);
  const progress = files.querySelector("progress");
  progress.value = 0;
  progress.hidden = false;
  try {
    await upload(`/tasks/${task.id}/attachments`, new FormData(files), (part) => (progress.value = part));
  } finally {
    progress.hidden = true;
  }
  files.reset();
  await showFiles();
  onChange();
});

get("/meta").then(
  (meta) => ($("upload-hint").textContent = `Up to ${bytes(meta.max_upload_bytes)} a file.`),
  () => {},
);
