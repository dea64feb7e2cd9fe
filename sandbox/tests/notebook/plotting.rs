//! The guest's own matplotlib: where things are in the SVG that a cell draws.

use crate::Notebook;
use roxmltree::{Document, Node};

impl Notebook {
    /// The SVG that a cell draws after `import matplotlib.pyplot as plt`.
    async fn draw(&mut self, code: &str) -> String {
        let code = format!("import matplotlib.pyplot as plt\n{code}\nplt.savefig('drawn.svg')");
        assert_eq!(self.see(&code).await, "(no output)");
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
