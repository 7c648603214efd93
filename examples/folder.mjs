// A target in another language: a folder on disk behind the target protocol, file:// only, without a dependency.
//     deeplake-conformance run --places file --claims folder.toml -- node folder.mjs
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";

const OWN = ".folder"; // half-written values, at the top of the root; it is not listed and no key begins with it
const CLASSES = { EACCES: "StorageAccessDenied", EPERM: "StorageAccessDenied", EROFS: "StorageAccessDenied" };
for (const code of ["EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY", "ENAMETOOLONG"]) CLASSES[code] = "InvalidURIError";
const handles = [];
const keep = (handle) => handles.push(handle) - 1;
const raised = (name, message) => Object.assign(new Error(message), { data: { class: name, effect: "none" } });
const keyOf = (handle, name) => [handle.below, name].filter(Boolean).join("/");
const directoryOf = (handle, name) => keyOf(handle, name.replace(/\/$/, ""));
const stat = (file) => fs.lstatSync(file, { bigint: true, throwIfNoEntry: false });

function fileOf({ root }, key) { // every character is literal; links, and what a folder cannot keep apart, are refused
  const names = key.split("/"), isLink = (_, at) => stat(path.join(root, ...names.slice(0, at + 1)))?.isSymbolicLink();
  const odd = names[0] === OWN || names.some((name) => ["", ".", ".."].includes(name)) || !key.isWellFormed();
  if (odd || key.includes("\0") || names.some(isLink)) throw raised("InvalidURIError", `not a key here: ${key}`);
  return path.join(root, key);
}
function prune(root, file) { // an empty folder is no object, and would be in the way of an object with its name
  try { for (let at = path.dirname(file); at !== root; at = path.dirname(at)) fs.rmdirSync(at); } catch { /* in use */ }
}
const methods = {
  hello: () => ({ name: "folder", version: "1" }),
  open(_, { url }) {
    const [, scheme, slash, root] = url.match(/^(?:([A-Za-z][\w+.-]*):\/(\/?))?(.*)$/s);
    const wrong = (scheme && (scheme !== "file" || !slash)) || !root.trim() || root.split("/").includes("..");
    if (wrong) throw raised("InvalidURIError", `not a folder: ${url}`);
    return keep({ root: path.resolve(root), below: "" });
  },
  metadata(handle, { path: name }) {
    const found = stat(fileOf(handle, keyOf(handle, name))), etag = `${found?.ino}-${found?.mtimeNs}`;
    const about = found?.isFile() && { size: Number(found.size), etag, last_modified: found.mtime.toISOString() };
    return about ? { path: name, ...about } : null; // a rename gives a new inode, so a new etag
  },
  length: (handle, params) => methods.metadata(handle, params)?.size ?? -1,
  get(handle, { path: name, start = 0, end = Infinity }) {
    if (start < 0 || end < start) throw raised("ValueError", `not a range: ${start} to ${end}`);
    if (!methods.metadata(handle, { path: name })) throw raised("StorageKeyNotFound", `no object ${name}`);
    return fs.readFileSync(fileOf(handle, keyOf(handle, name))).subarray(start, end).toString("base64");
  },
  list(handle, { path: name }) {
    const directory = directoryOf(handle, name), top = directory ? fileOf(handle, directory) : handle.root;
    if (!stat(top)?.isDirectory()) return [];
    const entries = fs.readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const keys = entries.map((entry) => path.relative(handle.root, path.join(entry.parentPath, entry.name)));
    const names = keys.filter((key) => !key.startsWith(`${OWN}/`)).map((key) => key.slice(keyOf(handle, "/").length - 1));
    names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return names.map((each) => methods.metadata(handle, { path: each })).filter(Boolean);
  },
  list_iter: (handle, params) => ({ page: methods.list(handle, params) }),
  list_dirs(handle, params) {
    const depth = params.path.split("/").filter(Boolean).length + 1;
    const names = methods.list(handle, params).map((meta) => meta.path.split("/")).filter((parts) => parts.length > depth);
    return [...new Set(names.map((parts) => parts.slice(0, depth).join("/")))];
  },
  set(handle, { path: name, content, if_absent }) { // written beside, then renamed or linked into place
    const file = fileOf(handle, keyOf(handle, name)), temporary = path.join(handle.root, OWN, crypto.randomUUID());
    try {
      fs.mkdirSync(path.dirname(temporary), { recursive: true });
      fs.writeFileSync(temporary, content, { encoding: "base64", flush: true });
      fs.mkdirSync(path.dirname(file), { recursive: true });
      if (if_absent) fs.linkSync(temporary, file); else fs.renameSync(temporary, file);
    } catch (error) {
      prune(handle.root, file);
      throw error.code === "EEXIST" && stat(file)?.isFile() ? raised("StorageKeyAlreadyExists", `there is ${name}`) : error;
    } finally { fs.rmSync(temporary, { force: true }); }
    return methods.metadata(handle, { path: name });
  },
  remove(handle, { path: name }) {
    const file = fileOf(handle, keyOf(handle, name));
    if (stat(file)?.isFile()) { fs.unlinkSync(file); prune(handle.root, file); }
  },
  remove_directory: (handle, params) => methods.list(handle, params).forEach((meta) => methods.remove(handle, meta)),
  subdir: (handle, { path: name }) => keep({ root: handle.root, below: directoryOf(handle, name) }),
  get_reader: (handle) => keep(handle),
  close: () => null,
};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line), answer = { jsonrpc: "2.0", id };
  try {
    if (!methods[method] || params.if_match) answer.error = { code: -32601, message: `folder has no such ${method}` };
    else answer.result = methods[method](handles[params.handle], params) ?? null;
  } catch (error) { // without a class it is a bug of this file, and says so
    const name = CLASSES[error.code] ?? "StorageInternalError";
    const data = error.data ?? (error.syscall && { class: name, code: error.code, effect: "unknown" });
    answer.error = { code: data ? -32000 : -32603, message: error.message, data };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
