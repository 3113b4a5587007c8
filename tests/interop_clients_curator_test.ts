// Curator, the recipes most Java programs use, unmodified: against Java's server and against ours.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { casesOf, compareClient } from "./support/clients/compare.ts";
import { install, scripts } from "./support/clients/install.ts";

const folder = join(scripts, "java");
const pom = join(folder, "pom.xml");
const source = join(folder, "CuratorRecipes.java");
const version = /curator-recipes<\/artifactId>\s*<version>([\d.]+)/.exec(readFileSync(pom, "utf8"));
const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

compareClient({
  title: `Curator ${version?.[1]}`,
  installed: await install({
    name: `curator-${version?.[1]}`,
    needs: [["java", "-version"], ["javac", "-version"], ["mvn", "-v"]],
    steps: [
      ["mvn", "-q", "-B", "-f", pom, goal, "-DoutputDirectory={dir}/jars"],
      ["javac", "-Xlint:all", "-cp", "jars/*", "-d", "classes", source],
    ],
    sources: ["java/pom.xml", "java/CuratorRecipes.java"],
  }),
  cases: casesOf(source, /^ {4}cases\.put\("(\w+)"/gm),
  command: (hosts, dir) => {
    const classpath = `${join(dir, "classes")}:${join(dir, "jars")}/*`;
    const jvm = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", classpath];
    return ["java", ...jvm, "CuratorRecipes", hosts];
  },
});
