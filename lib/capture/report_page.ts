// Markup and style of the HTML report.

import { REPORT_SCRIPT } from "./report_script.ts";
import { REPORT_VIEW } from "./report_view.ts";

const STYLE = `
:root{--bg:#0f141b;--panel:#161d27;--line:#28323f;--text:#d7dee8;--dim:#8794a5;--bold:#fff;
--client:#4ea1ff;--words:#8fa3b8;--election:#c58af9;--quorum:#3ddc97;--tls:#f2a65a;--http:#5ad1e6;
--unknown:#777;--bad:#ff6b6b;--warn:#ffcf56;--sel:#22405f}
@media (prefers-color-scheme:light){:root{--bg:#f6f8fa;--panel:#fff;--line:#d5dce4;--text:#1f2733;
--dim:#667485;--bold:#000;--client:#0b63ce;--words:#5b6b7c;--election:#8a3ffc;--quorum:#0a8f5b;
--tls:#b85c00;--http:#087f96;--unknown:#777;--bad:#d1242f;--warn:#9a6700;--sel:#dbeafe}}
*{box-sizing:border-box}html,body{height:100%;margin:0}
body{background:var(--bg);color:var(--text);font:13px/1.45 system-ui,sans-serif;display:flex;
flex-direction:column}
header{display:flex;gap:22px;align-items:baseline;padding:10px 16px 6px;flex-wrap:wrap}
h1{font-size:16px;margin:0;color:var(--bold)}h1 span{color:var(--dim);font-weight:400}
.fact{color:var(--dim)}.fact b{color:var(--text);font-weight:600}.fact.bad b{color:var(--bad)}
#bar{display:flex;gap:8px;align-items:center;padding:4px 16px 8px;flex-wrap:wrap}
input[type=search]{flex:1 1 260px;max-width:420px}
input{background:var(--panel);color:var(--text);border:1px solid var(--line);border-radius:6px;
padding:5px 9px;font:inherit}
input:focus{outline:2px solid var(--client);outline-offset:-1px}
input[type=number]{width:76px}
button{background:var(--panel);color:var(--text);border:1px solid var(--line);border-radius:6px;
padding:4px 10px;font:inherit;cursor:pointer}button:hover{border-color:var(--dim)}
#protocols button[aria-pressed=false]{opacity:.4}#errors[aria-pressed=true]{border-color:var(--bad);
color:var(--bad)}button i{display:inline-block;width:9px;height:9px;
border-radius:2px;margin-right:6px}
#count{margin-left:auto;color:var(--dim)}
#time{position:relative;height:176px;margin:0 16px;border:1px solid var(--line);border-radius:8px;
background:var(--panel);overflow:hidden;flex:none;cursor:crosshair}
canvas{display:block}
#brush{position:absolute;top:0;bottom:0;background:var(--client);opacity:.18;display:none;
pointer-events:none}
#tip{position:absolute;background:var(--bg);border:1px solid var(--line);border-radius:6px;
padding:3px 8px;font-size:12px;pointer-events:none;display:none;max-width:460px;z-index:3}
main{flex:1;display:flex;gap:12px;padding:12px 16px 14px;min-height:0}
#seq,#side{background:var(--panel);border:1px solid var(--line);border-radius:8px;min-height:0}
#seq{flex:1;display:flex;flex-direction:column;min-width:0}
#lanes{flex:none;height:34px;border-bottom:1px solid var(--line)}
#scroll{flex:1;overflow:auto;position:relative;min-height:0;outline:none}
#view{position:sticky;top:0;left:0}#tall{width:1px}
#side{width:430px;flex:none;display:flex;flex-direction:column;overflow:hidden}
#tabs{display:flex;border-bottom:1px solid var(--line);flex:none}
#tabs button{border:0;border-radius:0;background:none;padding:8px 14px;color:var(--dim)}
#tabs button[aria-selected=true]{color:var(--bold);box-shadow:inset 0 -2px var(--client)}
.pane{overflow:auto;padding:12px 14px;flex:1}
.pane h2{font-size:14px;margin:0 0 2px;color:var(--bold);overflow-wrap:anywhere}
.pane h3{font-size:11px;margin:16px 0 5px;color:var(--dim);text-transform:uppercase;
letter-spacing:.06em}
dl{display:grid;grid-template-columns:92px 1fr;gap:2px 10px;margin:8px 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
a{color:var(--client);text-decoration:none;cursor:pointer}a:hover{text-decoration:underline}
table{border-collapse:collapse;width:100%}td{padding:1px 6px 1px 0;vertical-align:top}
.mono,table.f,#hex{font:12px/1.5 ui-monospace,Menlo,Consolas,monospace}
table.f td:first-child{color:var(--dim);white-space:nowrap}table.f td{overflow-wrap:anywhere}
table.f tr.on td,#hex span.on{background:var(--sel);color:var(--bold)}
#hex{white-space:pre;overflow-x:auto;margin-top:4px}#hex .o{color:var(--dim)}
.story{padding:6px 0;border-bottom:1px solid var(--line);cursor:pointer;overflow-wrap:anywhere}
.story:hover{color:var(--bold)}.story small{color:var(--dim)}
.story b{font-weight:600}.hop{display:flex;gap:8px;align-items:center;font-size:12px}
.hop s{display:block;height:8px;background:var(--quorum);border-radius:2px;min-width:2px}
.hop span{width:150px;flex:none}.hop em{color:var(--dim);font-style:normal;white-space:nowrap}
.empty{color:var(--dim);padding:20px 0}.err{color:var(--bad)}
.note{color:var(--warn);padding:0 16px 6px}
`;

const BODY = `
<header><h1>zkpeer <span>decode</span></h1><div id="facts" style="display:contents"></div></header>
<div id="more" class="note" hidden></div>
<div id="bar">
<input type="search" id="find" placeholder="op, path, session, zxid, address… all words must match"
 aria-label="filter">
<span id="protocols" style="display:contents"></span>
<button id="errors" aria-pressed="false">errors only</button>
<label>slower than <input type="number" id="slower" min="0" step="any" aria-label="milliseconds"> ms
</label>
<button id="reset">reset</button><span id="count" role="status"></span>
</div>
<div id="time"><canvas id="timeline"></canvas><div id="brush"></div><div id="tip"></div></div>
<main>
<section id="seq"><canvas id="lanes"></canvas>
<div id="scroll" tabindex="0" aria-label="messages"><canvas id="view"></canvas><div id="tall"></div>
</div></section>
<aside id="side"><div id="tabs" role="tablist">
<button role="tab" data-pane="detail" aria-selected="true">message</button>
<button role="tab" data-pane="stories" aria-selected="false">stories</button>
<button role="tab" data-pane="slow" aria-selected="false">slowest</button></div>
<div class="pane" id="detail"><p class="empty">Click a message to see its fields and bytes.
Drag over the time line to zoom, scroll it to zoom in and out, double-click to see all.
The arrow keys go from message to message.</p></div>
<div class="pane" id="stories" hidden></div><div class="pane" id="slow" hidden></div></aside>
</main>
`;

/** `data` is JSON in which no `<` is left. */
export function reportPage(data: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>zkpeer decode</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>${STYLE}</style></head><body>${BODY}
<script type="application/json" id="data">${data}</script>
<script>${REPORT_SCRIPT}${REPORT_VIEW}</script></body></html>
`;
}
