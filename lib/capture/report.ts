import type { CaptureFacts } from "./decoder.ts";
import type { Decoded } from "./message.ts";
export class Report {
  constructor(_limit: number) {}
  add(_decoded: Decoded): void {}
  page(_facts: CaptureFacts): string {
    return "";
  }
}
