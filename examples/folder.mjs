// A target in another language: a folder on disk behind the target protocol, file:// only, no dependency.
//     deeplake-conformance run --places file --claims folder.toml -- node folder.mjs
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";

const OWN = ".folder"; // half-written values, at the top of the root; no key starts with it
const NO_SUCH_FILE = ["ENOENT", "ENOTDIR", "EISDIR"]; // `a/b` below a file, and a directory, are no objects
const CLASSES = { EACCES: "StorageAccessDenied", EPERM: "StorageAccessDenied", EEXIST: "InvalidURIError",
  ENOTDIR: "InvalidURIError", EISDIR: "InvalidURIError", ENOTEMPTY: "InvalidURIError", ENAMETOOLONG: "InvalidURIError" };
const handles = [];
let written = 0;

function raise(name, message, code) {
  throw Object.assign(new Error(message), { raised: { class: name, code, provider: "file", effect: "none" } });
}
const add = (handle) => handles.push(handle) - 1;

function segmentsOf(key) { // every character is literal; what a folder cannot keep apart is refused
  const segments = key.split("/");
  if (!key.isWellFormed() || key.includes("\0") || segments.some((name) => ["", ".", ".."].includes(name)) || segments[0] === OWN)
    raise("InvalidURIError", `not a key of a folder: ${JSON.stringify(key)}`);
  return segments;
}
function fileOf({ root }, key) {
  let at = root;
  for (const name of segmentsOf(key)) {
    at = path.join(at, name);
    if (fs.lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) raise("InvalidURIError", `a link: ${key}`);
  }
  return at;
}
const joined = ({ below }, name) => [below, name.replace(/\/$/, "")].filter(Boolean).join("/"); // of a directory

function metaOf(handle, key) {
  const stat = fs.lstatSync(fileOf(handle, key), { bigint: true, throwIfNoEntry: false });
  if (!stat?.isFile()) return null;
  const name = handle.below ? key.slice(handle.below.length + 1) : key;
  return { path: name, size: Number(stat.size), etag: `${stat.ino}-${stat.mtimeNs}`, last_modified: stat.mtime.toISOString() };
}
function keysBelow(handle, directory) {
  if (directory) segmentsOf(directory);
  let entries = [];
  try { entries = fs.readdirSync(path.join(handle.root, directory), { withFileTypes: true }); }
  catch (error) { if (!NO_SUCH_FILE.includes(error.code)) throw error; }
  const found = entries.filter((entry) => directory || entry.name !== OWN).flatMap((entry) => {
    const key = directory ? `${directory}/${entry.name}` : entry.name;
    return entry.isDirectory() ? keysBelow(handle, key) : entry.isFile() ? [key] : [];
  });
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
function prune(handle, file) { // a folder without objects is nothing, and would be in the way of an object of its name
  try { for (let at = path.dirname(file); at !== handle.root; at = path.dirname(at)) fs.rmdirSync(at); } catch { return; }
}
function remove(handle, key) {
  const file = fileOf(handle, key);
  if (metaOf(handle, key)) { fs.unlinkSync(file); prune(handle, file); }
}
function set(handle, key, content, ifAbsent) {
  const file = fileOf(handle, key), temporary = path.join(handle.root, OWN, `${process.pid}-${written++}`);
  fs.mkdirSync(path.dirname(temporary), { recursive: true });
  fs.writeFileSync(temporary, content, { flush: true });
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (ifAbsent && metaOf(handle, key)) raise("StorageKeyAlreadyExists", `there is ${key} already`);
    if (ifAbsent) fs.linkSync(temporary, file); else fs.renameSync(temporary, file);
  } catch (error) { prune(handle, file); throw error; } finally { fs.rmSync(temporary, { force: true }); }
  return metaOf(handle, key);
}
