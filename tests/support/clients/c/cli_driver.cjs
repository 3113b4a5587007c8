// Types commands into cli_mt (argv[3]), the C client's own shell, connected to argv[2]. The shell
// answers from another thread, so behind each command goes one whose answer is known; when that has
// come, all of the first one's answer has. Commands come on stdin; "## NAME" lines are passed on.

const { spawn } = require("node:child_process");
const { readFileSync } = require("node:fs");
const [hosts, cli, library] = process.argv.slice(2);

const WAIT_MS = 20_000;
const env = { ...process.env, LD_LIBRARY_PATH: library, TZ: "UTC" };
const shell = spawn(cli, [hosts], { stdio: ["pipe", "pipe", "pipe"], env });
let printed = "";
let look = () => {};
for (const stream of [shell.stdout, shell.stderr]) {
  stream.on("data", (data) => {
    printed += data;
    look();
  });
}

function until(text) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${text}" in time:\n${printed}`)), WAIT_MS);
    look = () => {
      if (!printed.includes(text)) return;
      clearTimeout(timer);
      const answer = printed.slice(0, printed.indexOf(text));
      printed = printed.slice(answer.length + text.length);
      resolve(answer);
    };
    look();
  });
}

/** What differs between runs goes; names of children, in no promised order, are sorted. */
function tidy(answer) {
  const lines = answer.split("\n").filter((line) => line !== "" && !line.startsWith("time = "));
  const clean = lines.map((line) => line.replace(/([cm]time ?= ?).*/, "$1TIME"));
  const isName = (line) => line !== undefined && /^\t[^ =]+$/.test(line);
  for (let start = 0; start < clean.length; start++) {
    let end = start;
    while (isName(clean[end])) end++;
    if (end > start) clean.splice(start, end - start, ...clean.slice(start, end).sort());
    start = Math.max(start, end);
  }
  return clean.join("\n");
}

async function main() {
  await until("Got a new session id");
  await until("\n");
  const commands = readFileSync(0, "utf8").split("\n").filter((line) => line !== "");
  for (const [at, command] of commands.entries()) {
    if (command.startsWith("## ")) {
      console.log(command);
      continue;
    }
    shell.stdin.write(`${command}\ndelete /fence-${at}\n`);
    const answer = await until(`/fence-${at}: rc = -101\n`);
    console.log(`> ${command}\n${tidy(answer)}`);
  }
  shell.stdin.end("quit\n");
}

shell.on("close", (code) => {
  console.log("## end");
  process.exitCode = code;
});
main().catch((error) => {
  console.log(`FAILED ${error.message}`);
  shell.kill("SIGKILL");
});
