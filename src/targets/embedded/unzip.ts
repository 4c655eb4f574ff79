import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
const LONGEST_COMMENT = 65_535;

/**
 * Unpacks a ZIP archive (APPNOTE.TXT, sections 4.3 and 4.4; no ZIP64, no encryption), so that no `unzip` has to be installed. What
 * was executable in the archive is executable after it; every file's CRC-32 is checked.
 *
 * @throws Error when the archive is damaged, or names a file outside `folder`
 */
export async function unzip(archive: string, folder: string): Promise<void> {
  const bytes = await readFile(archive);
  const end = endOf(bytes, archive);
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (bytes.readUInt32LE(at) !== ENTRY) throw new Error(`${archive} is damaged: no entry at ${at}`);
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.toString("utf8", at + 46, at + 46 + nameLength);
    const path = normalize(join(folder, name));
    if (!path.startsWith(normalize(folder) + sep))
      throw new Error(`${archive} names a file outside its folder: ${name}`);
    if (name.endsWith("/")) await mkdir(path, { recursive: true });
    else {
      await mkdir(dirname(path), { recursive: true });
      const executable = (bytes.readUInt32LE(at + 38) >>> 16) & 0o100;
      await writeFile(path, await content(bytes, at, archive), { mode: executable === 0 ? 0o644 : 0o755 });
    }
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
}

/** Position of the record that ends the archive; a comment may follow it. */
function endOf(bytes: Buffer, archive: string): number {
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 22 - LONGEST_COMMENT); at--)
    if (bytes.readUInt32LE(at) === END) return at;
  throw new Error(`${archive} is no ZIP archive`);
}

/** The unpacked bytes of the entry whose central record is at `at`. */
async function content(bytes: Buffer, at: number, archive: string): Promise<Buffer> {
  const method = bytes.readUInt16LE(at + 10);
  const local = bytes.readUInt32LE(at + 42);
  // The local record has its own extra field, often of another length.
  const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const packed = bytes.subarray(begin, begin + bytes.readUInt32LE(at + 20));
  if (method !== STORED && method !== DEFLATED) throw new Error(`${archive} uses the unknown method ${method}`);
  const plain = method === STORED ? packed : await promisify(inflateRaw)(packed);
  if (crc32(plain) !== bytes.readUInt32LE(at + 16)) throw new Error(`${archive} is damaged: a checksum is wrong`);
  return plain;
}
