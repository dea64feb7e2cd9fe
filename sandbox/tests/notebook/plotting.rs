//! The guest's own matplotlib: where things are in the SVG that a cell draws.

use crate::Notebook;
use roxmltree::{Document, Node};

impl Notebook {
    /// The SVG that a cell draws after `import matplotlib.pyplot as plt`.
    async fn draw(&mut self, code: &str) -> String {
        let code = format!("import matplotlib.pyplot as plt\n{code}\nplt.savefig('drawn.svg')");
        let seen = self.see(&code).await;
        assert!(
            seen.contains("drawn.svg (") && !seen.contains("Error"),
            "{seen}"
        );
        std::fs::read_to_string(self.data.path().join("drawn.svg")).unwrap()
    }
}

async fn draw(code: &str) -> String {
    Notebook::new().await.draw(code).await
}

/// The elements below `node` whose `class` is the given one, in order.
fn of_class<'a>(node: Node<'a, 'a>, class: &str) -> Vec<Node<'a, 'a>> {
    node.descendants()
        .filter(|node| node.attribute("class") == Some(class))
        .collect()
}

fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// `(left, top, right, bottom)` of a rectangle.
fn corners(node: Node) -> [f64; 4] {
    let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(node, name));
    [x, y, x + width, y + height]
}

/// The points of a path of straight lines.
fn points(path: Node) -> Vec<[f64; 2]> {
    path.attribute("d")
        .unwrap()
        .split(['M', 'L', 'Z'])
        .filter(|point| !point.is_empty())
        .map(|point| {
            let (x, y) = point.split_once(' ').unwrap();
            [x.parse().unwrap(), y.parse().unwrap()]
        })
        .collect()
}

/// The points of the line with a label.
fn line(svg: &Document, label: &str) -> Vec<[f64; 2]> {
    let group = of_class(svg.root(), "line")
        .into_iter()
        .find(|line| line.attribute("data-label") == Some(label))
        .unwrap();
    group
        .children()
        .filter(|node| node.has_tag_name("path"))
        .flat_map(points)
        .collect()
}

fn text(node: Node) -> String {
    node.descendants()
        .filter_map(|node| node.text().filter(|_| node.is_text()))
        .collect()
}

fn texts(node: Node) -> Vec<String> {
    node.descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(text)
        .collect()
}

/// `(label, pixel)` of each tick of an axis of the n-th axes.
fn ticks(svg: &Document, axes: usize, axis: char) -> Vec<(String, f64)> {
    let axes = of_class(svg.root(), "axes")[axes];
    let labels = of_class(axes, &format!("tick-labels-{axis}"));
    let marks = of_class(axes, &format!("ticks-{axis}"));
    let coordinate = usize::from(axis == 'y');
    let places = marks[0].children().filter(Node::is_element);
    let places = places.map(|mark| points(mark)[0][coordinate]);
    texts(labels[0]).into_iter().zip(places).collect()
}

/// The pixel of a value on a linear axis, by two of its ticks.
fn place(ticks: &[(String, f64)], value: f64) -> f64 {
    let value_of = |tick: &(String, f64)| tick.0.replace('−', "-").parse::<f64>().unwrap();
    let (first, last) = (ticks.first().unwrap(), ticks.last().unwrap());
    let share = (value - value_of(first)) / (value_of(last) - value_of(first));
    first.1 + share * (last.1 - first.1)
}

#[track_caller]
fn assert_near(one: f64, two: f64) {
    assert!((one - two).abs() < 0.03, "{one} is not {two}");
}

#[tokio::test]
async fn a_line_is_linear_between_its_ticks() {
    let svg = draw("plt.plot([0, 1, 4, 5], [10, -20, 30, 7.5], label='line')").await;
    let svg = Document::parse(&svg).unwrap();
    let (x, y) = (ticks(&svg, 0, 'x'), ticks(&svg, 0, 'y'));
    let labels: Vec<_> = y.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["−20", "−10", "0", "10", "20", "30"]);
    let drawn = line(&svg, "line");
    assert_eq!(drawn.len(), 4);
    for (point, (vx, vy)) in drawn
        .iter()
        .zip([(0., 10.), (1., -20.), (4., 30.), (5., 7.5)])
    {
        assert_near(point[0], place(&x, vx));
        assert_near(point[1], place(&y, vy));
    }
}

#[tokio::test]
async fn bars_are_as_high_as_their_values() {
    let svg = draw("bars = plt.bar(['a', 'b', 'c'], [1, 2.5, -1.5], width=0.5)").await;
    let svg = Document::parse(&svg).unwrap();
    let (x, y) = (ticks(&svg, 0, 'x'), ticks(&svg, 0, 'y'));
    let bars = of_class(svg.root(), "bar").into_iter().map(corners);
    let zero = place(&y, 0.0);
    for ((bar, value), (_, middle)) in bars.zip([1.0, 2.5, -1.5]).zip(&x) {
        let [left, top, right, bottom] = bar;
        assert_near(top, zero.min(place(&y, value)));
        assert_near(bottom, zero.max(place(&y, value)));
        assert_near((left + right) / 2.0, *middle);
        assert_near(right - left, 0.5 * (x[1].1 - x[0].1));
    }
}

#[tokio::test]
async fn bars_of_positive_values_stand_on_the_axis() {
    let svg = draw("plt.bar([1, 2], [3, 4])").await;
    let svg = Document::parse(&svg).unwrap();
    let [.., bottom] = corners(of_class(svg.root(), "background")[0]);
    for bar in of_class(svg.root(), "bar") {
        assert_near(corners(bar)[3], bottom);
    }
}

#[tokio::test]
async fn a_histogram_counts() {
    let code = "n, edges, bars = plt.hist([0, 1, 1, 2, 2, 2, 4], bins=4)\nprint(n, edges)\nplt.savefig('h.svg')";
    let mut notebook = Notebook::new().await;
    notebook.run("import matplotlib.pyplot as plt").await;
    assert_eq!(
        notebook.run(code).await.stdout(),
        "[1.0, 2.0, 3.0, 1.0] [0.0, 1.0, 2.0, 3.0, 4.0]\n"
    );
    let svg = std::fs::read_to_string(notebook.data.path().join("h.svg")).unwrap();
    let svg = Document::parse(&svg).unwrap();
    let y = ticks(&svg, 0, 'y');
    let tops = of_class(svg.root(), "bar")
        .into_iter()
        .map(|bar| corners(bar)[1]);
    for (top, count) in tops.zip([1.0, 2.0, 3.0, 1.0]) {
        assert_near(top, place(&y, count));
    }
}

#[tokio::test]
async fn a_logarithmic_axis_has_powers_at_equal_distances() {
    let svg =
        draw("plt.plot([1, 2, 3], [1, 1000, 10**5], label='powers')\nplt.yscale('log')").await;
    let svg = Document::parse(&svg).unwrap();
    let y = ticks(&svg, 0, 'y');
    let labels: Vec<_> = y.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["100", "101", "102", "103", "104", "105"]);
    let decade = y[0].1 - y[1].1;
    for pair in y.windows(2) {
        assert_near(pair[0].1 - pair[1].1, decade);
    }
    let drawn = line(&svg, "powers");
    for (point, power) in drawn.iter().zip([0, 3, 5]) {
        assert_near(point[1], y[power].1);
    }
}

#[tokio::test]
async fn values_without_a_place_are_gaps() {
    let code = "
plt.plot([1, 2, 3, 4, 5, 6, 7], [1, 2, float('nan'), 4, None, 6, float('inf')], label='gaps')
plt.figure()
plt.semilogy([10, 100, 0, -1, 1000], label='logarithmic')
plt.savefig('logarithmic.svg')
plt.close()";
    let mut notebook = Notebook::new().await;
    // Where each piece of the line begins, and how many points there are in all.
    let pieces = |svg: &str, label: &str| {
        let svg = Document::parse(svg).unwrap();
        let lines = of_class(svg.root(), "line")[0];
        let path = lines.first_element_child().unwrap();
        let begun = path.attribute("d").unwrap().matches('M').count();
        (begun, line(&svg, label).len())
    };
    let svg = notebook.draw(code).await;
    assert_eq!(pieces(&svg, "gaps"), (3, 4));
    assert!(!svg.contains("nan") && !svg.contains("inf"), "{svg}");
    let svg = std::fs::read_to_string(notebook.data.path().join("logarithmic.svg")).unwrap();
    assert_eq!(pieces(&svg, "logarithmic"), (2, 3));
}

#[tokio::test]
async fn what_is_outside_the_limits_is_clipped() {
    let code = "plt.plot([0, 10], [0, 10], label='line')\nplt.scatter([1, 5, 900], [1, 5, 900])\n\
                plt.xlim(4, 6)\nplt.ylim(4, 6)";
    let svg = draw(code).await;
    let svg = Document::parse(&svg).unwrap();
    let frame = corners(of_class(svg.root(), "background")[0]);
    let clip = of_class(svg.root(), "line")[0].parent().unwrap();
    assert_eq!(clip.tag_name().name(), "svg");
    assert_eq!(
        (corners(clip), clip.attribute("overflow")),
        (frame, Some("hidden"))
    );
    for [x, y] in line(&svg, "line") {
        assert!(frame[0] - 21.0 < x && x < frame[2] + 21.0, "{x}");
        assert!(frame[1] - 21.0 < y && y < frame[3] + 21.0, "{y}");
    }
    let points = of_class(svg.root(), "points")[0];
    assert_eq!(points.children().filter(Node::is_element).count(), 1);
}

#[tokio::test]
async fn a_legend_names_what_has_a_label() {
    let code = "
plt.plot([1, 2], 'r--', label='line')
plt.bar([0, 1], [1, 2], label='bars')
plt.plot([2, 1])
plt.scatter([0], [1], label='_hidden')
plt.legend()";
    let svg = draw(code).await;
    let svg = Document::parse(&svg).unwrap();
    let legend = of_class(svg.root(), "legend")[0];
    assert_eq!(texts(legend), ["line", "bars"]);
    let sign = legend
        .children()
        .find(|node| node.has_tag_name("path"))
        .unwrap();
    let style = ["stroke", "stroke-dasharray"].map(|name| sign.attribute(name).unwrap());
    assert_eq!(style, ["#ff0000", "7.708 3.333"]);
}

#[tokio::test]
async fn a_legend_leaves_the_data_free() {
    for (code, corner) in [
        ("plt.plot([0, 1, 1], [1, 1, 0], label='x')", [true, false]),
        ("plt.plot([0, 0, 1], [0, 1, 1], label='x')", [false, false]),
        ("plt.plot([0, 0, 1], [1, 0, 0], label='x')", [false, true]),
    ] {
        let svg = draw(&format!("{code}\nplt.legend()")).await;
        let svg = Document::parse(&svg).unwrap();
        let legend = of_class(svg.root(), "legend")[0];
        let [left, top, right, bottom] = corners(legend.first_element_child().unwrap());
        assert_eq!(
            [(left + right) / 2.0 < 320.0, (top + bottom) / 2.0 < 240.0],
            corner,
            "{code}"
        );
    }
}

#[tokio::test]
async fn texts_are_escaped() {
    let code = "
plt.plot([1, 2], label='\"><script>alert(1)</script>')
plt.title('<script>alert(2)</script> & \\x00\\ud800')
plt.xlabel(']]>')
plt.xticks([0, 1], ['<b>', '&amp;'])
plt.legend()";
    let svg = draw(code).await;
    assert!(!svg.contains("<script"), "{svg}");
    let svg = Document::parse(&svg).unwrap();
    let title = text(of_class(svg.root(), "title")[0]);
    assert_eq!(title, "<script>alert(2)</script> & \u{fffd}\u{fffd}");
    assert_eq!(
        texts(of_class(svg.root(), "legend")[0]),
        ["\"><script>alert(1)</script>"]
    );
    let labels: Vec<_> = ticks(&svg, 0, 'x')
        .into_iter()
        .map(|(label, _)| label)
        .collect();
    assert_eq!(labels, ["<b>", "&amp;"]);
}

#[tokio::test]
async fn subplots_do_not_overlap() {
    let code = "
fig, axes = plt.subplots(2, 2)
for i, ax in enumerate(axes.flat):
    ax.plot([0, 12345678 * i], [0, 100000.5])
    ax.set(title=f'Panel {i}\\nof four', xlabel='a label of x', ylabel='a label of y')
fig.suptitle('All four')";
    let svg = draw(code).await;
    let svg = Document::parse(&svg).unwrap();
    let axes = of_class(svg.root(), "axes");
    let boxes: Vec<_> = axes
        .iter()
        .map(|axes| corners(of_class(*axes, "background")[0]))
        .collect();
    assert_eq!(boxes.len(), 4);
    // Rows and columns are aligned.
    assert_eq!((boxes[0][0], boxes[0][1]), (boxes[2][0], boxes[1][1]));
    let y_of = |axes: Node, class: &str| number(of_class(axes, class)[0], "y");
    let x_of = |axes: Node, class: &str| number(of_class(axes, class)[0], "x");
    // From top to bottom: heading, title, box, label, and the next row below it.
    let heading = number(of_class(svg.root(), "suptitle")[0], "y");
    assert!(heading < y_of(axes[0], "title") - 10.0);
    assert!(y_of(axes[0], "title") < boxes[0][1]);
    assert!(boxes[0][3] < y_of(axes[0], "label-x"));
    assert!(y_of(axes[0], "label-x") < y_of(axes[2], "title") - 10.0);
    assert!(y_of(axes[2], "label-x") < 480.0);
    // From left to right: label, box, and the same of the next column.
    assert!(0.0 < x_of(axes[0], "label-y") - 10.0);
    assert!(x_of(axes[0], "label-y") < boxes[0][0]);
    assert!(boxes[0][2] < x_of(axes[1], "label-y") - 10.0);
    assert!(x_of(axes[1], "label-y") < boxes[1][0] && boxes[1][2] < 640.0);
}

#[tokio::test]
async fn dates_have_round_ticks_at_their_places() {
    let code = "
import datetime
days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=n) for n in range(0, 151, 50)]
plt.plot(days, range(4), label='days')";
    let svg = draw(code).await;
    let svg = Document::parse(&svg).unwrap();
    let x = ticks(&svg, 0, 'x');
    let labels: Vec<_> = x.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06"
        ]
    );
    // Day 0 is the first of January and day 152 the first of June.
    for (point, day) in line(&svg, "days").iter().zip([0.0, 50.0, 100.0, 150.0]) {
        assert_near(point[0], x[0].1 + (x[5].1 - x[0].1) * day / 152.0);
    }
}

#[tokio::test]
async fn twin_axes_have_a_scale_of_their_own() {
    let code = "
fig, left = plt.subplots()
left.plot([0, 1], [0, 10], label='left')
right = left.twinx()
right.plot([0, 1], [0, 5000], label='right')";
    let svg = draw(code).await;
    let svg = Document::parse(&svg).unwrap();
    assert_eq!(line(&svg, "left"), line(&svg, "right"));
    let (left, right) = (ticks(&svg, 0, 'y'), ticks(&svg, 1, 'y'));
    assert_near(place(&left, 10.0), place(&right, 5000.0));
    let [.., edge, _] = corners(of_class(svg.root(), "background")[0]);
    let label = of_class(of_class(svg.root(), "axes")[1], "tick-labels-y")[0];
    assert!(number(label.first_element_child().unwrap(), "x") > edge);
}

#[tokio::test]
async fn a_pie_has_sectors_and_shares() {
    let svg = draw("plt.pie([3, 1], labels=['most', 'rest'], autopct='%.0f%%')").await;
    let svg = Document::parse(&svg).unwrap();
    let sectors = of_class(svg.root(), "wedge");
    let colors: Vec<_> = sectors
        .iter()
        .map(|sector| sector.attribute("fill").unwrap())
        .collect();
    assert_eq!(colors, ["#1f77b4", "#ff7f0e"]);
    let said: Vec<_> = of_class(svg.root(), "text").into_iter().map(text).collect();
    assert_eq!(said, ["most", "rest", "75%", "25%"]);
}

#[tokio::test]
async fn a_matrix_is_shown_cell_by_cell() {
    let svg = draw("plt.imshow([[0, 1], [2, 3], [4, 5]], cmap='gray')\nplt.colorbar()").await;
    let svg = Document::parse(&svg).unwrap();
    let cells: Vec<_> = of_class(svg.root(), "cells")[0]
        .children()
        .filter(Node::is_element)
        .collect();
    let fills: Vec<_> = cells
        .iter()
        .map(|cell| cell.attribute("fill").unwrap())
        .collect();
    assert_eq!(
        fills,
        [
            "#000000", "#333333", "#666666", "#999999", "#cccccc", "#ffffff"
        ]
    );
    let [left, top, right, bottom] = corners(cells[0]);
    assert_near(right - left, bottom - top);
    assert_near(corners(cells[5])[0], right);
    assert_near(corners(cells[5])[3] - top, 3.0 * (bottom - top));
    let bar: Vec<_> = ticks(&svg, 1, 'y')
        .into_iter()
        .map(|(label, _)| label)
        .collect();
    assert_eq!(bar, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn labels_that_do_not_fit_lean_and_then_thin_out() {
    let leaning = draw("plt.bar([f'a long name {n}' for n in range(8)], range(8))").await;
    let leaning = Document::parse(&leaning).unwrap();
    let labels = of_class(leaning.root(), "tick-labels-x")[0];
    let turn = labels
        .first_element_child()
        .unwrap()
        .attribute("transform")
        .unwrap();
    assert!(turn.starts_with("rotate(-45 "), "{turn}");
    assert_eq!(texts(labels).len(), 8);

    let many = draw("plt.bar([f'a long name {n}' for n in range(400)], range(400))").await;
    let many = Document::parse(&many).unwrap();
    let places: Vec<_> = of_class(many.root(), "tick-labels-x")[0]
        .children()
        .filter(Node::is_element)
        .map(|label| number(label, "x"))
        .collect();
    assert!(places.len() > 10);
    for pair in places.windows(2) {
        assert!(pair[1] - pair[0] > 13.0, "{places:?}");
    }
}

#[tokio::test]
async fn any_numbers_can_be_plotted() {
    let code = "
import array, decimal, fractions, sympy
values = [
    [1, 2, 3], (1, 2, 3), range(1, 4), array.array('d', [1, 2, 3]), (n for n in (1, 2, 3)), {1: 0, 2: 0, 3: 0}.keys(),
    [fractions.Fraction(1), decimal.Decimal(2), sympy.sqrt(9)], [sympy.Integer(1), sympy.Rational(4, 2), 3.0],
]
for index, ys in enumerate(values):
    plt.plot([0, 1, 2], ys, label=str(index))";
    let svg = draw(code).await;
    let svg = Document::parse(&svg).unwrap();
    for index in 1..8 {
        assert_eq!(line(&svg, &index.to_string()), line(&svg, "0"), "{index}");
    }
}

#[tokio::test]
async fn show_saves_each_figure_under_a_new_name() {
    let mut notebook = Notebook::new().await;
    let code = "
import matplotlib.pyplot as plt, os
open('figure-2.svg', 'w').write('mine')
plt.plot([1, 2]); plt.title('first')
plt.figure(); plt.title('second')
plt.show()
plt.show()
plt.title('third'); plt.show()
print(sorted(os.listdir()), plt.get_fignums())";
    assert_eq!(
        notebook.run(code).await.stdout(),
        "['figure-1.svg', 'figure-2.svg', 'figure-3.svg', 'figure-4.svg'] []\n"
    );
    let read = |name: &str| std::fs::read_to_string(notebook.data.path().join(name)).unwrap();
    assert_eq!(read("figure-2.svg"), "mine");
    for (name, title) in [
        ("figure-1.svg", "first"),
        ("figure-3.svg", "second"),
        ("figure-4.svg", "third"),
    ] {
        let svg = read(name);
        let svg = Document::parse(&svg).unwrap();
        assert_eq!(text(of_class(svg.root(), "title")[0]), title);
    }
}

#[tokio::test]
async fn other_formats_become_svg() {
    let mut notebook = Notebook::new().await;
    let code = "
import io, matplotlib.pyplot as plt, os
plt.plot([1, 2])
plt.savefig('a.png', dpi=300)
file = io.BytesIO()
plt.savefig(file, format='png')
plt.savefig('b.svg')
print(sorted(os.listdir()), file.getvalue() == open('a.svg', 'rb').read() == open('b.svg', 'rb').read())";
    let cell = notebook.run(code).await;
    assert_eq!(
        cell.stdout() + &cell.stderr(),
        "['a.svg', 'b.svg'] True\n\
         this sandbox's matplotlib draws SVG: saved a.svg instead of a.png\n\
         this sandbox's matplotlib draws SVG: wrote SVG instead of PNG\n"
    );
}

#[tokio::test]
async fn what_is_missing_says_so_in_one_line() {
    let pack = "needs the scientific pack (glm sandbox install scientific)";
    for (code, said) in [
        (
            "plt.contour([[1]])",
            format!(
                "AttributeError: this sandbox's matplotlib draws plain charts; plt.contour {pack}\n"
            ),
        ),
        (
            "plt.figure().add_subplot(projection='3d')",
            format!(
                "NotImplementedError: this sandbox's matplotlib draws plain charts; a 3d plot {pack}\n"
            ),
        ),
        (
            "plt.gca().quiver",
            format!(
                "AttributeError: this sandbox's matplotlib draws plain charts; Axes.quiver {pack}\n"
            ),
        ),
        (
            "plt.plot([1, 2], [1])",
            "ValueError: x and y must have the same length, but x has 2, y has 1\n".into(),
        ),
        (
            "plt.plot([1j])",
            "TypeError: cannot plot 1j: not a real number\n".into(),
        ),
    ] {
        let seen = Notebook::new()
            .await
            .see(&format!("import matplotlib.pyplot as plt\n{code}"))
            .await;
        let (cell, message) = seen.split_at(seen.rfind(&said).unwrap_or_else(|| panic!("{seen}")));
        assert_eq!(message, said);
        assert_eq!(cell.matches("File ").count(), 1, "{seen}");
    }
    assert_eq!(
        Notebook::new()
            .await
            .see("import matplotlib.animation")
            .await,
        "ModuleNotFoundError: No module named 'matplotlib.animation' (part of the scientific pack: glm sandbox install scientific)\n"
    );
}

#[tokio::test]
async fn sympy_plots_through_it() {
    let mut notebook = Notebook::new().await;
    let code = "
from sympy import *
x = symbols('x')
plot(x**2, (x, -2, 2), title='parabola')
plot(1/x, (x, -1, 1), ylim=(-10, 10))
import os
print(sorted(os.listdir()))";
    assert_eq!(
        notebook.run(code).await.stdout(),
        "['figure-1.svg', 'figure-2.svg']\n"
    );
    let read = |name: &str| std::fs::read_to_string(notebook.data.path().join(name)).unwrap();
    let svg = read("figure-1.svg");
    let svg = Document::parse(&svg).unwrap();
    assert_eq!(text(of_class(svg.root(), "title")[0]), "parabola");
    let (x, y) = (ticks(&svg, 0, 'x'), ticks(&svg, 0, 'y'));
    let drawn = of_class(svg.root(), "line")[0]
        .first_element_child()
        .unwrap();
    let drawn = points(drawn);
    assert!(drawn.len() > 100);
    assert_near(drawn[0][0], place(&x, -2.0));
    assert_near(drawn[0][1], place(&y, 4.0));
    // The two branches of 1/x are not joined.
    let svg = read("figure-2.svg");
    let svg = Document::parse(&svg).unwrap();
    let drawn = of_class(svg.root(), "line")[0]
        .first_element_child()
        .unwrap();
    assert_eq!(drawn.attribute("d").unwrap().matches('M').count(), 2);
}

#[tokio::test]
async fn the_same_calls_give_the_same_bytes() {
    let code = "
plt.figure(figsize=(3, 2))
plt.plot([0, 1, 2], [0, 10, 5], 'o-', label='$x_1$')
plt.title('Small')
plt.xlabel('time')
plt.legend()
plt.grid(True)";
    let mut notebook = Notebook::new().await;
    let svg = notebook.draw(code).await;
    assert_eq!(
        notebook.draw(&format!("plt.close('all')\n{code}")).await,
        svg
    );
    assert_eq!(draw(code).await, svg);
    insta::assert_snapshot!(svg);
}
