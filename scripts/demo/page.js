// What the demo's page does in the browser.

const { base, name } = document.body.dataset;
const at = (path) => `${base}/demo/${path}`;
const find = (id) => document.getElementById(id);

/** FastCGI's types of records. */
const TYPES = {
  0: "the end",
  1: "BEGIN_REQUEST",
  2: "ABORT_REQUEST",
  3: "END_REQUEST",
  4: "PARAMS",
  5: "STDIN",
  6: "STDOUT",
  7: "STDERR",
};

/** What records say, for somebody who has never seen one. */
function words({ type, count, ends, bytes, text }, isFirst) {
  switch (type) {
    case 0:
      return "The web server has closed the connection: the browser has left.";
    case 1:
      return `“Here is a request.” (${text.replace("role 1", "role Responder: answer it")}.)`;
    case 2:
      return "“Forget about this request.”";
    case 3:
      return `“I have finished.” (${text}.)`;
    case 4:
      return `“This is what I know of it.” The method, the address, the headers, the visitor${
        ends ? "; that was all" : ""
      }.`;
    case 5:
      if (bytes === 0) return "“It has no body.”";
      return `“This is its body${ends ? ", and there is no more" : ""}.” ${
        count > 2 ? "In pieces, as they come." : ""
      }`;
    case 6:
      if (bytes === 0) return "“There is no more of it.”";
      return isFirst ? "“This is my answer.” Its head, an empty line, then its body." : "“This is more of it.”";
    case 7:
      return "“Write this into your error log.”";
    default:
      return "";
  }
}

function size(bytes) {
  return bytes < 10_000
    ? `${bytes} B`
    : bytes < 1_000_000
    ? `${Math.round(bytes / 1000)} KB`
    : `${(bytes / 1e6).toFixed(1)} MB`;
}

function cell(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** A bar that shows when something passed, between the first record and the last. */
function bar({ startMs, endMs }, totalMs) {
  const stretch = document.createElement("i");
  stretch.style.marginInlineStart = `min(${100 * startMs / totalMs}%, 100% - 3px)`;
  stretch.style.width = `${100 * (endMs - startMs) / totalMs}%`;
  return cell("div", "when", stretch);
}

function row(passed, isFirst, totalMs) {
  const { from, type, count, bytes, startMs, endMs, text } = passed;
  const isThere = from === "web server";
  const many = count > 1 ? ` × ${count}` : "";
  const tip = cell("span", "tip", isThere ? "▶" : "◀");
  tip.ariaHidden = "true";
  const label = cell("span", "", `${TYPES[type] ?? `type ${type}`}${many}`);
  const unseen = cell("span", "unseen", isThere ? " to the application" : " to the web server");
  const arrow = cell("div", `record ${isThere ? "there" : "back"}`, label, unseen, tip);
  const time = endMs - startMs < 1 ? startMs.toFixed(1) : `${startMs.toFixed(1)} to ${endMs.toFixed(1)}`;
  const said = cell("td", "words", words(passed, isFirst));
  if ((type === 6 && isFirst || type === 7) && text !== "") {
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.textContent = text;
    said.append(pre);
  }
  const tr = document.createElement("tr");
  const head = cell("th", "arrow", arrow, bar(passed, totalMs));
  head.scope = "row";
  tr.append(cell("td", "time", `${time} ms`), head, cell("td", "size", size(bytes)), said);
  return tr;
}

function draw(place, passed) {
  const table = document.createElement("table");
  const caption = cell("caption", "unseen", "Records between the web server and the application, in their order");
  const head = document.createElement("thead");
  const tr = document.createElement("tr");
  for (const title of ["Time", "Web server ⇄ application", "Content", "What it says"]) {
    const th = document.createElement("th");
    th.scope = "col";
    th.textContent = title;
    tr.append(th);
  }
  head.append(tr);
  const body = document.createElement("tbody");
  const totalMs = passed.at(-1).endMs || 1;
  const first = passed.findIndex(({ type }) => type === 6);
  body.append(...passed.map((each, index) => row(each, index === first, totalMs)));
  table.append(caption, head, body);
  place.replaceChildren(table);
}

/** Draws the records of a request once they have all passed. */
async function showRecords(place, of) {
  for (let turn = 0; turn < 50; turn++) {
    const passed = await (await fetch(at(`records?of=${of}`))).json();
    if (passed?.some(({ type }) => type === 3 || type === 0)) return draw(place, passed);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  place.textContent =
    "Its records have not been seen. Does the web server connect to the address that the demo printed?";
}

/** A name for a request. Browsers make UUIDs only where the page came by TLS, or from this machine. */
function newName() {
  return crypto.randomUUID?.() ?? String(Math.random());
}

function upload(body) {
  const of = newName();
  const request = new XMLHttpRequest();
  const result = find("upload-result");
  find("progress").value = 0;
  request.upload.onprogress = ({ loaded, total }) => {
    find("progress").value = loaded / total;
    result.textContent = `${size(loaded)} of ${size(total)} sent`;
  };
  request.onload = () => {
    if (request.status !== 200) {
      const limit = request.status === 413 ? ": it takes no larger upload (client_max_body_size in nginx)" : "";
      result.textContent = `The web server answered ${request.status}${limit}.`;
      return;
    }
    const { bytes, chunks } = JSON.parse(request.responseText);
    result.textContent = `The handler read ${bytes.toLocaleString("en")} bytes in ${chunks} ${
      chunks === 1 ? "piece" : "pieces"
    }.`;
    showRecords(find("upload-records"), of);
  };
  request.onerror = () => result.textContent = "The upload broke off.";
  request.open("POST", at("upload"));
  request.setRequestHeader("x-demo-request", of);
  request.send(body);
}

find("upload").onclick = () => upload(new Uint8Array(800_000));
find("file").onchange = ({ target }) => target.files[0] && upload(target.files[0]);

find("events").onclick = async ({ target }) => {
  target.disabled = true;
  const result = find("events-result");
  result.textContent = "";
  const of = newName();
  const response = await fetch(at("events"), { headers: { "x-demo-request": of } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const came = new Date().toISOString().slice(11, 23);
    for (const [, text] of piece.value.matchAll(/^data: (.*)$/gm)) result.append(`${text}, came at ${came}\n`);
  }
  target.disabled = false;
  showRecords(find("events-records"), of);
};

let controller;
find("wait").onclick = async () => {
  const of = newName();
  const result = find("abort-result");
  controller = new AbortController();
  find("wait").disabled = true;
  find("abort").disabled = false;
  result.textContent = "The handler waits. Abort it.";
  try {
    const response = await fetch(at("wait"), { headers: { "x-demo-request": of }, signal: controller.signal });
    result.textContent = `Nobody aborted it: ${response.status}.`;
  } catch {
    result.textContent = "Aborted. What does the handler say?";
    for (let turn = 0; turn < 30; turn++) {
      const seen = await (await fetch(at(`waited?of=${of}`))).json();
      if (seen !== null) {
        result.textContent = `After ${seen.afterMs} ms request.signal fired, and said: ${seen.reason}`;
        break;
      }
      result.textContent = "The handler has not heard of it yet: this web server tells it late, or never.";
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    showRecords(find("abort-records"), of);
  }
  find("wait").disabled = false;
  find("abort").disabled = true;
};
find("abort").onclick = () => controller.abort();

showRecords(document.querySelector(`[data-timeline="${name}"]`), name);
