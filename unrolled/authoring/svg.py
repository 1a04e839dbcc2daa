"""Figures by matplotlib as markup for a page: in the page's colours, named, and small.

matplotlib writes for programs that edit drawings: six digits, a group and an id for everything, the
style of each path in full. A reader's browser needs none of that, and a page of figures is three
to five times as long with it.
"""

import itertools
import re
import xml.etree.ElementTree as ET

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
DIGITS = 2  # of a coordinate, in points: a hundredth of a point is nothing to see ...
LONG = 2000  # characters of a path in which a tenth of a point is nothing to see
REPEATED = 3  # times a style is used before it becomes a class
NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
COMMAND = re.compile(r"([MLQCzZ])([^MLQCzZ]*)")


def themed(text, prefix, alt):
    """Markup of an SVG by matplotlib, to stand in a page, and of its drawing for a phone, or "".

    Ids and classes get the prefix, colours of the figures' palette become CSS variables, the
    background goes, and the whole is one image named `alt`. The second drawing, which figures.py
    puts into the SVG, uses glyphs and marks of the first.
    """
    root = ET.fromstring(text)
    second = root.find(f"{SVG}metadata[@id='narrow']/{SVG}svg")
    if second is None:
        return _markup(_prepared(root, prefix, alt, "unrolled-figure")[0]), ""
    wide, names = _prepared(root, prefix, alt, "unrolled-figure only-wide")
    narrow, others = _prepared(second, prefix + "n", alt, "unrolled-figure only-narrow")
    _share(narrow, others, wide, names)
    return _markup(wide), _markup(narrow)


def _markup(root):
    ET.register_namespace("", SVG[1:-1])
    return ET.tostring(root, encoding="unicode")


def _share(root, names, other, others):
    """Let a second drawing use the glyphs and marks of the first; names: {id by matplotlib: id}."""
    there = {path.get("id"): path.get("d") for path in other.iter(SVG + "path") if path.get("id")}
    first = {names[name]: others[name] for name in names if name in others}
    for defs in list(root.iter(SVG + "defs")):
        for path in defs.findall(SVG + "path"):
            name = path.get("id")
            if name in first and there.get(first[name]) == path.get("d"):
                defs.remove(path)
                for use in root.iter(SVG + "use"):
                    if use.get("href") == "#" + name:
                        use.set("href", "#" + first[name])


def _prepared(root, prefix, alt, kind):
    """The root of one drawing, ready for a page, and its names: {id by matplotlib: id}."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (SVG + "metadata", SVG + "style"):
                parent.remove(child)  # the style is global in a page; ours says the same, narrower
            elif child.tag == SVG + "defs" and not len(child):
                parent.remove(child)
    background = root.find(f".//{SVG}g[@id='patch_1']/{SVG}path")
    if background is not None:
        background.set("style", "fill: none")
    for element in root.iter():
        for key, value in element.attrib.items():
            if "#" in value and key not in ("href", XLINK + "href"):
                element.set(key, themed_colours(value))
    width = float(root.get("width", "0").removesuffix("pt")) * 4 / 3  # points to CSS pixels
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    shorten(root)
    names = name_apart(root, prefix)
    for key, value in {
        "class": kind,
        "role": "img",
        "aria-label": alt,
        "style": f"--figure-width: {width:.0f}px",
    }.items():
        root.set(key, value)
    return root, names


def themed_colours(style):
    """`style` with each colour of the palette as a variable, for the style sheet to set."""
    from unrolled.support.figures import COLOURS

    names = {colour.lower(): name for name, colour in COLOURS.items()} | {"#000000": "ink"}

    def variable(match):
        colour = match[0].lower()
        return f"var(--figure-{names[colour]})" if colour in names else match[0]

    return re.sub(r"#[0-9a-fA-F]{6}\b", variable, style)


def shorten(root):
    """Say the same with fewer characters: numbers, paths, ids nobody uses, groups of nothing."""
    used = {match for e in root.iter() for v in e.attrib.values() for match in _references(v)}
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        if "d" in element.attrib:
            # a glyph's outline is in units of the font, scaled down where it is used
            long = len(element.get("d")) > LONG
            element.set("d", short_path(element.get("d"), DIGITS - long))
        for key in {"x", "y", "x1", "y1", "x2", "y2", "transform", "viewBox"} & set(element.keys()):
            digits = DIGITS + 3 * ("scale" in element.get(key) or "matrix" in element.get(key))
            element.set(key, short_numbers(element.get(key), digits))
        if "style" in element.attrib:
            parts = [part.strip() for part in element.get("style").split(";") if part.strip()]
            element.set("style", "; ".join(short_numbers(part, DIGITS + 1) for part in parts))
        element.tail = None
        if not (element.text or "").strip():
            element.text = None
    _unwrap(root)


def _references(value):
    return [value[1:]] if value.startswith("#") else re.findall(r"url\(#([^)]+)\)", value)


def _unwrap(parent):
    """Put what is in a group without attributes in the group's place."""
    kept = []
    for child in parent:
        _unwrap(child)
        if child.tag == SVG + "g" and not child.attrib:
            kept += list(child)
        else:
            kept.append(child)
    parent[:] = kept


def short_numbers(text, digits):
    """`text` with every number rounded, outside of names and hexadecimal colours."""
    return re.sub(r"(?<![#\w.-])-?\d+\.\d+(?:e-?\d+)?", lambda m: _rounded(m[0], digits), text)


def _rounded(number, digits):
    """A number's shortest form with so many digits after the point: "-.5", "12", "0"."""
    if "." not in number:
        return number
    shown = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    return {"-0": "0"}.get(shown, re.sub(r"^(-?)0\.", r"\1.", shown))


def short_path(d, digits):
    """A path of matplotlib's (absolute M, L, Q, C and z) in fewer characters.

    Repeated letters go; level and upright lines become h and v's absolute forms.
    """
    out, before, at = [], "", (None, None)
    for letter, numbers in COMMAND.findall(d):
        values = [_rounded(number, digits) for number in NUMBER.findall(numbers)]
        if letter in "zZ":
            out.append("z")
            before = "z"
            continue
        place = tuple(values[-2:])
        if letter == "L" and place[1] == at[1]:
            letter, values = "H", values[:1]
        elif letter == "L" and place[0] == at[0]:
            letter, values = "V", values[1:]
        text = " ".join(values).replace(" -", "-")
        # after M, numbers without a letter are lines
        follows = letter == before or (letter == "L" and before == "M")
        joint = "" if text.startswith("-") or not follows else " "
        out.append((joint if follows else letter) + text)
        before, at = letter, place
    return "".join(out)


def name_apart(root, prefix):
    """Give ids short names with the prefix, and what has a style that others have too a class.

    Returns {id before: id}.
    """
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    short = {name: f"{prefix}{number}" for number, name in enumerate(ids)}
    for element in root.iter():
        link = element.attrib.pop(XLINK + "href", None) or element.get("href")
        if link is not None:
            element.set("href", "#" + short.get(link[1:], link[1:]) if link[0] == "#" else link)
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, short[value])
            elif "url(#" in value:
                renamed = re.sub(r"(?<=url\(#)[^)]+", lambda m: short.get(m[0], m[0]), value)
                element.set(key, renamed)
    styled = {}
    for element in root.iter():
        if "style" in element.attrib:
            styled.setdefault(element.get("style"), []).append(element)
    rules, names = [], itertools.count()
    for style, elements in styled.items():
        if len(elements) >= REPEATED:
            name = f"{prefix}s{next(names)}"
            rules.append(f".{name}{{{style}}}")
            for element in elements:
                del element.attrib["style"]
                element.set("class", name)
    if rules:
        sheet = ET.Element(SVG + "style")
        sheet.text = "".join(rules)
        root.insert(0, sheet)
    return short
