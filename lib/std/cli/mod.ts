// Stand-in for the published @std/cli: the function zkpeer uses, with the same name and results.
// deno.json "links" (and tsconfig.json "paths" on Node) put it in the place of the published
// package, so that nothing has to be downloaded; without the link the published one fits.

export { parseArgs } from "./parse_args.ts";
