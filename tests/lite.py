"""How the tests open a lab in the browser, and talk to its kernel."""

import json

from submissions import answers

from unrolled.authoring.notebooks import ROOT

SECONDS = 300_000  # milliseconds, in truth: what a busy machine may take
READY = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.context;
  return context?.sessionContext?.session?.kernel?.status === "idle";
}"""
OPEN = "() => window.jupyterapp?.shell?.currentWidget?.content?.model?.cells?.length > 1"
# runs code in the kernel of the open lab: what it printed or showed, and its error
EXECUTE = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  const told = { text: "", error: "" };
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream" && content.name === "stdout") told.text += content.text;
    if (header.msg_type === "execute_result") told.text += content.data["text/plain"];
    if (header.msg_type === "error") told.error = content.ename + ": " + content.evalue;
  };
  await future.done;
  return told;
}"""
RUN_ALL = """async () => {
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
  const { content, context } = window.jupyterapp.shell.currentWidget;
  const cells = [...content.model.cells].filter((cell) => cell.type === "code");
  return cells.map((cell) => ({ id: cell.id, outputs: cell.outputs.toJSON() }));
}"""
# writes answers into the cells of exercises, {name: source}
FILL = """(answers) => {
  for (const cell of window.jupyterapp.shell.currentWidget.content.model.cells) {
    const told = cell.getMetadata("nbgrader");
    if (told?.solution && told.grade_id in answers) {
      cell.sharedModel.setSource(answers[told.grade_id]);
    }
  }
}"""
# runs the first cell that begins so, without waiting for it; the number of the cell
BEGIN = """(beginning) => {
  const { content } = window.jupyterapp.shell.currentWidget;
  const begins = (cell) => cell.model.sharedModel.getSource().startsWith(beginning);
  const index = content.widgets.findIndex(begins);
  content.deselectAll();
  content.activeCellIndex = index;
  window.jupyterapp.commands.execute("notebook:run-cell");
  return index;
}"""
OUTPUT = """(index) => JSON.stringify(
  window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON())"""
SAYS = f"(index) => ({OUTPUT})(index).includes('did not end within')"
SOURCES = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .map((cell) => cell.sharedModel.getSource())"""
SCORES = """
import json as _json
print(_json.dumps({line.name: [line.score, line.points] for line in summary().lines}))
"""


def alone(context, address):
    """Let the browser reach the address only; the list that other hosts, if asked, get into."""
    elsewhere = []

    def other(route):
        elsewhere.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith((address, "data:", "blob:")), other)
    return elsewhere


def opened(page, address, lab):
    """Click through to a lab, and wait until its Python is ready."""
    page.goto(f"{address}/lite/index.html?lab={lab}")
    ready(page)


def ready(page):
    """Wait until a lab is open and its Python ready."""
    page.wait_for_url("**/notebooks/index.html?path=*", timeout=SECONDS)
    page.wait_for_function(OPEN, timeout=SECONDS)
    page.locator("#unrolled-bar[data-ready]").wait_for(timeout=SECONDS)  # what it says may change
    page.wait_for_function(READY, timeout=SECONDS)


def reached(page, matches, key="Tab"):
    """Whether some presses of a key bring the focus to what JavaScript says `it` is."""
    for _ in range(60):
        if page.evaluate(f"() => {{ const it = document.activeElement; return {matches}; }}"):
            return True
        page.keyboard.press(key)
    return False


def notebooks():
    """{lab: its notebook} of the tree."""
    paths = sorted((ROOT / "labs").glob("lab*.ipynb"))
    return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


def filled(notebook, lab):
    """The code cells of a notebook, with the solution's answers in their places."""
    right = answers(lab.partition("_")[0])
    cells = []
    for cell in notebook["cells"]:
        told = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code":
            mine = told.get("solution") and told["grade_id"] in right
            cells.append(right[told["grade_id"]].source if mine else "".join(cell["source"]))
    return cells
