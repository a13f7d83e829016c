"use strict";
/* Every version of a source plays at once, all but one of them silent: switching is a 10 ms cross-fade of gains, so
   the position never moves. Sounds are decoded when their group is first played. */
(() => {
  const sounds = JSON.parse(document.getElementById("sounds").textContent);
  const decoded = new Map();
  let context = null;
  let active = null; // the one player that may sound

  function decode(key) {
    if (!decoded.has(key)) {
      const bytes = Uint8Array.from(atob(sounds[key]), (c) => c.charCodeAt(0));
      decoded.set(key, context.decodeAudioData(bytes.buffer));
    }
    return decoded.get(key);
  }

  class Player {
    constructor(root) {
      this.root = root;
      this.find = (selector) => root.querySelector(selector);
      this.groups = [...root.querySelectorAll(".group")];
      this.tabs = [...root.querySelectorAll(".tabs input")];
      this.offset = 0;
      this.voices = null; // [{source, gain}] while playing
      this.turn = 0; // outdates a start that is still decoding
      this.recent = new Map(); // group -> the version heard before the current one
      this.order = this.groups.map((group) => [...group.querySelectorAll(".versions label")]);
      this.group = this.groups[0];
      this.seconds = Number(this.group.dataset.seconds);

      this.find(".play").addEventListener("click", () => this.toggle());
      this.find(".seek").addEventListener("input", (event) => this.seek(Number(event.target.value)));
      this.find(".loop").addEventListener("change", (event) => {
        for (const voice of this.voices ?? []) voice.source.loop = event.target.checked;
      });
      this.find(".blind").addEventListener("change", (event) => this.blind(event.target.checked));
      for (const tab of this.tabs) tab.addEventListener("change", () => this.show(Number(tab.value)));
      for (const view of root.querySelectorAll(".view input")) view.addEventListener("change", () => this.draw());
      for (const group of this.groups) {
        let last = group.querySelector(".versions input:checked");
        for (const input of group.querySelectorAll(".versions input")) {
          input.addEventListener("change", () => {
            this.recent.set(group, last);
            last = input;
            this.switch();
          });
        }
        group.querySelector(".screen").addEventListener("pointerdown", (event) => {
          const box = event.currentTarget.getBoundingClientRect();
          this.seek(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.seconds);
        });
      }
      root.addEventListener("keydown", (event) => this.key(event));
      this.draw();
      this.tick();
    }

    get versions() { return [...this.group.querySelectorAll(".versions input")]; }
    get chosen() { return this.group.querySelector(".versions input:checked"); }
    get position() {
      if (!this.voices) return this.offset;
      const now = Math.max(0, context.currentTime - this.zero);
      return this.find(".loop").checked ? now % this.seconds : Math.min(now, this.seconds);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const index = "123456789".indexOf(event.key);
      const box = event.target.matches("input[type=checkbox], button");
      if (event.key === " " && !box) this.toggle();
      else if (index >= 0 && this.versions[index]) this.pick(this.versions[index]);
      else if (event.key.toLowerCase() === "a" && this.recent.get(this.group)) this.pick(this.recent.get(this.group));
      else return;
      event.preventDefault();
    }

    pick(input) {
      if (input.checked) return;
      input.checked = true;
      if (document.activeElement?.matches(".versions input")) input.focus();
      input.dispatchEvent(new Event("change"));
    }

    toggle() { if (this.voices || this.starting) this.stop(); else this.start(); }

    async start() {
      if (active && active !== this) active.stop();
      active = this;
      const turn = ++this.turn;
      this.starting = true;
      this.mark();
      try {
        context ??= new AudioContext();
        await context.resume();
        const inputs = this.versions;
        const buffers = await Promise.all(inputs.map((input) => decode(input.dataset.sound)));
        if (turn !== this.turn) return;
        const at = context.currentTime + 0.03;
        this.voices = inputs.map((input, k) => {
          const source = new AudioBufferSourceNode(context, { buffer: buffers[k], loop: this.find(".loop").checked, loopEnd: this.seconds });
          const gain = new GainNode(context, { gain: input.checked ? 1 : 0 });
          source.connect(gain).connect(context.destination);
          source.start(at, this.offset % this.seconds);
          return { input, source, gain };
        });
        this.zero = at - (this.offset % this.seconds);
        this.voices[0].source.onended = () => { if (turn === this.turn) { this.stop(); this.seek(0); } };
        this.find(".status").textContent = "";
      } catch (error) {
        this.find(".status").textContent = `This browser cannot play the embedded audio (${error.message || error.name}).`;
      }
      this.starting = false;
      this.mark();
      this.tick();
    }

    stop() {
      this.offset = this.position;
      this.turn += 1;
      this.starting = false;
      for (const voice of this.voices ?? []) voice.source.stop();
      this.voices = null;
      this.mark();
    }

    seek(seconds) {
      const playing = this.voices || this.starting;
      if (playing) this.stop();
      this.offset = Math.min(seconds, this.seconds - 0.01);
      if (playing) this.start(); else this.tick();
    }

    mark() {
      const button = this.find(".play");
      const on = Boolean(this.voices || this.starting);
      button.setAttribute("aria-pressed", String(on));
      button.setAttribute("aria-label", on ? "Pause" : "Play");
      button.classList.toggle("busy", Boolean(this.starting));
    }

    switch() {
      for (const voice of this.voices ?? []) {
        voice.gain.gain.setTargetAtTime(voice.input.checked ? 1 : 0, context.currentTime, 0.004);
      }
      this.draw();
    }

    show(index) {
      const playing = this.voices || this.starting;
      if (playing) this.stop();
      const name = this.chosen.dataset.name;
      this.group.hidden = true;
      this.group = this.groups[index];
      this.group.hidden = false;
      this.seconds = Number(this.group.dataset.seconds);
      this.find(".seek").max = this.seconds;
      // Keep listening to the same method, unless that would give a hidden name away.
      const same = this.versions.find((input) => input.dataset.name === name);
      if (same && !this.find(".blind").checked) this.pick(same);
      this.draw();
      if (playing) this.start(); else this.tick();
    }

    draw() {
      const input = this.chosen;
      const view = this.find(".view input:checked").value;
      const image = this.group.querySelector("img");
      const error = view === "error" && input.dataset.error;
      image.src = error ? input.dataset.error : input.dataset.picture;
      image.style.visibility = view === "error" && !error ? "hidden" : "";
      image.alt = this.find(".blind").checked
        ? "Hidden while blind"
        : `${error ? "Spectrogram of the error" : "Spectrogram"} of ${this.group.dataset.label}: ${input.dataset.name}`;
    }

    blind(on) {
      this.root.classList.toggle("is-blind", on);
      this.groups.forEach((group, g) => {
        const labels = this.order[g];
        const hidden = labels.filter((label) => label.classList.contains("estimate"));
        const shown = labels.filter((label) => !hidden.includes(label));
        if (on) {
          for (let i = hidden.length - 1; i > 0; i--) {
            const j = Math.floor(Math.random() * (i + 1));
            [hidden[i], hidden[j]] = [hidden[j], hidden[i]];
          }
        }
        const list = group.querySelector(".versions");
        for (const label of on ? [...shown, ...hidden] : labels) {
          const number = hidden.indexOf(label) + 1;
          label.querySelector("b").textContent = on && number ? `X${number}` : label.querySelector("input").dataset.name;
          const score = label.querySelector("em");
          if (score) score.hidden = on;
          list.append(label);
        }
        if (on) this.pickFirst(group);
      });
      this.draw();
    }

    pickFirst(group) {
      const first = group.querySelector(".versions input");
      if (group === this.group) this.pick(first); else first.checked = true;
      this.recent.delete(group);
    }

    tick() {
      const now = this.position;
      const seek = this.find(".seek");
      seek.value = now;
      seek.setAttribute("aria-valuetext", `${now.toFixed(1)} of ${this.seconds.toFixed(1)} seconds`);
      this.find(".clock").textContent = `${now.toFixed(1)} / ${this.seconds.toFixed(1)} s`;
      this.group.querySelector(".head").style.left = `${(100 * now) / this.seconds}%`;
      if (this.voices) requestAnimationFrame(() => this.tick());
    }
  }

  for (const root of document.querySelectorAll("[data-player]")) new Player(root);

  const button = document.querySelector(".theme");
  const themes = ["auto", "light", "dark"];
  let theme = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = (theme + 1) % themes.length;
    if (theme) document.documentElement.dataset.theme = themes[theme]; else delete document.documentElement.dataset.theme;
    button.textContent = `Theme: ${themes[theme]}`;
  });
})();
