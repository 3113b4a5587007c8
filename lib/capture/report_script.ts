// What the HTML report does in the browser, first part: data, filter, time line. Plain script text,
// since nothing compiles it; it must not hold the closing tag of a script.

export const REPORT_SCRIPT = String.raw`"use strict";
const D=JSON.parse(document.getElementById("data").textContent);
const PROTO=["client","words","election","quorum","tls","http","unknown"];
const $=id=>document.getElementById(id);
const css=name=>getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let C={};
function colours(){for(const k of ["bg","panel","line","text","dim","bold","bad","warn","sel",...PROTO])
 C[k]=css("--"+k);C.of=PROTO.map(p=>C[p]);}
colours();
// Order of the fields as report.ts packs them.
const KEYS=["n","t","p","a","b","kind","name","from","to","conn","size","lost","xid","session","zxid",
 "path","error","errorName","latency","about","note","bytes","spans"];
const M=D.messages.map(row=>{const m={};KEYS.forEach((k,i)=>m[k]=row[i]);return m;});
const byN=new Map(M.map(m=>[m.n,m]));
for(const m of M){if(m.about!==null){const q=byN.get(m.about);
 if(q){if(m.kind==="event")(q.events=q.events||[]).push(m);else q.reply=m;}}}
for(const m of M)m.words=[m.name,m.path,m.session,m.zxid,m.errorName==="OK"?"":m.errorName,m.from,m.to,
 m.note,m.kind,PROTO[m.p],D.lanes[m.a],D.lanes[m.b],m.xid===null?"":"xid:"+m.xid,"#"+m.conn]
 .join(" ").toLowerCase();
const S=D.stories.map(([t,from,type,words,steps])=>({t,from,type,words,steps,isStory:true}));
const esc=s=>String(s).replace(/[&<>"']/g,c=>"&#"+c.charCodeAt(0)+";");
function clock(t){const ns=BigInt(D.origin)+BigInt(Math.round(t*1e6));
 const d=new Date(Number(ns/1000000n));
 return d.toISOString().slice(11,19)+"."+String(ns%1000000000n).padStart(9,"0").slice(0,6);}
function dur(x){return x<10?x.toFixed(3)+" ms":x<1000?x.toFixed(1)+" ms":(x/1000).toFixed(2)+" s";}

// ---- filter -------------------------------------------------------------------------------------
const F={find:[],on:PROTO.map(()=>true),errors:false,slower:0,from:0,to:D.end||1};
let rows=[],shown=[],selected=null;
function matches(m){
 if(!F.on[m.p])return false;
 if(F.errors&&!(m.error<0)&&!m.lost)return false;
 if(F.slower&&(m.kind==="event"||!(m.latency>=F.slower)))return false;
 for(const w of F.find)if(!m.words.includes(w))return false;
 return true;}
const STORY_PROTO={session:0,write:3,election:2,sync:3,epoch:3,tls:4};
function storyMatches(s){
 if(s.type==="write"||F.errors||F.slower)return s.type==="loss"&&!F.slower;
 const p=STORY_PROTO[s.type];
 if(p!==undefined&&!F.on[p])return false;
 const words=s.words.toLowerCase();
 return F.find.every(w=>words.includes(w));}
function apply(){
 shown=M.filter(matches);
 const inside=x=>x.t>=F.from&&x.t<=F.to;
 rows=[...shown.filter(inside),...S.filter(s=>inside(s)&&storyMatches(s))];
 rows.sort((x,y)=>x.t-y.t||(x.isStory?1:0)-(y.isStory?1:0)||(x.n||0)-(y.n||0));
 const count=rows.filter(r=>!r.isStory).length;
 $("count").textContent=count+" of "+M.length+" messages"+(zoomed()?", "+dur(F.to-F.from)+" of time":"");
 drawTime();layout();}
const zoomed=()=>F.from>0||F.to<(D.end||1);
function setRange(from,to){
 const least=0.001;from=Math.max(0,from);to=Math.min(D.end||1,to);
 if(to-from<least){const mid=(from+to)/2;from=Math.max(0,mid-least/2);to=from+least;}
 F.from=from;F.to=to;apply();}

// ---- time line ----------------------------------------------------------------------------------
const T=$("timeline"),box=$("time");
const H=176,BARS=78,DOTS_TOP=84,DOTS_H=62,PAD=52;
function scaled(canvas,w,h){const r=devicePixelRatio||1;canvas.width=w*r;canvas.height=h*r;
 canvas.style.width=w+"px";canvas.style.height=h+"px";const g=canvas.getContext("2d");
 g.setTransform(r,0,0,r,0,0);return g;}
const xOf=t=>PAD+(t-F.from)/(F.to-F.from)*(box.clientWidth-PAD-8);
const tOf=x=>F.from+(x-PAD)/(box.clientWidth-PAD-8)*(F.to-F.from);
function niceStep(span,count){const raw=span/count;const p=10**Math.floor(Math.log10(raw));
 for(const k of [1,2,5,10])if(raw<=k*p)return k*p;return 10*p;}
function drawTime(){
 const w=box.clientWidth,g=scaled(T,w,H);
 g.clearRect(0,0,w,H);g.font="11px system-ui";g.textBaseline="middle";
 drawBands(g);
 const step=niceStep(F.to-F.from,w/130);
 g.fillStyle=C.dim;g.strokeStyle=C.line;g.lineWidth=1;
 for(let t=Math.ceil(F.from/step)*step;t<=F.to;t+=step){
  const x=Math.round(xOf(t))+.5;g.globalAlpha=.5;g.beginPath();
  g.moveTo(x,0);g.lineTo(x,H-18);g.stroke();
  g.globalAlpha=1;g.textAlign=x>w-70?"right":"left";
  g.fillText(step>=1000?"+"+(t/1000).toFixed(step%1000?1:0)+" s":"+"+t.toFixed(step<1?3:0)+" ms",x+(x>w-70?-3:3),H-9);}
 drawBars(g,w);drawDots(g);
 g.textAlign="left";g.fillStyle=C.dim;g.fillText("messages",PAD+6,15);g.fillText("latency",PAD+6,DOTS_TOP+8);
 g.strokeStyle=C.line;g.beginPath();g.moveTo(PAD,BARS+2.5);g.lineTo(w,BARS+2.5);g.stroke();}
function drawBands(g){
 for(const s of S){
  if(s.t<F.from||s.from>F.to)continue;
  const a=Math.max(PAD,xOf(s.from)),b=Math.max(a+2,xOf(s.t));
  if(s.type==="election"){g.fillStyle=C.election;g.globalAlpha=.16;g.fillRect(a,0,b-a,H-18);
   g.globalAlpha=.8;g.fillRect(a,0,b-a,3);}
  else if(s.type==="sync"){g.fillStyle=C.quorum;g.globalAlpha=.14;g.fillRect(a,0,b-a,H-18);
   g.globalAlpha=.8;g.fillRect(a,3,b-a,3);}
  else if(s.type==="loss"){g.fillStyle=C.bad;g.globalAlpha=.9;g.fillRect(b-1,0,2,H-18);}
  else if(s.type==="epoch"){g.fillStyle=C.warn;g.globalAlpha=.7;g.fillRect(b-1,0,1,H-18);}
  g.globalAlpha=1;}}
function drawBars(g,w){
 const bins=Math.max(1,Math.floor((w-PAD-8)/4)),sum=[];let most=1;
 for(const m of shown){if(m.t<F.from||m.t>F.to)continue;
  const i=Math.min(bins-1,Math.floor((m.t-F.from)/(F.to-F.from)*bins));
  const bin=sum[i]||(sum[i]={n:0,p:PROTO.map(()=>0),bad:0});
  bin.n++;bin.p[m.p]++;if(m.error<0)bin.bad++;if(bin.n>most)most=bin.n;}
 sum.forEach((bin,i)=>{let y=BARS;const x=PAD+i*4;
  bin.p.forEach((n,p)=>{if(!n)return;const h=Math.max(1,n/most*(BARS-14));
   g.fillStyle=C.of[p];g.fillRect(x,y-h,3,h);y-=h;});
  if(bin.bad){g.fillStyle=C.bad;g.fillRect(x,y-4,3,3);}});
 g.fillStyle=C.dim;g.textAlign="right";g.fillText(String(most),PAD-5,14);g.fillText("0",PAD-5,BARS-4);}
const LATENCIES=M.filter(m=>m.latency>0&&m.kind!=="event").map(m=>m.latency);
const low=LATENCIES.reduce((x,l)=>Math.min(x,l),1),high=LATENCIES.reduce((x,l)=>Math.max(x,l),10);
const LAT=[10**Math.floor(Math.log10(low)),10**Math.ceil(Math.log10(high)+.05)];
const yOf=l=>DOTS_TOP+DOTS_H-(Math.log10(Math.min(LAT[1],Math.max(LAT[0],l)))-Math.log10(LAT[0]))/
 (Math.log10(LAT[1])-Math.log10(LAT[0]))*DOTS_H;
function drawDots(g){
 g.fillStyle=C.dim;g.textAlign="right";
 for(let l=LAT[0],i=0;l<=LAT[1]*1.01;l*=10,i++){const y=yOf(l);
  g.globalAlpha=.35;g.fillRect(PAD,Math.round(y),box.clientWidth,.6);g.globalAlpha=1;
  if(i%2===0&&l<LAT[1]*.9)g.fillText(l<1?+(l*1000).toPrecision(1)+" µs":l<1000?l+" ms":l/1000+" s",PAD-5,y);}
 for(const m of shown){if(m.latency===null||m.kind==="event"||m.t<F.from||m.t>F.to)continue;
  g.fillStyle=m.error<0?C.bad:C.of[m.p];g.globalAlpha=.75;
  g.beginPath();g.arc(xOf(m.t),yOf(m.latency),m===selected?4:2.2,0,7);g.fill();}
 g.globalAlpha=1;
 if(selected&&selected.t>=F.from&&selected.t<=F.to){g.fillStyle=C.bold;
  g.fillRect(xOf(selected.t),0,1,H-18);}}
let drag=null;
box.addEventListener("pointerdown",e=>{drag=e.offsetX;box.setPointerCapture(e.pointerId);});
box.addEventListener("pointermove",e=>{
 const brush=$("brush");
 if(drag!==null){brush.style.display="block";brush.style.left=Math.min(drag,e.offsetX)+"px";
  brush.style.width=Math.abs(e.offsetX-drag)+"px";$("tip").style.display="none";return;}
 hint(e);});
box.addEventListener("pointerup",e=>{
 $("brush").style.display="none";
 if(drag===null)return;const a=Math.min(drag,e.offsetX),b=Math.max(drag,e.offsetX);drag=null;
 if(b-a>4)setRange(tOf(Math.max(PAD,a)),tOf(b));else{const near=nearest(e.offsetX,e.offsetY);
  if(near)select(near,true);}});
box.addEventListener("pointerleave",()=>{$("tip").style.display="none";});
box.addEventListener("dblclick",()=>setRange(0,D.end||1));
box.addEventListener("wheel",e=>{e.preventDefault();const t=tOf(Math.max(PAD,e.offsetX)),
 k=e.deltaY>0?1.25:.8;setRange(t-(t-F.from)*k,t+(F.to-t)*k);},{passive:false});
function nearest(x,y){let best=null,d=144;
 for(const m of shown){if(m.t<F.from||m.t>F.to)continue;const dx=xOf(m.t)-x;
  const dy=m.latency===null||m.kind==="event"||y<BARS?0:yOf(m.latency)-y;
  const q=dx*dx+dy*dy;if(q<d){d=q;best=m;}}
 return best;}
function hint(e){const tip=$("tip");const t=tOf(e.offsetX);
 const story=S.find(s=>s.type!=="write"&&s.type!=="session"&&xOf(s.from)-3<=e.offsetX&&xOf(s.t)+3>=e.offsetX);
 const m=nearest(e.offsetX,e.offsetY);
 const text=m&&e.offsetY>BARS?line(m):story?story.words:clock(t);
 tip.textContent=text;tip.style.display="block";
 tip.style.left=Math.min(e.offsetX+12,box.clientWidth-tip.offsetWidth-6)+"px";
 tip.style.top=Math.min(e.offsetY+14,H-tip.offsetHeight-4)+"px";}
function line(m){return clock(m.t)+"  "+m.name+(m.path?" "+m.path:"")+
 (m.error<0?" "+m.errorName:"")+(m.latency===null?"":" "+dur(m.latency));}
`;
