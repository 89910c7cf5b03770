// One page with everything in it, and nothing from elsewhere: node build.mjs [FILE.cc]
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const bundle = async (entry) => {
  const made = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    target: "es2021",
    legalComments: "none",
    jsx: "automatic",
    jsxImportSource: "preact",
  });
  return made.outputFiles[0].text.trim();
};
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const script = (await bundle("src/main.tsx")).replaceAll("</script", "<\\/script");
const style = await bundle("src/style.css");
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const page = readFileSync("src/page.html", "utf8")
  .replace("POLICY", () => policy)
  .replace("STYLE", () => style)
  .replace("SCRIPT", () => script);
const parts = page.match(/[\s\S]{1,12000}/g);  // a literal has a longest length
const file = process.argv[2] ?? "dist/page.cc";
const literals = parts.map((part) => `R"PURSER(${part})PURSER"`).join("\n");
writeFileSync(file, `#include "web/page.h"\n\nnamespace purser::web {\n\nconst bool kPageBuilt = true;\nconst char* const kPage =\n${literals};\n\n}\n`);
