// Stand-in for the published @std/bytes: the functions zkpeer uses, with the same names, signatures
// and results. deno.json "links" (and tsconfig.json "paths" on Node) put it in the place of the
// published package, so that nothing has to be downloaded; without the link the published one fits.

export { concat } from "./concat.ts";
export { equals } from "./equals.ts";
