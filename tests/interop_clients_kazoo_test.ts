// kazoo, unmodified, with every recipe it has: against Java's server and against ours.

import { join } from "node:path";
import { casesOf, compareClient } from "./support/clients/compare.ts";
import { install, scripts } from "./support/clients/install.ts";

const VERSION = "2.11.0";
const script = join(scripts, "kazoo_recipes.py");

compareClient({
  title: `kazoo ${VERSION}`,
  installed: await install({
    name: `kazoo-${VERSION}`,
    needs: [["python3", "--version"]],
    steps: [
      ["python3", "-m", "venv", "env"],
      ["env/bin/pip", "install", "--quiet", `kazoo==${VERSION}`],
    ],
  }),
  cases: casesOf(script, /^@case\ndef (\w+)/gm),
  command: (hosts, dir) => [join(dir, "env", "bin", "python"), script, hosts],
  env: { PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
});
