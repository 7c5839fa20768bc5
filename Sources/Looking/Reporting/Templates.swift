/// The pages as Mustache templates. Two braces escape; three are for parts that this module made of escaped text.
enum Templates {
  static let all = [
    "head": head, "foot": foot, "pictures": pictures, "table": table, "plots": plots, "index": index, "image": image,
    "browse": browse,
    "confusion": confusion, "comparison": comparison,
  ]

  private static let head = """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{{title}}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="{{root}}style.css">
    </head>
    <body>

    """

  private static let foot = """
    </body>
    </html>

    """

  /// Pictures that stand side by side: a photograph with masks over it, or a d map alone.
  private static let pictures = """
    <div class="row">{{#cells}}
    <figure><a class="stack" href="{{href}}" style="aspect-ratio:{{width}}/{{height}}"><img src="{{src}}"
    alt="{{alt}}" loading="lazy" width="{{width}}" height="{{height}}">{{#over}}<img class="over" src="{{.}}" alt=""
    loading="lazy" width="{{width}}" height="{{height}}">{{/over}}{{#tags}}<span class="tag"
    style="left:{{x}}%;top:{{y}}%">{{name}}</span>{{/tags}}</a>
    <figcaption>{{caption}}{{#hasNote}}<br><small>{{note}}</small>{{/hasNote}}</figcaption></figure>{{/cells}}
    </div>

    """

  private static let table = """
    <div class="scroll" tabindex="0" role="region" aria-label="{{label}}"><table>
    <caption>{{label}}</caption>
    <thead><tr>{{#header}}<th scope="col"{{#isWord}} class="word"{{/isWord}}>{{text}}</th>{{/header}}</tr></thead>
    <tbody>{{#rows}}
    <tr class="{{kind}}"><th scope="row">{{#href}}<a
    href="{{href}}">{{title}}</a>{{/href}}{{^href}}{{title}}{{/href}}</th>{{#cells}}<td{{#word}}
    class="word"{{/word}}>{{#best}}<strong>{{text}}</strong>{{/best}}{{^best}}\
    {{text}}{{/best}}</td>{{/cells}}</tr>{{/rows}}
    </tbody></table></div>
    {{#files}}<p class="files">Files: {{#links}}<a href="{{href}}">{{name}}</a> {{/links}}</p>{{/files}}

    """

  private static let plots = """
    <div class="plots">{{#plots}}
    <figure><a href="{{src}}"><img src="{{src}}" alt="{{alt}}" loading="lazy" width="520"
    height="{{height}}"></a></figure>{{/plots}}
    </div>

    """

  private static let index = """
    {{>head}}
    <header><h1>{{name}}</h1>
    <p>{{dataset}}</p>
    <p>{{status}}</p>
    <nav aria-label="Parts of this page"><ul>{{#contents}}<li><a
    href="#{{anchor}}">{{word}}</a></li>{{/contents}}</ul></nav></header>
    <main>
    {{#hasNotes}}<section class="notes" aria-label="Notes">
    <h2>To be known</h2><ul>{{#notes}}<li>{{.}}</li>{{/notes}}</ul></section>{{/hasNotes}}
    {{#hasTables}}<section id="tables"><h2>Table 1: results per class</h2>
    <p>IoU in %. One confusion matrix over all images of the split, void pixels left out, mean over the classes that
    occur. Largest measured value of a column in bold; gains in percentage points.</p>
    {{#tables}}{{>table}}{{/tables}}</section>{{/hasTables}}
    {{#hasLiterature}}<section id="literature"><h2>Tables 2 and 3: beside the literature</h2>
    <p>{{literatureNote}}</p>
    <details{{#isVOC}} open{{/isVOC}}><summary>Tables 2 and 3</summary>
    {{#literature}}{{>table}}{{/literature}}</details></section>{{/hasLiterature}}
    {{#hasCurves}}<section id="curves"><h2>Training</h2>
    {{#trainings}}<h3>{{step}}</h3><p>{{summary}}</p>{{#warnings}}<p class="warning">{{.}}</p>{{/warnings}}
    {{>plots}}{{/trainings}}</section>{{/hasCurves}}
    {{#hasFigure7}}<section id="figure7"><h2>Figure 7: what was chosen</h2>
    <p>{{figure7Note}}</p><p><img src="data/plots/d-scale.svg"
    alt="colour scale of d from 0, dark blue, to 1, yellow" width="260" height="40"></p>
    {{#figure7}}<h3>{{heading}}</h3><p>{{explanation}}</p>{{#items}}<h4><a href="{{href}}">{{id}}</a>
    <small>{{note}}</small></h4>{{>pictures}}{{/items}}{{/figure7}}</section>{{/hasFigure7}}
    {{#hasFigure8}}<section id="figure8"><h2>Figure 8: segmentation examples</h2>
    {{#figure8}}<h3>{{heading}}</h3><p>{{explanation}}</p>{{#items}}<h4><a href="{{href}}">{{id}}</a>
    <small>{{note}}</small></h4>{{>pictures}}{{/items}}{{/figure8}}</section>{{/hasFigure8}}
    {{#hasBrowse}}<section id="browse"><h2>Browse the images</h2>
    {{#browse}}<h3>{{heading}}</h3><ul class="links">{{#links}}<li><a
    href="{{href}}">{{word}}</a></li>{{/links}}</ul>{{/browse}}
    <h3>Colours of the classes</h3><ul class="legend">{{#legend}}<li><span class="swatch"
    style="background:{{colour}}"></span>{{name}}</li>{{/legend}}</ul></section>{{/hasBrowse}}
    {{#hasMerges}}<section id="why"><h2>Why it worked, measured</h2>
    {{#merges}}<h3>{{heading}}</h3>{{#sentences}}<p>{{.}}</p>{{/sentences}}{{>plots}}\
    {{#tables}}{{>table}}{{/tables}}{{/merges}}</section>{{/hasMerges}}
    {{#hasFigure6}}<section id="figure6"><h2>Figure 6: over the parameter grid</h2>
    <p>mIoU in % of every cell of the pipeline's \
    matrices.</p>{{#figure6}}{{>plots}}{{>table}}{{/figure6}}</section>{{/hasFigure6}}
    {{#hasConfusion}}<section id="confusion"><h2>What is taken for what</h2>
    <p>Where the pixels of each true class went, in %. A cell leads to the images that fill it most.</p>
    {{#confusion}}{{{matrix}}}{{/confusion}}
    <ul class="links">{{#confusionLinks}}<li><a
    href="{{href}}">{{word}}</a></li>{{/confusionLinks}}</ul></section>{{/hasConfusion}}
    <section id="provenance"><h2>How it was made</h2>
    {{#provenance}}{{>table}}{{/provenance}}
    {{#steps}}<details><summary>{{name}}: {{stage}}, {{state}}</summary><p class="command"><code>{{command}}</code></p>
    <dl>{{#facts}}<dt>{{name}}</dt><dd>{{value}}</dd>{{/facts}}</dl></details>{{/steps}}
    <p class="files">Everything as data: <a href="data/report.json">report.json</a>, <a
    href="data/results.md">results.md</a></p></section>
    </main>
    {{>foot}}
    """

  private static let image = """
    {{>head}}
    <header><p><a href="{{root}}index.html">Report</a>{{#previous}} · <a rel="prev"
    href="{{.}}">previous</a>{{/previous}}{{#next}} · <a rel="next" href="{{.}}">next</a>{{/next}}</p>
    <h1>{{id}}</h1><p>{{facts}}</p></header>
    <main>
    <section id="slider" hidden aria-label="Two masks under a slider"><h2>Two masks, one over the other</h2>
    <p><label>Left <select id="left">{{#choices}}<option value="{{src}}"{{#left}}
    selected{{/left}}>{{word}}</option>{{/choices}}</select></label>
    <label>Right <select id="right">{{#choices}}<option value="{{src}}"{{#right}}
    selected{{/right}}>{{word}}</option>{{/choices}}</select></label></p>
    <div class="slide" style="aspect-ratio:{{width}}/{{height}};max-width:{{slideWidth}}px"><img src="{{photograph}}"
    alt="photograph" width="{{width}}" height="{{height}}"><img id="one" class="over" src="{{leftSource}}"
    alt="mask on the left" width="{{width}}" height="{{height}}"><img id="two" class="over" src="{{rightSource}}"
    alt="mask on the right" width="{{width}}" height="{{height}}"><span id="edge"></span></div>
    <p><label for="position">Border between the two</label> <input id="position" type="range" min="0" max="100"
    value="50"></p></section>
    <section class="large"><h2>Side by side</h2>{{>pictures}}
    {{#hasScale}}<p><img src="{{root}}data/plots/d-scale.svg" alt="colour scale of d from 0, dark blue, to 1, yellow"
    width="260" height="40"></p>{{/hasScale}}
    {{#hasChoice}}<p>Choice where the masks differ: <span class="swatch won"></span>won, <span
    class="swatch lost"></span>lost, <span class="swatch neither"></span>both are wrong.</p>{{/hasChoice}}</section>
    {{#tables}}{{>table}}{{/tables}}
    </main>
    <script src="{{root}}slider.js"></script>
    {{>foot}}
    """

  private static let browse = """
    {{>head}}
    <header><p><a href="{{root}}index.html">Report</a></p><h1>{{title}}</h1><p>{{explanation}}</p>
    <nav aria-label="Pages"><ul class="pages">{{#pages}}<li>{{#href}}<a
    href="{{href}}">{{word}}</a>{{/href}}{{^href}}<strong
    aria-current="page">{{word}}</strong>{{/href}}</li>{{/pages}}</ul></nav></header>
    <main>{{>pictures}}</main>
    {{>foot}}
    """

  private static let confusion = """
    {{>head}}
    <header><p><a href="{{root}}index.html">Report</a></p><h1>{{title}}</h1>
    <p>Where the pixels of each true class went, in %. A cell leads to the images that fill it most.</p></header>
    <main>{{{matrix}}}
    {{#entries}}<section id="{{anchor}}"><h2>{{heading}}</h2><p>{{note}}</p><ul
    class="links">{{#links}}<li>{{#href}}<a href="{{href}}">{{id}}</a>{{/href}}{{^href}}{{id}}{{/href}}
    <small>{{count}}</small></li>{{/links}}</ul></section>{{/entries}}
    </main>
    {{>foot}}
    """

  private static let comparison = """
    {{>head}}
    <header><h1>{{title}}</h1><ul>{{#variants}}<li>{{.}}</li>{{/variants}}</ul></header>
    <main>
    {{#hasNotes}}<section class="notes" aria-label="Notes">
    <h2>To be known</h2><ul>{{#notes}}<li>{{.}}</li>{{/notes}}</ul></section>{{/hasNotes}}
    <section id="parameters"><h2>What differs</h2>
    {{#hasParameters}}{{#parameters}}{{>table}}{{/parameters}}{{/hasParameters}}
    {{^hasParameters}}<p>No parameter differs.</p>{{/hasParameters}}</section>
    <section id="tables"><h2>Results</h2><p>IoU in %; differences in percentage points against the
    first.</p>{{#tables}}{{>table}}{{/tables}}</section>
    {{#hasCurves}}<section
    id="curves"><h2>Training</h2>{{#trainings}}<h3>{{step}}</h3>{{>plots}}{{/trainings}}</section>{{/hasCurves}}
    {{#hasImages}}<section id="images"><h2>Images that changed
    most</h2>{{#images}}<h3>{{heading}}</h3><p>{{explanation}}</p>{{#items}}<h4>{{id}}
    <small>{{note}}</small></h4>{{>pictures}}{{/items}}{{/images}}</section>{{/hasImages}}
    </main>
    {{>foot}}
    """
}
