// Reads Jute schemas: modules, records, fields, and what comments say about them. Knows the part of
// the language that jute/*.jute uses, and names file and line of anything else. A line comment
// `// @tag` behind a field says what its number or text means (lib/codec/shape.ts).

export type JuteType =
  | { readonly kind: "primitive"; readonly name: string }
  | { readonly kind: "vector"; readonly item: JuteType }
  | { readonly kind: "record"; readonly name: string; readonly file: string };

export interface JuteField {
  readonly name: string;
  readonly type: JuteType;
  readonly tag: string | null;
}
export interface JuteRecord {
  readonly name: string;
  readonly note: string[];
  readonly fields: JuteField[];
}
export interface JuteFile {
  readonly file: string;
  readonly note: string[];
  readonly records: JuteRecord[];
}
interface Token {
  readonly text: string;
  readonly line: number;
  /** Comment lines before this token. */
  readonly before: string[];
}

const PRIMITIVES = ["byte", "boolean", "int", "long", "float", "double", "buffer", "ustring"];
/** A schema that cannot be read; the message names file and line. */
export class JuteError extends Error {
  override readonly name = "JuteError";
}

function tokenize(file: string, text: string): { tokens: Token[]; tags: Map<number, string> } {
  const tokens: Token[] = [];
  const tags = new Map<number, string>();
  let before: string[] = [];
  text.split("\n").forEach((source, index) => {
    const line = index + 1;
    const cut = source.indexOf("//");
    const code = cut < 0 ? source : source.slice(0, cut);
    const comment = cut < 0 ? "" : source.slice(cut + 2).trim();
    const words = code.match(/"[^"]*"|[A-Za-z_][A-Za-z0-9_.]*|[{}<>,;]|\S/g) ?? [];
    for (const word of words) {
      if (!/^("[^"]*"|[A-Za-z_][A-Za-z0-9_.]*|[{}<>,;])$/.test(word)) {
        throw new JuteError(`${file}:${line}: unexpected '${word}'`);
      }
      tokens.push({ text: word, line, before });
      before = [];
    }
    if (comment === "") return;
    const tag = /^@([a-z]+)/.exec(comment)?.[1];
    if (words.length > 0 && tag !== undefined) tags.set(line, tag);
    else if (words.length === 0) before = [...before, comment];
  });
  return { tokens, tags };
}

class Parser {
  #file: string;
  #tokens: Token[];
  #tags: Map<number, string>;
  #at = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    const { tokens, tags } = tokenize(file, text);
    this.#tokens = tokens;
    this.#tags = tags;
  }

  parse(): JuteFile {
    const note = this.#peek().before;
    const records: JuteRecord[] = [];
    while (this.#peek().text === "include") {
      this.#next();
      if (!/^"[^"]+"$/.test(this.#next().text)) this.#fail("include takes a quoted file name");
    }
    this.#expect("module");
    const module = this.#next().text;
    this.#expect("{");
    while (this.#peek().text === "class") records.push(this.#record(module));
    this.#expect("}");
    if (this.#at < this.#tokens.length) this.#fail(`'${this.#peek().text}' behind the module`);
    return { file: this.#file.replace(/\.jute$/, ""), note, records };
  }

  #record(module: string): JuteRecord {
    const note = this.#next().before;
    const name = this.#next().text;
    this.#expect("{");
    const fields: JuteField[] = [];
    while (this.#peek().text !== "}") {
      const type = this.#type(module);
      const field = this.#next();
      this.#expect(";");
      // Generated readers have locals of these names.
      if (/^(input|out|r|view[0-9]*|at[0-9]*)$/.test(field.text)) {
        this.#fail(`a field cannot be called '${field.text}'`);
      }
      fields.push({ name: field.text, type, tag: this.#tags.get(field.line) ?? null });
    }
    this.#expect("}");
    return { name, note, fields };
  }

  #type(module: string): JuteType {
    const word = this.#next();
    if (PRIMITIVES.includes(word.text)) return { kind: "primitive", name: word.text };
    if (word.text === "vector") {
      this.#expect("<");
      const item = this.#type(module);
      this.#expect(">");
      return { kind: "vector", item };
    }
    const parts = word.text.split(".");
    const name = parts.pop() ?? "";
    const file = parts.pop() ?? module.split(".").pop() ?? "";
    if (!/^[A-Z]/.test(name)) this.#fail(`'${word.text}' is no type`);
    return { kind: "record", name, file };
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { text: "end of file", line: 0, before: [] };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #expect(text: string): void {
    if (this.#peek().text !== text) this.#fail(`expected '${text}', got '${this.#peek().text}'`);
    this.#at += 1;
  }

  #fail(what: string): never {
    throw new JuteError(`${this.#file}:${this.#peek().line}: ${what}`);
  }
}

/** The records of one schema file. Throws {@link JuteError}. */
export const parseSchema = (file: string, text: string): JuteFile => new Parser(file, text).parse();
