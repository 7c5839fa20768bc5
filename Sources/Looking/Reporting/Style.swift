/// What pages share beside their templates.
enum Style {
  /// Light and dark by the reader's setting; printable; nothing wider than the screen but what scrolls in a box of its
  /// own.
  static let sheet = """
    :root{--ink:#1b1d20;--soft:#54595f;--paper:#fff;--panel:#f4f5f7;--line:#cfd3d8;--link:#0057a8;--warn:#8a3b00;
    --warnpaper:#fff3e6;--heat:0,87,168}
    @media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a9b0b8;--paper:#17191c;--panel:#22262b;
    --line:#444b53;--link:#8ac4ff;--warn:#ffb26b;--warnpaper:#33261a;--heat:86,180,233}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:1500px;padding:0 16px 48px;color:var(--ink);background:var(--paper);
    font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
    h1{font-size:1.7rem;margin:.6em 0 .2em}h2{font-size:1.35rem;margin:2em 0 .5em;border-bottom:1px solid var(--line)}
    h3{font-size:1.1rem;margin:1.4em 0 .3em}h4{font-size:1rem;margin:1em 0 .3em}
    h4 small,figcaption small,.links small{color:var(--soft);font-weight:400}
    a{color:var(--link)}
    a:focus-visible,input:focus-visible,select:focus-visible,.scroll:focus-visible,summary:focus-visible{
    outline:3px solid var(--link);outline-offset:2px}
    nav ul,.links,.legend,.pages{list-style:none;margin:.5em 0;padding:0;display:flex;flex-wrap:wrap;gap:.3em 1.1em}
    .notes,.warning{background:var(--warnpaper);border-left:4px solid var(--warn);padding:.5em 1em;margin:1em 0}
    .notes h2{border:0;margin:.2em 0;font-size:1.1rem}.warning{color:var(--warn);font-weight:600}
    .scroll{overflow-x:auto;margin:1em 0 .3em}
    table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
    caption{text-align:left;font-weight:600;padding:.2em 0;white-space:nowrap}
    th,td{border-bottom:1px solid var(--line);padding:.25em .55em;text-align:right;white-space:nowrap}
    thead th{vertical-align:bottom;background:var(--panel)}
    tbody th,thead th:first-child,th.word,td.word{text-align:left}tbody th{font-weight:500}
    tr.gain th,tr.gain td{background:var(--panel);font-style:italic}tr.published th,tr.published td{color:var(--soft)}
    .files{font-size:.85rem;color:var(--soft);margin:.2em 0 1.2em}
    .row{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:.3em 0 1em}
    .large .row{grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr))}
    figure{margin:0;min-width:0}figcaption{font-size:.85rem;line-height:1.3;padding:.2em 0}
    .stack,.slide{position:relative;display:block;width:100%;background:#000}
    .stack img,.slide img{display:block;width:100%;height:100%;object-fit:contain}
    .over{position:absolute;left:0;top:0;opacity:.72}
    .tag{position:absolute;transform:translate(-50%,-50%);background:rgba(0,0,0,.72);color:#fff;font-size:.72rem;
    line-height:1.2;padding:0 .3em;border-radius:3px;white-space:nowrap;pointer-events:none}
    .slide{margin:.5em 0}#two{opacity:.72}
    #edge{position:absolute;top:0;bottom:0;width:2px;background:#fff;box-shadow:0 0 0 1px #000;pointer-events:none}
    #position{width:min(100%,480px);vertical-align:middle}select{max-width:100%;font:inherit}
    .plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:16px;margin:.8em 0}
    .plots img{width:100%;max-width:620px;height:auto;border:1px solid var(--line)}
    p img{max-width:100%;height:auto}
    .swatch{display:inline-block;width:1em;height:1em;border:1px solid var(--soft);margin:0 .35em -.1em 0}
    .won{background:#0072b2}.lost{background:#e67800}.neither{background:#969696}
    .heat td{background:rgba(var(--heat),calc(var(--v)*.55));text-align:right}
    .heat td a{color:inherit;text-decoration:none}.heat td a:hover,.heat td a:focus{text-decoration:underline}
    .heat td.own{outline:2px solid var(--soft);outline-offset:-2px}
    details{border-bottom:1px solid var(--line);padding:.25em 0}summary{cursor:pointer}.command code{font-size:.82rem}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;font-size:.85rem}dt{color:var(--soft)}
    dd{margin:0;min-width:0}
    @media(max-width:560px){dl{grid-template-columns:1fr}
    .row{grid-template-columns:repeat(auto-fill,minmax(105px,1fr))}}
    @media print{nav,#slider{display:none}.scroll{overflow:visible}table{font-size:.6rem}th,td{padding:.1em .2em}
    figure,tr{break-inside:avoid}body{max-width:none}}

    """

  /// Two masks over one photograph with a border that moves. Without it the masks stand side by side.
  static let slider = """
    'use strict';
    (function () {
      var section = document.getElementById('slider');
      var position = document.getElementById('position');
      var one = document.getElementById('one'), two = document.getElementById('two');
      var edge = document.getElementById('edge');
      function place() {
        var share = position.value;
        one.style.clipPath = 'inset(0 ' + (100 - share) + '% 0 0)';
        two.style.clipPath = 'inset(0 0 0 ' + share + '%)';
        edge.style.left = 'calc(' + share + '% - 1px)';
      }
      [['left', one], ['right', two]].forEach(function (pair) {
        var choice = document.getElementById(pair[0]);
        choice.addEventListener('change', function () { pair[1].src = choice.value; });
        pair[1].src = choice.value;
      });
      position.addEventListener('input', place);
      place();
      section.hidden = false;
    })();

    """
}
