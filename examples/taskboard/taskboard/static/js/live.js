// The two live connections of a project: activity by Server-Sent Events, chat by WebSocket.

import { get, ticketed } from "./api.js";

const LONGEST_PAUSE = 15000;

/** Base of both: opens, reopens with a growing pause, and says whether it is connected. */
class Connection {
  #timer = 0;
  #pause = 500;
  #stopped = false;

  constructor(projectId, onState) {
    this.projectId = projectId;
    this.onState = onState;
  }

  async start() {
    try {
      const address = await this.address();
      if (!this.#stopped) this.open(address);
    } catch (problem) {
      if (![401, 403, 404].includes(problem.status)) return this.retry();
      this.stop();
      this.onState(null);
    }
  }

  connected() {
    this.#pause = 500;
    this.onState(true);
  }

  retry() {
    if (this.#stopped) return;
    this.onState(false);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.close();
  }
}

export class ActivityFeed extends Connection {
  #source;

  constructor(projectId, after, onEntry, onState) {
    super(projectId, onState);
    this.after = after;
    this.onEntry = onEntry;
  }

  async address() {
    // An EventSource does not tell why it failed; this does, once the project is out of reach.
    await get(`/projects/${this.projectId}`);
    return ticketed(`/projects/${this.projectId}/events`, { after: this.after });
  }

  open(address) {
    this.#source = new EventSource(address);
    this.#source.onopen = () => this.connected();
    this.#source.addEventListener("activity", (event) => {
      const entry = JSON.parse(event.data);
      this.after = entry.seq;
      this.onEntry(entry);
    });
    // The ticket in the address is stale by now, so the browser must not reconnect by itself.
    this.#source.onerror = () => {
      this.#source.close();
      this.retry();
    };
  }

  close() {
    this.#source?.close();
  }
}

export class Room extends Connection {
  #socket;
  #seq = 0;

  constructor(projectId, { onMessage, onPresence, onError, onState }) {
    super(projectId, onState);
    Object.assign(this, { onMessage, onPresence, onError });
  }

  address() {
    return ticketed(`/projects/${this.projectId}/room`);
  }

  open(address) {
    const url = new URL(address, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.connected();
    this.#socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    this.#socket.onclose = (event) => (event.code === 1008 ? this.stop() : this.retry());
  }

  #receive(event) {
    if (event.type === "presence") this.onPresence(event.online);
    else if (event.type === "error") this.onError(event.detail);
    // After a reconnect the history comes again.
    else if (event.message.seq > this.#seq) {
      this.#seq = event.message.seq;
      this.onMessage(event.message);
    }
  }

  say(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) throw new Error("The chat is not connected.");
    this.#socket.send(JSON.stringify({ type: "say", text }));
  }

  close() {
    this.#socket?.close();
  }
}
