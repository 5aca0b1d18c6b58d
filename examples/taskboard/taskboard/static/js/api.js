// Calls to the service. The token lives as long as the tab.

const TOKEN = "taskboard-token";

export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const session = {
  get token() {
    return sessionStorage.getItem(TOKEN);
  },
  set token(value) {
    if (value) sessionStorage.setItem(TOKEN, value);
    else sessionStorage.removeItem(TOKEN);
  },
  /** Called when the service no longer accepts the token. */
  onExpired: () => {},
};

function query(params) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params ?? {})) {
    if (value !== "" && value != null) search.append(name, value);
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

function problem(status, text) {
  let detail = `The service answered with status ${status}.`;
  try {
    detail = JSON.parse(text).detail || detail;
  } catch {
    // An answer from a proxy is no JSON; the status has to do.
  }
  return new ApiError(status, detail);
}

export async function call(method, path, { json, form, params } = {}) {
  const headers = {};
  if (session.token) headers.Authorization = `Bearer ${session.token}`;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api${path}${query(params)}`, {
      method,
      headers,
      body: json !== undefined ? JSON.stringify(json) : form,
    });
  } catch {
    throw new ApiError(0, "The service cannot be reached.");
  }
  if (!response.ok) {
    if (response.status === 401 && session.token) session.onExpired();
    throw problem(response.status, await response.text());
  }
  return response.status === 204 ? null : response.json();
}

export const get = (path, params) => call("GET", path, { params });
export const post = (path, json) => call("POST", path, { json });
export const patch = (path, json) => call("PATCH", path, { json });
export const remove = (path) => call("DELETE", path);

export async function logIn(email, password) {
  const form = new URLSearchParams({ username: email, password });
  session.token = (await call("POST", "/auth/token", { form })).access_token;
}

/** An address that works without a header, for a minute. */
export async function ticketed(path, params = {}) {
  const { ticket } = await post("/auth/ticket");
  return `/api${path}${query({ ...params, ticket })}`;
}

export async function download(path) {
  const link = document.createElement("a");
  link.href = await ticketed(path);
  link.download = "";
  link.click();
}

/** `fetch` does not tell how far an upload is. */
export function upload(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api${path}`);
    request.setRequestHeader("Authorization", `Bearer ${session.token}`);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(problem(request.status, request.responseText));
    };
    request.onerror = () => reject(new ApiError(0, "The upload was interrupted."));
    request.send(form);
  });
}
