// Files go straight to Stoa's own upload route, one request a file, so that each shows how far it is
// and what is wrong with it. The page hears only the id that the route gave.
export default {
  template: `
    <div class="upload" :class="{ 'upload-over': over }" data-testid="upload-zone"
         @dragover.prevent="over = true" @dragleave.prevent="over = false" @drop.prevent="drop">
      <input class="visually-hidden" type="file" data-testid="upload-input" :id="inputId"
             :multiple="multiple" :accept="accept" @change="choose" />
      <label class="upload-drop" :for="inputId">
        <i class="material-icons" aria-hidden="true">upload_file</i>
        <span><b>{{ multiple ? "Choose files" : "Choose a file" }}</b> or drop {{ multiple ? "them" : "it" }} here
          <small v-if="note">{{ note }}</small></span>
      </label>
      <ul v-if="files.length" aria-live="polite">
        <li v-for="file in files" :key="file.key" class="upload-file" data-testid="upload-file">
          <span class="clip">{{ file.name }}</span>
          <span class="small soft numbers">{{ file.state }}</span>
          <progress v-if="file.busy" max="1" :value="file.share" :aria-label="'Upload of ' + file.name"></progress>
          <span v-if="file.problem" class="upload-problem" role="alert">{{ file.problem }}</span>
        </li>
      </ul>
    </div>`,
  props: { url: String, accept: String, multiple: Boolean, note: String, keep: Boolean },
  emits: ["uploaded", "begun"],
  data() {
    return { over: false, files: [], count: 0, queue: Promise.resolve() };
  },
  computed: {
    inputId() {
      return `upload-${this.$.uid}`;
    },
  },
  methods: {
    choose(event) {
      this.take(event.target.files);
      event.target.value = "";
    },
    drop(event) {
      this.over = false;
      this.take(event.dataTransfer.files);
    },
    take(list) {
      const chosen = this.multiple ? [...list] : [...list].slice(0, 1);
      for (const content of chosen) {
        const key = (this.count += 1);
        this.files.push({ key, name: content.name, state: "Waiting", share: 0, busy: true, problem: "" });
        const file = this.files.find((each) => each.key === key);
        this.queue = this.queue.then(() => this.send(content, file));
      }
    },
    send(content, file) {
      return new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open("POST", (window.path_prefix || "") + this.url);
        request.setRequestHeader("Accept", "application/json");
        const workspace = document.querySelector('meta[name="stoa-workspace"]');
        if (workspace) request.setRequestHeader("Stoa-Workspace", workspace.content);
        request.upload.onprogress = (event) => {
          if (!event.lengthComputable) return;
          file.share = event.loaded / event.total;
          file.state = `${Math.round(file.share * 100)} %`;
        };
        request.onerror = () => {
          this.fail(file, "The upload was cut off. Check the connection and try again.");
          resolve();
        };
        request.onload = () => {
          this.finish(request, file);
          resolve();
        };
        file.state = "0 %";
        const form = new FormData();
        form.append("file", content, content.name);
        request.send(form);
      });
    },
    finish(request, file) {
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = {};
      }
      if (request.status >= 300) {
        const what = body.detail || `The server answered ${request.status}.`;
        this.fail(file, `${what} ${body.hint || ""}`.trim());
        return;
      }
      file.busy = false;
      file.state = "Uploaded";
      this.$emit("uploaded", { id: body.id, name: body.name, size: body.size });
      if (!this.keep) this.files = this.files.filter((each) => each !== file && each.key !== file.key);
      else if (!this.multiple) this.files = this.files.filter((each) => each.key === file.key);
    },
    fail(file, problem) {
      file.busy = false;
      file.state = "Not uploaded";
      file.problem = problem;
    },
    clear() {
      this.files = [];
    },
  },
};
