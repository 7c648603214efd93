// A target in Node.js (20.12 or newer): a folder on disk, file:// only. folder.toml says how to run the suite on it.
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
const OWN = ".folder"; // a directory for half-written values; no key has a segment of this name
const handles = [], keep = (handle) => handles.push(handle) - 1;
const sorted = (names) => names.sort((a, b) => Buffer.from(a).compare(Buffer.from(b))); // by UTF-8, not by UTF-16
const raised = (name, message) => Object.assign(new Error(message), { data: { class: name, effect: "none" } });
const stat = (file) => (fs.existsSync(file) ? fs.lstatSync(file, { bigint: true, throwIfNoEntry: false }) : undefined);
function fileOf({ root }, key) { // every character is literal; links, and what a folder cannot keep apart, are refused
  const names = key.split("/"), files = names.map((_, at) => path.join(root, ...names.slice(0, at + 1)));
  const isOdd = (name) => /^\.{0,2}$|\0/.test(name) || name === OWN || Buffer.byteLength(name) > 255;
  if (!key.isWellFormed() || names.some(isOdd) || files.some((file) => stat(file)?.isSymbolicLink()))
    throw raised("InvalidURIError", `not a key here: ${key}`);
  return files.at(-1);
}
const directoryOf = (handle, name) => (name ? fileOf(handle, name.replace(/\/$/, "")) : handle.root);
function prune(top, file) { // an empty folder is no object, and would be in the way of an object with its name
  for (let at = path.dirname(file); at !== top; at = path.dirname(at)) try { fs.rmdirSync(at); } catch { /* in use */ }
}
const methods = {
  hello: () => ({ name: "folder" }), get_reader: keep, close: () => null,
  open(_, { url }) {
    const [, scheme = "file://", root] = url.match(/^(\w[\w+.-]*:\/\/?)?(.*)$/s), odd = /^\s*$|\/\/|\/\.\.(\/|$)/;
    if (scheme !== "file://" || odd.test(root)) throw raised("InvalidURIError", `not a folder: ${url}`);
    return keep({ root: path.resolve(root), top: path.resolve(root) });
  },
  metadata(handle, { path: key }) { // a rename gives a new inode, and so a new etag
    const found = stat(fileOf(handle, key));
    if (!found?.isFile()) return null;
    return { path: key, size: Number(found.size), etag: `${found.ino}-${found.mtimeNs}`, last_modified: found.mtime };
  },
  length: (handle, params) => methods.metadata(handle, params)?.size ?? -1,
  get(handle, { path: key, start, end }) {
    if (start < 0 || end < (start ?? 0)) throw raised("ValueError", `not a range: ${start} to ${end}`);
    if (!stat(fileOf(handle, key))?.isFile()) throw raised("StorageKeyNotFound", `no object ${key}`);
    return fs.readFileSync(fileOf(handle, key)).subarray(start, end).toString("base64");
  },
  list(handle, { path: name }) {
    const top = directoryOf(handle, name), walk = { recursive: true, withFileTypes: true };
    const files = (stat(top)?.isDirectory() ? fs.readdirSync(top, walk) : []).filter((entry) => entry.isFile());
    const keys = files.map((file) => path.relative(handle.root, path.join(file.parentPath, file.name)));
    const own = sorted(keys.filter((key) => !key.split("/").includes(OWN)));
    return own.map((key) => methods.metadata(handle, { path: key })).filter(Boolean);
  },
  list_iter: (handle, params) => ({ page: methods.list(handle, params) }),
  list_dirs(handle, params) {
    const depth = params.path.split("/").filter(Boolean).length + 1;
    const deeper = methods.list(handle, params).map(({ path: key }) => key.split("/")).filter((names) => names[depth]);
    return sorted([...new Set(deeper.map((names) => names.slice(0, depth).join("/")))]);
  },
  set(handle, { path: key, content, if_absent }) { // written beside, then renamed or linked into place
    const file = fileOf(handle, key), temporary = path.join(handle.root, OWN, crypto.randomUUID());
    try {
      for (const each of [temporary, file]) fs.mkdirSync(path.dirname(each), { recursive: true });
      fs.writeFileSync(temporary, content, { encoding: "base64", flush: true });
      if (if_absent) fs.linkSync(temporary, file); else fs.renameSync(temporary, file);
    } catch (error) {
      if (error.code === "EEXIST" && stat(file)?.isFile()) throw raised("StorageKeyAlreadyExists", `taken: ${key}`);
      throw error;
    } finally { fs.rmSync(temporary, { force: true }); [temporary, file].forEach((each) => prune(handle.top, each)); }
    return methods.metadata(handle, { path: key });
  },
  remove(handle, { path: key }, file = fileOf(handle, key)) {
    if (stat(file)?.isFile()) fs.unlinkSync(file); prune(handle.top, file);
  },
  remove_directory: (handle, params) => methods.list(handle, params).forEach((meta) => methods.remove(handle, meta)),
  subdir: (handle, { path: name }) => keep({ ...handle, root: directoryOf(handle, name) }),
};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  const say = (answer) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
  if (!methods[method] || "if_match" in params) return say({ error: { code: -32601, message: `no such ${method}` } });
  try { return say({ result: methods[method](handles[params.handle], params) ?? null }); } catch (error) {
    const name = /EXIST|DIR|EMPTY|TOOLONG/.test(error.code) ? "InvalidURIError" : "StorageInternalError";
    const data = error.data ?? (error.syscall && { class: name, code: error.code }); // else it is a bug of this file
    const told = data && { provider: "file", operation: method, ...data }, message = `${method}: ${error.message}`;
    return say({ error: { code: told ? -32000 : -32603, message, data: told } });
  }
});
