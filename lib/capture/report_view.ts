// What the HTML report does in the browser, second part: sequence diagram, details, stories, keys.
// Plain script text; it must not hold the closing tag of a script.

export const REPORT_VIEW = String.raw`
// ---- sequence diagram: only the rows in sight are drawn -----------------------------------------
const ROW=24,LEFT=118,V=$("view"),scroller=$("scroll");
let laneXs=[];
function layout(){
 const w=scroller.clientWidth,h=scroller.clientHeight;
 $("tall").style.height=Math.max(0,rows.length*ROW-h+8)+"px";
 const lanes=usedLanes();
 const span=(w-LEFT-30)/Math.max(1,lanes.length);
 laneXs=D.lanes.map(()=>-1);lanes.forEach((lane,i)=>laneXs[lane]=LEFT+span*(i+.5));
 drawLanes(lanes,span);drawRows();}
function usedLanes(){const used=new Set();
 for(const r of rows)if(!r.isStory){used.add(r.a);used.add(r.b);}
 const all=D.lanes.map((_,i)=>i);const some=all.filter(i=>used.has(i));
 return some.length?some:all;}
function fit(g,text,width){if(g.measureText(text).width<=width)return text;
 let lo=0,hi=text.length;while(lo<hi){const mid=(lo+hi+1)>>1;
  if(g.measureText(text.slice(0,mid)+"…").width<=width)lo=mid;else hi=mid-1;}
 return lo?text.slice(0,lo)+"…":"";}
function drawLanes(lanes,span){
 const canvas=$("lanes"),w=$("seq").clientWidth-2,g=scaled(canvas,w,34);
 g.font="600 12px system-ui";g.textAlign="center";g.textBaseline="middle";
 for(const lane of lanes){const name=D.lanes[lane],x=laneXs[lane];
  const text=fit(g,name,span-18);const tw=g.measureText(text).width+18;
  g.fillStyle=C.bg;g.strokeStyle=name.startsWith("server.")?C.quorum:C.line;g.lineWidth=1;
  g.beginPath();g.roundRect(x-tw/2,5.5,tw,23,6);g.fill();g.stroke();
  g.fillStyle=C.text;g.fillText(text,x,17.5);}
 g.textAlign="left";g.fillStyle=C.dim;g.font="11px system-ui";g.fillText("time (UTC)",12,18);}
function drawRows(){
 const w=scroller.clientWidth,h=scroller.clientHeight,g=scaled(V,w,h);
 const top=scroller.scrollTop,first=Math.floor(top/ROW),last=Math.min(rows.length,Math.ceil((top+h)/ROW));
 g.clearRect(0,0,w,h);
 if(!rows.length){g.fillStyle=C.dim;g.font="13px system-ui";g.fillText("No message matches.",LEFT,40);return;}
 g.strokeStyle=C.line;g.lineWidth=1;
 for(const x of laneXs)if(x>0){
  g.beginPath();g.moveTo(Math.round(x)+.5,0);g.lineTo(Math.round(x)+.5,h);g.stroke();}
 for(let i=first;i<last;i++){const y=i*ROW-top,r=rows[i];
  if(r===selected){g.fillStyle=C.sel;g.fillRect(0,y,w,ROW);}
  else if(selected&&related(r)){
   g.fillStyle=C.sel;g.globalAlpha=.45;g.fillRect(0,y,w,ROW);g.globalAlpha=1;}
  g.font="11px ui-monospace,Menlo,Consolas,monospace";g.textAlign="left";g.textBaseline="middle";
  g.fillStyle=C.dim;g.fillText(clock(r.t),10,y+ROW/2);
  if(r.isStory)drawStory(g,r,y,w);else drawArrow(g,r,y,w);}}
function related(r){return !r.isStory&&(r.n===selected.about||r.about===selected.n&&r.about!=null);}
const STORY_COLOUR={election:"election",sync:"quorum",loss:"bad",epoch:"warn",session:"client",tls:"tls"};
function drawStory(g,s,y,w){
 g.font="italic 12px system-ui";g.fillStyle=C[STORY_COLOUR[s.type]]||C.warn;
 const mark=s.type==="loss"?"✕ ":s.type==="election"?"★ ":"● ";
 const text=fit(g,mark+s.words,w-LEFT-24);
 g.globalAlpha=.12;g.fillRect(LEFT-6,y+2,w-LEFT,ROW-4);g.globalAlpha=1;
 g.fillText(text,LEFT+2,y+ROW/2);}
function drawArrow(g,m,y,w){
 const a=laneXs[m.a],b=laneXs[m.b],base=y+ROW-6;
 const colour=m.error<0||m.lost?C.bad:C.of[m.p];
 g.strokeStyle=g.fillStyle=colour;g.lineWidth=m===selected?2:1.3;
 let x0=Math.min(a,b),x1=Math.max(a,b);
 if(a===b){x1=x0+46;g.beginPath();g.moveTo(x0,y+8);g.lineTo(x1,y+8);g.lineTo(x1,base);g.lineTo(x0,base);g.stroke();
  tip(g,x0,base,-1);}
 else{g.setLineDash(m.kind==="reply"||m.kind==="connected"||m.kind==="text"?[5,3]:[]);
  g.beginPath();g.moveTo(a,base);g.lineTo(b,base);g.stroke();g.setLineDash([]);tip(g,b,base,b>a?1:-1);}
 g.font=(m===selected?"600 ":"")+"12px system-ui";g.textAlign="center";
 const words=label(m);
 const mid=(x0+x1)/2,room=Math.max(x1-x0-14,300);
 const text=fit(g,words,room),tw=g.measureText(text).width;
 const x=Math.min(Math.max(mid,LEFT+tw/2+2),w-tw/2-8);
 g.globalAlpha=.82;g.fillStyle=m===selected?C.sel:C.panel;g.fillRect(x-tw/2-3,y+2,tw+6,ROW-10);
 g.globalAlpha=1;g.fillStyle=m.error<0||m.lost?C.bad:C.text;g.fillText(text,x,y+9);}
function tip(g,x,y,d){
 g.beginPath();g.moveTo(x,y);g.lineTo(x-7*d,y-3.5);g.lineTo(x-7*d,y+3.5);g.fill();}
function label(m){
 let s=m.name;
 if(m.path)s+=" "+m.path;
 if(m.error<0)s+=" "+m.errorName;
 if(m.p===3&&m.zxid&&!/^0xf{16}$/.test(m.zxid))s+=" "+m.zxid;
 if(m.kind==="notification"||m.kind==="greeting"||m.kind==="connected"||m.kind==="connect")s+=" "+m.note;
 if(m.latency!==null)s+=m.kind==="event"?"":"  "+dur(m.latency);
 if(m.lost)s+="  ("+m.lost+" bytes lost)";
 return s;}
scroller.addEventListener("scroll",()=>requestAnimationFrame(drawRows));
scroller.addEventListener("click",e=>{
 const y=e.clientY-scroller.getBoundingClientRect().top+scroller.scrollTop;
 const r=rows[Math.floor(y/ROW)];if(r)select(r,false);});
scroller.addEventListener("keydown",e=>{
 const step={ArrowDown:1,ArrowUp:-1,PageDown:20,PageUp:-20}[e.key];if(!step)return;
 e.preventDefault();const i=rows.indexOf(selected);
 const r=rows[Math.min(rows.length-1,Math.max(0,i+step))];if(r)select(r,true);});

// ---- details ------------------------------------------------------------------------------------
function select(r,bring){
 selected=r;pane("detail");
 if(bring){
  let i=rows.indexOf(r);
  if(i<0&&(r.t<F.from||r.t>F.to)){setRange(0,D.end||1);i=rows.indexOf(r);}
  const y=i*ROW;
  if(i>=0&&(y<scroller.scrollTop||y>scroller.scrollTop+scroller.clientHeight-ROW*2))
   scroller.scrollTop=y-scroller.clientHeight/2;}
 r.isStory?storyDetail(r):detail(r);drawTime();drawRows();}
const link=(m,text)=>"<a data-n='"+m.n+"'>"+esc(text)+"</a>";
function detail(m){
 const facts=[];const add=(k,v)=>{if(v!==null&&v!==""&&v!==undefined)facts.push("<dt>"+k+"</dt><dd>"+v+"</dd>");};
 add("time",clock(m.t)+" <span class='fact'>+"+(m.t/1000).toFixed(6)+" s</span>");
 add("from",esc(m.from)+(D.lanes[m.a]!==m.from?" ("+esc(D.lanes[m.a])+")":""));
 add("to",esc(m.to)+(D.lanes[m.b]!==m.to?" ("+esc(D.lanes[m.b])+")":""));
 add("connection",m.conn+" ("+PROTO[m.p]+")");
 add("session",m.session&&"<a data-find='"+m.session+"'>"+m.session+"</a>");
 add("xid",m.xid);add("zxid",m.zxid&&"<a data-find='"+m.zxid+"'>"+m.zxid+"</a>");
 add("path",m.path!==null?"<a data-find='"+esc(m.path)+"'>"+esc(m.path)+"</a>":null);
 if(m.error!==null)add("result",m.error<0?"<span class='err'>"+m.errorName+" ("+m.error+")</span>":"OK");
 if(m.latency!==null)add(m.kind==="event"?"armed":"latency",dur(m.latency)+(m.kind==="event"?" before":""));
 const q=m.about!==null&&byN.get(m.about);
 if(q)add(m.kind==="event"?"armed by":"answers",link(q,q.name+" #"+q.n+" at "+clock(q.t)));
 if(m.reply)add("reply",link(m.reply,"#"+m.reply.n+" after "+dur(m.reply.t-m.t)+
  (m.reply.error<0?" "+m.reply.errorName:"")));
 if(m.events)add("watch fired",m.events.map(x=>link(x,x.name+" #"+x.n)).join(", "));
 add("note",esc(m.note));
 add("size",m.size+" bytes"+(m.lost?", <span class='err'>"+m.lost+" of them lost</span>":""));
 const zxid=m.zxid||m.reply&&m.reply.zxid;
 const write=zxid&&S.find(s=>s.type==="write"&&s.words.startsWith("write "+zxid+" ")&&
  (m.p===3||s.words.includes(" "+m.name)));
 let html="<h2>"+esc(m.name)+"</h2><span class='fact'>"+m.kind+" #"+m.n+"</span><dl>"+facts.join("")+"</dl>";
 if(write)html+="<h3>the write, hop by hop</h3>"+hops(write);
 html+="<h3>fields</h3><table class='f'>";
 for(let i=0;i<m.spans.length;i+=4){
  const name=D.fields[m.spans[i+2]].replace(/^[a-z]+\./,"");
  html+="<tr data-a='"+m.spans[i]+"' data-b='"+m.spans[i+1]+"'><td>"+esc(name)+"</td><td>"+
   esc(m.spans[i+3])+"</td></tr>";}
 html+="</table><h3>bytes</h3><div id='hex'>"+hexDump(m)+"</div>";
 $("detail").innerHTML=html;$("detail").scrollTop=0;}
function hexDump(m){
 const bytes=Uint8Array.from(atob(m.bytes),c=>c.charCodeAt(0));const spanAt=[];
 for(let i=0;i<m.spans.length;i+=4)for(let k=m.spans[i];k<m.spans[i+1];k++)spanAt[k]=i/4;
 let out="";
 for(let at=0;at<bytes.length;at+=16){
  let left="",right="";
  for(let k=at;k<at+16;k++){
   if(k>=bytes.length){left+="   ";continue;}
   const b=bytes[k];const c=b>=32&&b<127?String.fromCharCode(b):"·";
   left+="<span data-s='"+spanAt[k]+"'>"+b.toString(16).padStart(2,"0")+"</span> ";
   right+="<span data-s='"+spanAt[k]+"'>"+esc(c)+"</span>";}
  out+="<span class='o'>"+at.toString(16).padStart(4,"0")+"</span>  "+left+" "+right+"\n";}
 if(m.size-m.lost>bytes.length)out+="<span class='o'>… "+(m.size-m.lost-bytes.length)+" more bytes</span>";
 return out;}
function mark(index){
 document.querySelectorAll("#hex span.on,table.f tr.on").forEach(e=>e.classList.remove("on"));
 if(index===null)return;
 document.querySelectorAll("#hex span[data-s='"+index+"']").forEach(e=>e.classList.add("on"));
 const tr=document.querySelectorAll("table.f tr")[index];if(tr)tr.classList.add("on");}
$("detail").addEventListener("mouseover",e=>{
 const s=e.target.dataset&&e.target.dataset.s;if(s!==undefined)return mark(s);
 const tr=e.target.closest&&e.target.closest("table.f tr");
 if(tr)mark([...tr.parentNode.children].indexOf(tr));});
$("detail").addEventListener("mouseleave",()=>mark(null));
function hops(s){
 const steps=s.steps||[];if(!steps.length)return "";
 const from=steps[0][1],span=Math.max(steps[steps.length-1][1]-from,.001);
 return steps.map(([name,t])=>"<div class='hop'><span>"+esc(name)+"</span><s style='margin-left:"+
  ((t-from)/span*120).toFixed(1)+"px'></s><em>+"+dur(t-from)+"</em></div>").join("");}
function storyDetail(s){
 $("detail").innerHTML="<h2>"+esc(s.type)+"</h2><p>"+esc(s.words)+"</p>"+hops(s)+
  "<p><a data-zoom='"+s.from+","+s.t+"'>zoom to it</a></p>";}
document.addEventListener("click",e=>{
 const a=e.target.closest&&e.target.closest("a,.story");if(!a)return;
 if(a.dataset.n){const m=byN.get(Number(a.dataset.n));if(m)select(m,true);}
 else if(a.dataset.find){$("find").value=a.dataset.find;F.find=[a.dataset.find.toLowerCase()];apply();}
 else if(a.dataset.zoom){const [x,y]=a.dataset.zoom.split(",").map(Number);const pad=Math.max(2,(y-x)*.15);
  setRange(x-pad,y+pad);}
 else if(a.dataset.story){const s=S[Number(a.dataset.story)];const pad=Math.max(5,(s.t-s.from)*.2);
  setRange(s.from-pad,s.t+pad);}});

// ---- side panes, bar, start ---------------------------------------------------------------------
function pane(id){
 for(const one of ["detail","stories","slow"])$(one).hidden=one!==id;
 document.querySelectorAll("#tabs button").forEach(b=>b.setAttribute("aria-selected",String(b.dataset.pane===id)));}
document.querySelectorAll("#tabs button").forEach(b=>b.addEventListener("click",()=>pane(b.dataset.pane)));
function fill(){
 $("facts").innerHTML=D.facts.map(([k,v])=>"<span class='fact"+(/not captured|unreadable/.test(k)?" bad":"")+
  "'>"+k+" <b>"+esc(v)+"</b></span>").join("");
 if(D.more){$("more").hidden=false;$("more").textContent=D.more;}
 const used=new Set(M.map(m=>m.p));
 $("protocols").innerHTML=PROTO.map((p,i)=>used.has(i)?"<button aria-pressed='true' data-p='"+i+
  "'><i style='background:var(--"+p+")'></i>"+p+"</button>":"").join("");
 document.querySelectorAll("#protocols button").forEach(b=>b.addEventListener("click",()=>{
  const i=Number(b.dataset.p);F.on[i]=!F.on[i];b.setAttribute("aria-pressed",String(F.on[i]));apply();}));
 $("stories").innerHTML=S.map((s,i)=>"<div class='story' data-story='"+i+"'><small>"+clock(s.t)+
  "</small> <b style='color:var(--"+(STORY_COLOUR[s.type]||"quorum")+")'>"+s.type+"</b><br>"+
  esc(s.words)+"</div>").join("")||"<p class='empty'>None.</p>";
 const slow=M.filter(m=>m.latency!==null&&m.kind!=="event").sort((a,b)=>b.latency-a.latency).slice(0,50);
 $("slow").innerHTML="<table>"+slow.map(m=>"<tr><td>"+dur(m.latency)+"</td><td>"+
  link(m,m.name+(m.path?" "+m.path:""))+"</td><td class='err'>"+(m.error<0?m.errorName:"")+"</td><td>"+
  esc(D.lanes[m.a])+"</td></tr>").join("")+"</table>";}
$("find").addEventListener("input",e=>{F.find=e.target.value.toLowerCase().split(/\s+/).filter(Boolean);apply();});
$("errors").addEventListener("click",e=>{F.errors=!F.errors;e.target.setAttribute("aria-pressed",String(F.errors));apply();});
$("slower").addEventListener("input",e=>{F.slower=Number(e.target.value)||0;apply();});
$("reset").addEventListener("click",()=>{F.find=[];F.errors=false;F.slower=0;F.on=PROTO.map(()=>true);
 $("find").value="";$("slower").value="";$("errors").setAttribute("aria-pressed","false");
 document.querySelectorAll("#protocols button").forEach(b=>b.setAttribute("aria-pressed","true"));
 setRange(0,D.end||1);});
addEventListener("resize",apply);
matchMedia("(prefers-color-scheme:light)").addEventListener("change",()=>{colours();apply();});
fill();apply();
// A link may name what to show: #n=12, #find=words, #range=from,to (milliseconds).
for(const part of location.hash.slice(1).split("&")){const [k,v]=part.split("=").map(decodeURIComponent);
 if(k==="range"){const [x,y]=v.split(",").map(Number);setRange(x,y);}
 if(k==="find"){$("find").value=v;F.find=v.toLowerCase().split(/\s+/);apply();}
 if(k==="n"&&byN.get(Number(v)))select(byN.get(Number(v)),true);}
document.documentElement.dataset.ready=String(rows.length);
`;
