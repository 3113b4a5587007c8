// Child processes of tests: those of the command line, which see to it that none outlives its parent.

export {
  adopt,
  type Child,
  type ChildExit,
  type ChildOptions,
  startChild,
} from "../../lib/cli/child.ts";
